"""Units on every kind of way: sent back, passed by, nested, computed, fanned out."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import pipelines
import runs
from pipelines import Launch
from providers.emulator import client
from runs import Stage
from tasks.create import create_run
from tasks.opening import opened
from tasks.session import Session
from tests.tasks.conftest import through

CONFIG = """\
name: Mill
items_source: items.jsonl
chunk_size: 4
max_retries: 2
api: {provider: openai, model: gpt-6-luna}
pipeline:
  - {name: write, template: write.jinja2, output_schema: write.json}
  - {name: measure, scope: expression, expressions: {size: len(draft)}}
  - name: judge
    template: judge.jinja2
    output_schema: judge.json
    retry_step: write
    rules: [{name: liked, expr: "grade >= 5", error: "graded {grade}"}]
  - {name: stamp, scope: expression, expressions: {stamped: "f'{unit_id} {size}'"}}
"""
FILES = {
    "templates/write.jinja2": "Write for {{ unit_id }}.",
    "templates/judge.jinja2": "Grade {{ draft }}.",
    "schemas/write.json": json.dumps(
        {
            "type": "object",
            "properties": {"draft": {"type": "string"}, "heard": {"type": "string"}},
            "required": ["draft", "heard"],
        }
    ),
    "schemas/judge.json": json.dumps(
        {
            "type": "object",
            "properties": {"grade": {"type": "integer"}, "why": {"type": "string"}},
            "required": ["grade", "why"],
        }
    ),
    # A unit is good from its round `good_at` on, and repeats what it was told at last.
    "rehearsal/write.jinja2": (
        "{% set draft = 'good' if round >= good_at else 'bad' %}"
        '{"draft": "{{ draft }} {{ round }}", "heard": {{ prompt.turns[-1][1] | tojson }}}'
    ),
    "rehearsal/judge.jinja2": '{"grade": {{ 9 if "good" in draft else 2 }}, "why": "too short"}',
}
GOOD_AT = {"a": 1, "b": 2, "c": 3, "d": 9, "e": 1, "f": 2}


@pytest.fixture
def make(root, tmp_path):
    """Make a run of a pipeline with these steps and these items."""

    def make(items, config=CONFIG, files=FILES) -> Path:
        folder = tmp_path / "Mill"
        lines = "\n".join(json.dumps(item) for item in items)
        for name, content in {**files, "config.yaml": config, "items.jsonl": lines}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        run_dir = root / f"mill-{len(list(root.iterdir()))}"
        create_run(pipelines.load(folder), Launch(pipeline="Mill", emulate=True), run_dir)
        return run_dir

    return make


@pytest.fixture
def mill(make):
    """A run whose units need so many rounds as `GOOD_AT` says."""
    return make([{"id": name, "good_at": n} for name, n in GOOD_AT.items()])


def rows(view: runs.RunView, kind: str) -> dict[str, dict[str, Any]]:
    path = view.paths.results if kind == "results" else view.paths.failures
    return {row["unit_id"]: row for row in runs.read_jsonl(path)}


def asked(run_dir: Path, step: str) -> Counter[tuple[str, int]]:
    """Count the attempts at a step by unit and round."""
    paths = run_dir.glob(f"chunk_*/{step}_results.jsonl")
    return Counter(
        (row["unit_id"], row["round"]) for path in paths for row in runs.read_jsonl(path)
    )


def test_what_a_judge_rejects_is_made_again(mill, root):
    """Exactly the units that were sent back are asked again, and judged again, in new rounds."""
    asyncio.run(through(mill))
    view = runs.read(mill)
    assert set(rows(view, "results")) == {"a", "b", "c", "e", "f"}
    assert set(rows(view, "failures")) == {"d"}
    due = {(name, turn) for name, n in GOOD_AT.items() for turn in range(1, min(n, 3) + 1)}
    assert set(asked(mill, "write")) == set(asked(mill, "judge")) == due
    assert set(asked(mill, "write").values()) == {1}
    assert client.ledger(client.start(root)).calls == 2 * len(due)
    [failure] = rows(view, "failures").values()
    assert (failure["step"], failure["round"], failure["failure_stage"]) == (
        "judge",
        3,
        "validation",
    )


def test_the_one_who_made_it_hears_what_was_wrong(mill):
    """The later step's errors and its findings are in the prompt, and so is the earlier reply."""
    asyncio.run(through(mill))
    results = rows(runs.read(mill), "results")
    assert results["a"]["heard"] == "Write for a."
    assert "graded 2" in results["b"]["heard"]
    assert "too short" in results["b"]["heard"]
    assert "'judge'" in results["b"]["heard"]


