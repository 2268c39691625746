"""The demo, rehearsed from end to end: every kind of slip is in it, and three honest failures."""

from collections import Counter

import pytest

from pipelines import Passed, Previous, Sandbox, find, judge, load, prepare, rehearse, units

HOPELESS = {
    "generate": ["Tam_Ferrow-suspicious-missing_bell"],
    "score": ["Maren_Tolk-cheerful-salt_tax", "Granny_Hob-grieving-stray_dog"],
}


@pytest.fixture(scope="module")
def demo():
    return load(find("NpcDialog"))


async def _ask(pipeline, step, live, sandbox):
    """Return the units that passed, those that never did, and what was seen on the way."""
    prepared = prepare(pipeline, step)
    seen = Counter()
    passed = {}
    todo = [(unit, None) for unit in live]
    for attempt in range(1, pipeline.max_retries + 2):
        asked = []
        for unit, previous in todo:
            prompt = prepared.prompt(unit, previous)
            reply = rehearse(pipeline, step, unit, attempt=attempt, prompt=prompt)
            assert reply is not None
            seen["fenced"] += reply.count("```json")
            asked.append((unit, reply))
        todo = []
        for (unit, reply), verdict in zip(
            asked, await judge(prepared, asked, sandbox), strict=True
        ):
            if isinstance(verdict, Passed):
                seen.update("coerced" for note in verdict.notes if "taken as" in note)
                seen["mended"] += attempt > 1
                passed[unit["unit_id"]] = {**unit, **verdict.fields}
            else:
                seen[verdict.errors[0].rule] += attempt == 1
                todo.append((unit, Previous(attempt, reply, verdict.errors)))
    return [passed[u["unit_id"]] for u in live if u["unit_id"] in passed], todo, seen


async def test_sixty_units_show_every_slip_and_three_honest_failures(demo):
    live = list(units(demo))
    assert len(live) == 60
    counted = {}
    async with Sandbox() as sandbox:
        for step in demo.steps:
            live, failed, counted[step.name] = await _ask(demo, step, live, sandbox)
            assert [unit["unit_id"] for unit, _ in failed] == HOPELESS[step.name]
    generate, score = counted["generate"], counted["score"]
    assert len(live) == 57
    assert generate["enum"] == 1
    assert generate["fenced"] >= 5
    assert generate["coerced"] >= 5
    assert 3 <= generate["says_something"] <= 10
    assert 6 <= score["in_character"] <= 12
    assert generate["mended"] + score["mended"] >= 8


def test_the_same_asking_gets_the_same_reply(demo):
    unit = next(units(demo))
    step = demo.steps[0]
    prompt = prepare(demo, step).prompt(unit)
    first, second, later = (
        rehearse(demo, step, unit, attempt=attempt, prompt=prompt) for attempt in (1, 1, 2)
    )
    assert first == second
    assert later is not None


def test_a_step_without_a_rehearsal_has_no_reply(make_folder):
    pipeline = load(make_folder())
    unit = next(units(pipeline))
    prompt = prepare(pipeline, pipeline.steps[0]).prompt(unit)
    assert rehearse(pipeline, pipeline.steps[0], unit, attempt=1, prompt=prompt) is None
