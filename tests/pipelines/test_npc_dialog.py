"""What the people of the harbour town rehearse: the slips of a model, and how they are mended."""

from collections import Counter
from typing import NamedTuple

import pytest

from pipelines import Passed, Sandbox, Unit, Verdict, find, judge, load, prepare, rehearse, units

SPEECHLESS = {"Tam_Ferrow-suspicious-missing_bell"}
HOPELESS = {"Maren_Tolk-cheerful-salt_tax", "Granny_Hob-grieving-stray_dog"}


class Asked(NamedTuple):
    """A unit, the reply rehearsed for it, and what that is worth."""

    unit: Unit
    reply: str
    verdict: Verdict

    @property
    def unit_id(self):
        return self.unit["unit_id"]

    @property
    def passed(self):
        return isinstance(self.verdict, Passed)

    @property
    def merged(self):
        assert isinstance(self.verdict, Passed)
        return {**self.unit, **self.verdict.fields}


@pytest.fixture(scope="module")
def demo():
    return load(find("NpcDialog"))


@pytest.fixture
async def ask(demo):
    """Ask units once at a step."""
    async with Sandbox() as sandbox:

        async def ask(step, some, *, turn=1, attempt=1):
            prepared = prepare(demo, demo.step(step))
            replies = [_reply(demo, step, unit, turn, attempt) or "" for unit in some]
            asked = list(zip(some, replies, strict=True))
            verdicts = await judge(prepared, asked, sandbox)
            return [Asked(*pair, verdict) for pair, verdict in zip(asked, verdicts, strict=True)]

        yield ask


def _reply(pipeline, step, unit, turn=1, attempt=1):
    return rehearse(
        pipeline,
        pipeline.step(step),
        unit,
        prompt=prepare(pipeline, pipeline.step(step)).prompt(unit),
        attempt=attempt,
        round_number=turn,
        computed={},
    )


async def _generated(demo, ask, *, turn):
    """Return the dialogs of a round, asked for twice where the first was not good enough."""
    first = await ask("generate", list(units(demo)), turn=turn)
    again = [one.unit for one in first if not one.passed]
    second = await ask("generate", again, turn=turn, attempt=2)
    return [one for one in [*first, *second] if one.passed]


async def test_sixty_first_dialogs_show_every_slip(demo, ask):
    """What is put right, what is asked again, and one who will not answer."""
    asked = await ask("generate", list(units(demo)))
    assert len(asked) == 60
    notes = [note for one in asked if isinstance(one.verdict, Passed) for note in one.verdict.notes]
    rules = Counter(
        one.verdict.errors[0].rule for one in asked if not isinstance(one.verdict, Passed)
    )
    assert sum("```json" in one.reply for one in asked) >= 5
    assert sum("taken as" in note for note in notes) >= 5
    assert rules.keys() == {"says_something", "enum", "json"}
    assert 3 <= rules["says_something"] <= 10
    failed = [one.unit for one in asked if not one.passed]
    again = await ask("generate", failed, attempt=2)
    assert {one.unit_id for one in again if not one.passed} == SPEECHLESS


async def test_the_judge_goes_by_the_dialog(demo, ask):
    """Small talk is sent back in whatever round it comes; two know nothing else."""
    sent_back = []
    for turn in (1, 2, 3):
        dialogs = await _generated(demo, ask, turn=turn)
        scored = await ask("score", [one.merged for one in dialogs], turn=turn)
        sent_back.append({one.unit_id for one in scored if not one.passed})
    first, second, third = sent_back
    assert first > second > third == HOPELESS
    assert len(first) == 12


async def test_a_judge_is_not_moved_by_being_asked_again(demo, ask):
    """The same dialog, another round: no better."""
    scored = []
    for turn in (1, 2):
        dialogs = await _generated(demo, ask, turn=1)
        scored.append(await ask("score", [one.merged for one in dialogs], turn=turn))
    once, twice = ({one.unit_id for one in some if one.passed} for some in scored)
    assert once == twice


def test_the_same_asking_gets_the_same_reply(demo):
    unit = next(units(demo))
    first, second = (_reply(demo, "generate", unit) for _ in range(2))
    assert first
    assert first == second


def test_a_step_without_a_rehearsal_has_no_reply(make_folder):
    pipeline = load(make_folder())
    unit = next(units(pipeline))
    assert _reply(pipeline, "ask", unit) is None