def test_steps_in_between_are_gone_through_again(mill):
    """A unit that was made anew carries nothing of what it was before."""
    asyncio.run(through(mill))
    results = rows(runs.read(mill), "results")
    assert results["a"] == {
        "unit_id": "a",
        "id": "a",
        "good_at": 1,
        "draft": "good 1",
        "heard": "Write for a.",
        "size": 6,
        "grade": 9,
        "why": "too short",
        "stamped": "a 6",
    }
    assert results["c"]["draft"] == "good 3"


def test_counts_tell_before_from_after(mill):
    """In, valid, failed and sent back add up, over all rounds."""
    asyncio.run(through(mill))
    state = runs.read(mill).state
    judge = runs.step_counts(state)["judge"]
    assert judge.entered - judge.again == 6
    assert (judge.passed, judge.lost, judge.returned) == (5, 1, 6)
    assert judge.passed - judge.mended == 2
    numbers = runs.totals(state)
    assert (numbers.units, numbers.valid, numbers.failed, numbers.open) == (6, 5, 1, 0)
    assert numbers.progress == 1.0


class _StoppedError(Exception):
    """Stands for a process that dies between two rounds."""


async def _some(run_dir: Path, most: int) -> bool:
    """Do so many chunk-steps and die; say whether there was anything left."""
    async with opened(run_dir) as session:
        while chunks := session.open_chunks():
            for chunk in chunks:
                while (step := session.next_step(chunk)) is not None:
                    if most == 0:
                        raise _StoppedError
                    most -= 1
                    await session.advance(step, chunk)
        await session.end()
    return False


def derived(run_dir: Path) -> dict[str, bytes]:
    kinds = ("validated", "failures", "returned")
    found = [path for kind in kinds for path in run_dir.glob(f"chunk_*/*_{kind}.jsonl")]
    found += run_dir.glob("outputs/*.jsonl")
    return {str(path.relative_to(run_dir)): path.read_bytes() for path in found}


@pytest.mark.parametrize("most", [1, 2, 3])
def test_stopped_between_rounds_it_ends_with_the_same_bytes(make, most):
    """Whatever rounds a chunk is in, a new process goes on from the files alone."""
    items = [{"id": name, "good_at": n} for name, n in GOOD_AT.items()]
    whole, torn = make(items), make(items)
    asyncio.run(through(whole))
    for _ in range(100):
        try:
            asyncio.run(_some(torn, most))
        except _StoppedError:
            continue
        break
    assert derived(torn) == derived(whole)
    assert asked(torn, "write") == asked(whole, "write")


def test_a_round_whose_line_was_lost_is_settled_again_alike(make, monkeypatch):
    """Files are written before the journal: dying in between changes nothing."""
    items = [{"id": name, "good_at": n} for name, n in GOOD_AT.items()]
    whole, torn = make(items), make(items)
    asyncio.run(through(whole))
    close = runs.Run.close_round
    seen: set[tuple[str, str, int]] = set()

    def lost_once(self, chunk, step, counts, *, children=()):
        place = (chunk, step, self.state.chunks[chunk].round)
        if place not in seen:
            seen.add(place)
            raise _StoppedError
        close(self, chunk, step, counts, children=children)

    monkeypatch.setattr(runs.Run, "close_round", lost_once)
    for _ in range(100):
        try:
            asyncio.run(_some(torn, 10_000))
        except _StoppedError:
            continue
        break
    assert derived(torn) == derived(whole)
    assert asked(torn, "write") == asked(whole, "write")


