"""Units that failed get another chance: beside the others, and counted with them."""

import asyncio
import json
from pathlib import Path

import pytest

import runs
from providers.emulator import client
from providers.errors import MissingKey
from runs import Run, Stage, Status
from runs.retrying import write_retries
from tasks.batch_lane import BatchLane, in_batches
from tasks.opening import opened
from tasks.order import in_order
from tasks.shipping import Shipping
from tests.tasks import test_batch_lane, test_rounds
from tests.tasks.test_rounds import FANNED, FANNED_FILES, GOOD_AT, asked, rows, through

make, mill = test_rounds.make, test_rounds.mill


class _KilledError(Exception):
    """Stands for `kill -9`."""


async def retry(run_dir: Path) -> None:
    """Take the units that failed through the run again."""
    async with opened(run_dir, retry_failures=True, interval=0.02) as session:
        if session.lane == "batch":
            session.batch_lane = BatchLane(session, Shipping(session.run, session.desk))
            await in_batches(session.batch_lane, session.rest)
        else:
            await in_order(session, session.advance)
        await session.end()


def mend(run_dir: Path, step: str, old: str, new: str) -> None:
    """Let a step's replies be better from now on."""
    path = run_dir / f"rehearsal/{step}.jinja2"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_what_failed_is_made_again_and_takes_its_place(mill, root):
    """Where a judge would have sent it: to the one who writes. Nothing else is asked again."""
    asyncio.run(through(mill))
    calls = client.ledger(client.start(root)).calls
    before = asked(mill, "write")
    assert set(rows(runs.read(mill), "failures")) == {"d"}
    mend(mill, "write", "round >= good_at", "true")
    asyncio.run(retry(mill))
    view = runs.read(mill)
    assert view.state.status is Status.COMPLETE
    assert list(rows(view, "results")) == list(GOOD_AT)
    assert rows(view, "failures") == {}
    assert client.ledger(client.start(root)).calls == calls + 2
    assert asked(mill, "write") - before == {("d", 1): 1}
    assert view.state.chunks["chunk_000_retry_000"].stage is Stage.VALIDATED
    steps, numbers = runs.step_counts(view.state), runs.totals(view.state)
    assert (numbers.units, numbers.valid, numbers.failed, numbers.open) == (6, 6, 0, 0)
    assert [(step.units, step.units_passed, step.lost) for step in steps.values()] == [
        (6, 6, 0)
    ] * 4
    assert runs.read(mill).state == view.state


def test_what_fails_again_has_failed_once(mill):
    """Its record is the last one; it may be tried as often as one likes."""
    asyncio.run(through(mill))
    [first] = rows(runs.read(mill), "failures").values()
    view = runs.read(mill)
    for _ in range(2):
        asyncio.run(retry(mill))
        view = runs.read(mill)
        assert rows(view, "failures") == {"d": first}
        numbers = runs.totals(view.state)
        assert (numbers.units, numbers.valid, numbers.failed, numbers.open) == (6, 5, 1, 0)
        judge = runs.step_counts(view.state)["judge"]
        assert (judge.units, judge.units_passed, judge.lost) == (6, 5, 1)
    assert "chunk_000_retry_000_retry_000" in view.state.chunks


def test_what_fans_out_again_is_counted_once(make):
    """What cannot be taken apart, cannot the second time; its brothers stay."""
    items = [{"id": "a", "text": "x y"}, {"id": "b", "text": ""}, {"id": "c", "text": "z"}]
    run_dir = make([{**item, "part": item["text"]} for item in items], FANNED, FANNED_FILES)
    asyncio.run(through(run_dir))
    once = runs.read(run_dir)
    asyncio.run(retry(run_dir))
    twice = runs.read(run_dir)
    assert rows(twice, "failures") == rows(once, "failures")
    assert rows(twice, "results") == rows(once, "results")
    a, b = runs.totals(once.state), runs.totals(twice.state)
    assert (a.units, a.valid, a.failed, a.open) == (b.units, b.valid, b.failed, b.open)
    assert b.failed > 0


def test_a_run_without_failures_has_nothing_to_try(make):
    run_dir = make([{"id": "a", "good_at": 1}])
    asyncio.run(through(run_dir))
    before = set(runs.read(run_dir).state.chunks)
    asyncio.run(retry(run_dir))
    view = runs.read(run_dir)
    assert set(view.state.chunks) == before
    assert view.state.status is Status.COMPLETE