NESTED = CONFIG.replace(
    "  - {name: stamp, scope: expression, expressions: {stamped: \"f'{unit_id} {size}'\"}}\n",
    """\
  - name: last
    scope: expression
    expressions: {enough: "int(draft.split()[1]) >= least"}
    retry_step: write
    rules: [{name: enough, expr: enough, error: "round {least} is needed"}]
""",
)


def test_a_way_back_inside_a_way_back(make):
    """Two steps that send back, one behind the other: every unit ends once, where it should."""
    needs = {"a": (1, 1), "b": (2, 1), "c": (1, 2), "d": (2, 3), "e": (9, 1), "f": (1, 9)}
    run_dir = make(
        [{"id": name, "good_at": g, "least": n} for name, (g, n) in needs.items()], NESTED
    )
    asyncio.run(through(run_dir))
    view = runs.read(run_dir)
    assert set(rows(view, "results")) == {"a", "b", "c", "d"}
    ends = {name: record["step"] for name, record in rows(view, "failures").items()}
    assert ends == {"e": "judge", "f": "last"}
    numbers = runs.totals(view.state)
    assert (numbers.units, numbers.valid, numbers.failed) == (6, 4, 2)


GATED = """\
name: Mill
items_source: items.jsonl
chunk_size: 3
api: {provider: openai, model: gpt-6-luna}
global_context: {town: Ys}
expressions: {shout: "topic.upper()"}
pipeline:
  - name: write
    template: write.jinja2
    when: "wanted"
    into: text
    rules:
      - {name: long, expr: "len(draft) > 1000", level: warning, error: "{draft} is short"}
  - {name: words, scope: expression, when: "wanted", expressions: {n: "10 // divisor"}}
"""
GATED_FILES = {
    "templates/write.jinja2": "{{ shout }} of {{ town }}",
    "rehearsal/write.jinja2": '{"draft": {{ prompt.turns[0][1] | tojson }}}',
}


def test_when_into_warnings_and_what_is_computed_for_templates(make):
    """Units that a step is not for go on as they are; what a template alone needs is not kept."""
    items = [
        {"id": "a", "wanted": True, "topic": "rain", "divisor": 3},
        {"id": "b", "wanted": False, "topic": "rain", "divisor": 0},
        {"id": "c", "wanted": True, "topic": 7, "divisor": 1},
        {"id": "d", "wanted": True, "topic": "sun", "divisor": 0},
        {"id": "e", "topic": "sun", "divisor": 1},
    ]
    run_dir = make(items, GATED, GATED_FILES)
    asyncio.run(through(run_dir))
    view = runs.read(run_dir)
    results, failures = rows(view, "results"), rows(view, "failures")
    assert results["a"]["text"] == {"draft": "RAIN of Ys"}
    assert "shout" not in results["a"]
    assert results["a"]["n"] == 3
    [warning] = results["a"]["_warnings"]
    assert (warning["step"], warning["rule"]) == ("write", "long")
    assert results["b"] == {"unit_id": "b", **items[1]}
    why = {name: (record["step"], record["failure_stage"]) for name, record in failures.items()}
    assert why == {
        "c": ("write", "expression"),
        "d": ("words", "expression"),
        "e": ("write", "expression"),
    }
    assert "shout" in failures["c"]["errors"][0]["message"]
    assert "wanted" in failures["e"]["errors"][0]["message"]
    counts = runs.step_counts(view.state)
    assert (counts["write"].skipped, counts["words"].skipped) == (1, 1)
    assert runs.totals(view.state).open == 0


FANNED = """\
name: Mill
items_source: items.jsonl
chunk_size: 2
api: {provider: openai, model: gpt-6-luna}
pipeline:
  - {name: split, scope: expression, expressions: {parts: "text.split() if text else None"}}
  - {name: fan, scope: fan_out, field: parts, child_field: part, when: "unit_id != 'whole'"}
  - {name: write, template: write.jinja2}
"""
FANNED_FILES = {
    "templates/write.jinja2": "Of {{ part }}",
    "rehearsal/write.jinja2": '{"said": "{{ part }}!"}',
}


def test_a_fan_out_makes_units_of_parts(make):
    """Children follow their parent's place; a unit without a list fails, an empty one has none."""
    texts = {"a": "x y z", "b": "u", "c": "", "d": " ", "e": "v w", "whole": "s t"}
    items = [{"id": name, "text": text, "part": text} for name, text in texts.items()]
    run_dir = make(items, FANNED, FANNED_FILES)
    asyncio.run(through(run_dir))
    view = runs.read(run_dir)
    ids = [row["unit_id"] for row in runs.read_jsonl(view.paths.results)]
    assert ids == [
        "a__fan000",
        "a__fan001",
        "a__fan002",
        "b__fan000",
        "e__fan000",
        "e__fan001",
        "whole",
    ]
    first = rows(view, "results")["a__fan000"]
    assert (first["part"], first["said"], first["_fan_parent_id"], first["_fan_index"]) == (
        "x",
        "x!",
        "a",
        0,
    )
    assert set(rows(view, "failures")) == {"c"}
    stages = {name: chunk.stage for name, chunk in view.state.chunks.items()}
    assert stages == {
        "chunk_000": Stage.FANNED_OUT,
        "chunk_000_000": Stage.VALIDATED,
        "chunk_000_001": Stage.VALIDATED,
        "chunk_001": Stage.FANNED_OUT,
        "chunk_002": Stage.FANNED_OUT,
        "chunk_002_000": Stage.VALIDATED,
        "chunk_002_001": Stage.VALIDATED,
    }
    numbers = runs.totals(view.state)
    assert (numbers.units, numbers.valid, numbers.failed, numbers.open) == (8, 7, 1, 0)


@pytest.mark.parametrize("most", [1, 2])
def test_a_fan_out_that_is_stopped_ends_with_the_same_bytes(make, most):
    """Children that were made before are gone on with, others made."""
    items = [{"id": name, "text": "x y z"} for name in "abcde"]
    whole, torn = make(items, FANNED, FANNED_FILES), make(items, FANNED, FANNED_FILES)
    asyncio.run(through(whole))
    for _ in range(100):
        try:
            asyncio.run(_some(torn, most))
        except _StoppedError:
            continue
        break
    asyncio.run(through(torn))
    assert derived(torn) == derived(whole)


def test_a_run_that_asks_nobody_needs_nobody(make):
    """Expressions alone: no provider, no key, no emulator."""
    config = CONFIG.split("pipeline:", maxsplit=1)[0].replace(
        "api: {provider: openai, model: gpt-6-luna}\n", ""
    )
    config += "pipeline:\n  - {name: n, scope: expression, expressions: {twice: good_at * 2}}\n"
    run_dir = make([{"id": "a", "good_at": 2}], config, {})
    asyncio.run(through(run_dir))
    assert rows(runs.read(run_dir), "results")["a"]["twice"] == 4


def test_the_session_says_what_a_round_came_to(mill):
    """What Prefect shows as a task's result."""

    async def first(run_dir: Path) -> list[dict[str, int]]:
        async with opened(run_dir) as session:
            assert isinstance(session, Session)
            steps = ("write", "measure", "judge")
            return [await session.advance(step, "chunk_000") for step in steps]

    said = asyncio.run(first(mill))
    assert said[-1] == {"in": 4, "valid": 1, "failed": 0, "sent_back": 3, "open": 0}


LOOPED = """\
name: Mill
items_source: items.jsonl
pipeline:
  - name: count
    scope: expression
    output_schema: count.json
    init: {n: "0"}
    expressions: {n: "n + 1"}
    loop_until: n >= good_at
    max_iterations: 5
    rules: [{name: in_time, expr: "not _metadata.timeout", error: "asleep after {n}"}]
"""


def test_a_loop_says_how_often_it_went_round(make):
    """Rules may ask for it; a schema that allows nothing else need not know of it."""
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    items = [{"id": "a", "good_at": 3}, {"id": "b", "good_at": 9}]
    run_dir = make(items, LOOPED, {"schemas/count.json": json.dumps(schema)})
    asyncio.run(through(run_dir))
    view = runs.read(run_dir)
    [result] = rows(view, "results").values()
    assert (result["n"], result["_metadata"]) == (3, {"iterations": 3, "timeout": False})
    [failure] = rows(view, "failures").values()
    assert failure["errors"][0]["message"] == "asleep after 5"