def test_a_process_that_dies_before_it_says_so_has_done_nothing(mill):
    """Its files are written again, with the same bytes."""
    asyncio.run(through(mill))
    run = Run.open(mill)
    list(write_retries(run.paths, run.state))
    run.close()
    made = (mill / "chunk_000_retry_000/input.jsonl").read_bytes()
    asyncio.run(retry(mill))
    assert (mill / "chunk_000_retry_000/input.jsonl").read_bytes() == made
    assert len(runs.read(mill).state.chunks) == 3


def test_who_cannot_begin_leaves_a_complete_run_complete(mill, monkeypatch):
    """A run that says it is complete while units of it are open would never be gone on with."""
    asyncio.run(through(mill))
    before = runs.totals(runs.read(mill).state)

    def closed(*_args, **_more):
        raise MissingKey("no key", "OPENAI_API_KEY")

    with monkeypatch.context() as patched:
        patched.setattr("tasks.opening.opened_desk", closed)
        with pytest.raises(MissingKey):
            asyncio.run(retry(mill))
    state = runs.read(mill).state
    assert (state.status, runs.totals(state)) == (Status.COMPLETE, before)


def test_who_is_killed_while_chunks_are_made_is_gone_on_with(mill, monkeypatch):
    """The run is not complete from before the first of them is there."""
    asyncio.run(through(mill))

    made = Run.retry_failures

    def dying(run: Run) -> int:
        made(run)
        raise _KilledError

    with monkeypatch.context() as patched:
        patched.setattr(Run, "retry_failures", dying)
        patched.setattr("tasks.opening._write_down", lambda *_: None)  # nobody is left to do it
        with pytest.raises(_KilledError):
            asyncio.run(retry(mill))
    state = runs.read(mill).state
    assert runs.totals(state).open == 1
    assert state.status is Status.RUNNING
    asyncio.run(through(mill))
    assert runs.totals(runs.read(mill).state).open == 0


CROSSED = """\
name: Mill
items_source: items.jsonl
max_retries: 1
api: {provider: openai, model: gpt-6-luna}
pipeline:
  - {name: plan, template: ask.jinja2}
  - {name: write, template: ask.jinja2}
  - name: judge
    scope: expression
    expressions: {judged: draft}
    retry_step: plan
    rules: [{name: liked, expr: "draft >= 1", error: "it is {draft}"}]
  - name: last
    scope: expression
    expressions: {read: draft}
    retry_step: write
    rules: [{name: enough, expr: "draft >= 2", error: "it is {draft}"}]
"""
CROSSED_FILES = {
    "templates/ask.jinja2": "Ask for {{ unit_id }}.",
    "rehearsal/plan.jinja2": '{"plan": 1}',
    "rehearsal/write.jinja2": '{"draft": 1}',
}


def test_what_a_step_between_sends_back_further_begins_there(make):
    """It failed at `last`, which sends to `write`; but behind that `judge` sends to `plan`."""
    run_dir = make([{"id": "a"}], CROSSED, CROSSED_FILES)
    asyncio.run(through(run_dir))
    assert [row["step"] for row in rows(runs.read(run_dir), "failures").values()] == ["last"]
    mend(run_dir, "write", "1", "{{ 0 if round < 2 else 2 }}")
    asyncio.run(retry(run_dir))
    view = runs.read(run_dir)
    assert view.state.chunks["chunk_000_retry_000"].first == "plan"
    assert list(rows(view, "results")) == ["a"]


def test_what_failed_in_many_chunks_travels_in_one_batch(make_mill, url):
    said = "{{ 'x' * 99 if unit_id[-1] == '3' else 'w-' ~ unit_id }}"
    run_dir = make_mill(
        "openai", units=50, config={"said": said, "max_retries": 0, **test_batch_lane.with_rules()}
    )
    asyncio.run(_first(run_dir))
    batches = len(client.ledger(url).batches["openai"])
    mend(run_dir, "write", "'x' * 99", "'again'")
    asyncio.run(retry(run_dir))
    view = runs.read(run_dir)
    assert runs.totals(view.state).valid == 50
    assert len(client.ledger(url).batches["openai"]) == batches + 2
    ids = [json.loads(line)["unit_id"] for line in view.paths.results.read_text().splitlines()]
    assert ids == sorted(ids)


async def _first(run_dir: Path) -> None:
    async with opened(run_dir, interval=0.02) as session:
        session.batch_lane = BatchLane(session, Shipping(session.run, session.desk))
        await in_batches(session.batch_lane, session.rest)
        await session.end()
