"""Whole runs in batches at vendors that take little: limits are kept, and nobody waits for ever."""

import asyncio
import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import pipelines
import runs
from pipelines import Launch
from providers.emulator import client
from runs import Batch, BatchState, RunPaths, RunView, Status
from tasks.batch_lane import in_batches
from tasks.create import create_run
from tasks.opening import opened
from tests.providers.asking import SDK_WARNINGS
from tests.tasks.mill import finished, lane_of, through, write_mill

pytestmark = SDK_WARNINGS

NOTHING: Mapping[str, Any] = MappingProxyType({})
TINY = {
    "openai": {"requests": 4, "queued_tokens": 1000},
    "anthropic": {"requests": 4, "queued_requests": 9},
    "gemini": {"requests": 4, "jobs": 2, "queued_tokens": 1000},
}


@pytest.fixture
def url(root):
    """Return where the emulator is; runs that other tests have left to wait take no room."""
    for run in root.glob("mill-*"):
        shutil.rmtree(run)
    return client.start(root)


@pytest.fixture
def make_mill(root, tmp_path):
    """Make a run of the mill, with more in its config and its prompts."""

    def make(
        vendor: str, units: int, chunk_size: int, *, config: Any = NOTHING, words: int = 0
    ) -> Path:
        folder = tmp_path / "Mill"
        write_mill(folder, units, chunk_size)
        written = json.loads((folder / "config.yaml").read_text())
        (folder / "config.yaml").write_text(json.dumps({**written, **config}))
        for template in (folder / "templates").iterdir():
            template.write_text(template.read_text() + " word" * words)
        run_dir = root / f"mill-{random.getrandbits(64):x}"
        launch = Launch(pipeline="Mill", emulate=True, provider=vendor, lane="batch")
        create_run(pipelines.load(folder), launch, run_dir)
        return run_dir

    return make


@pytest.fixture
def own_limits(tmp_path, monkeypatch):
    """Say in a file of one's own what a vendor takes."""

    def say(vendor: str, limits: Mapping[str, Any]) -> None:
        path = tmp_path / "my-models.yaml"
        told = {"format": 1, "vendors": {vendor: {"batch_limits": limits}}}
        path.write_text(json.dumps(told))
        monkeypatch.setenv("OCTOBATCH_MODELS", str(path))

    return say


def at_once(batches: list[Batch]) -> int:
    """Return how many batches were in flight at the same time, at most."""
    moves = [(batch.submitted_at, 1) for batch in batches if batch.submitted_at]
    moves += [(batch.ended_at, -1) for batch in batches if batch.ended_at]
    now = most = 0
    for _, change in sorted(moves):
        now += change
        most = max(most, now)
    return most


def all_of(view: RunView) -> list[Batch]:
    return [*view.state.batches.values()]


@pytest.mark.parametrize("vendor", sorted(TINY))
def test_a_vendor_that_takes_little_never_refuses_a_batch(vendor, make_mill, own_limits, url):
    """And every unit has its verdict, asked once."""
    limits = dict(TINY[vendor])
    own_limits(vendor, limits)
    # What the vendor wants around a request is no prompt; the emulator counts all bytes.
    if "queued_tokens" in limits:
        limits["queued_tokens"] *= 2
    client.batches(url, seconds=0.05, limits={vendor: limits})
    view = finished(make_mill(vendor, units=25, chunk_size=10))
    assert runs.totals(view.state).valid == 25
    batches = all_of(view)
    assert {batch.state for batch in batches} == {BatchState.COLLECTED}
    assert sum(batch.requests for batch in batches) == 50
    assert max(batch.requests for batch in batches) <= 4
    assert client.ledger(url).repeated == 0
    log = view.paths.run_log.read_text()
    assert "batches_wait" in log
    assert "batch_turned_away" not in log
    if "jobs" in limits:
        assert at_once(batches) <= limits["jobs"]


def test_a_run_that_waits_for_room_says_so_to_those_who_watch(make_mill, url):
    """Not in its log alone: it may have nothing at its providers, and stand still for an hour."""
    client.batches(url, seconds=1000)
    run_dir = make_mill("openai", 25, 10, config={"api": {"max_inflight_batches": 1}})
    asyncio.run(through(run_dir, tick=True))
    view = runs.read(run_dir)
    why = "openai has 1 of at most 1 batches in flight"
    assert view.state.no_room == (why,)
    client.batches(url, seconds=0)
    client.clock(url, step=2000)
    assert finished(run_dir).state.no_room == ()


@pytest.mark.parametrize("place", ["api", "step"])
def test_a_pipeline_has_few_batches_in_flight(place, make_mill, url):
    """As it asks for, for all steps or for one."""
    config: dict[str, Any] = {"api": {"max_inflight_batches": 2}}
    if place == "step":
        config["pipeline"] = [
            {
                "name": "write",
                "template": "write.jinja2",
                "output_schema": "write.json",
                "max_inflight_batches": 1,
            }
        ]
    view = finished(make_mill("openai", units=40, chunk_size=5, config=config))
    assert runs.totals(view.state).valid == 40
    assert at_once(all_of(view)) == (1 if place == "step" else 2)
    assert not list(view.paths.batches.iterdir())


def test_two_runs_share_the_room_at_a_provider(make_mill, url):
    """Neither has more than both may have, and both come to their end."""
    client.batches(url, seconds=0.05)
    config = {"api": {"max_inflight_batches": 3}}
    dirs = [make_mill("openai", units=20, chunk_size=4, config=config) for _ in range(2)]

    async def both() -> None:
        await asyncio.gather(*map(through, dirs))

    asyncio.run(both())
    views = [*map(runs.read, dirs)]
    assert [view.state.status for view in views] == [Status.COMPLETE] * 2
    assert at_once([batch for view in views for batch in all_of(view)]) == 3
    assert client.ledger(url).calls == 80


def test_what_has_no_room_is_not_worded(make_mill, url):
    """And a run that waits for the room that another has rests, and goes on when it is free."""
    client.batches(url, seconds=1000)
    config = {"api": {"max_inflight_batches": 1}}
    first, second = (make_mill("gemini", 20, 2, config=config) for _ in range(2))

    async def wait_for_room() -> None:
        async with opened(first, interval=0.02) as holder, opened(second, interval=0.02) as waiter:
            await lane_of(holder).settle()
            lane, rested = lane_of(waiter), 0

            async def rest(_seconds: float) -> None:
                nonlocal rested
                rested += 1
                assert not waiter.run.state.batches.open
                assert len(list(waiter.run.paths.batches.glob("*"))) == 0
                if rested == 3:
                    waiter.interrupt()

            await in_batches(lane, rest)
            assert rested == 3
            holder.interrupt()
            await holder.end()
            await waiter.end()
        client.batches(url)

    asyncio.run(wait_for_room())
    finished(second)


@pytest.mark.parametrize("vendor", ["openai", "gemini"])
def test_a_queue_that_is_full_later_is_no_fault_of_the_units(vendor, make_mill, url):
    """Of three batches two fail; they are asked again, as often as it takes, and not at once."""
    full = {"vendor": vendor, "do": "queue_limit", "nth": [2, 3, 4, 5, 6, 7, 8, 9]}
    client.batches(url, rules=[full])
    view = finished(make_mill(vendor, 30, 10), shipping={"patience_seconds": 0.001})
    totals = runs.totals(view.state)
    assert (totals.valid, totals.failed, totals.attempts) == (30, 0, 60)
    refused = [batch for batch in all_of(view) if batch.state is BatchState.REFUSED]
    assert len(refused) == 8
    assert all(batch.queue for batch in refused)
    assert "queue=" in view.paths.run_log.read_text()
    assert client.ledger(url).repeated == 0
    assert not list(view.paths.batches.iterdir())


def test_a_batch_that_cannot_be_paid_pauses_the_run(make_mill, url):
    """It is accepted, and fails later; no unit does, and the run goes on when it is paid."""
    code = "billing_hard_limit_reached"
    client.batches(url, rules=[{"vendor": "openai", "do": "fail", "code": code, "nth": [2]}])
    run_dir = make_mill("openai", 30, 10)
    asyncio.run(through(run_dir))
    view = runs.read(run_dir)
    assert view.state.status is Status.PAUSED
    assert "check plan and billing" in (view.state.paused_reason or "")
    assert runs.totals(finished(run_dir).state).valid == 30
    assert client.ledger(url).repeated == 0


def test_a_queue_that_was_full_is_left_alone_for_a_while(make_mill, url):
    """With nothing else in flight; then one more is tried, and the journal knows the lesson."""
    client.batches(url, rules=[{"do": "queue_limit", "nth": [1, 2]}])
    run_dir = make_mill("openai", 10, 10)
    now = 0.0

    async def forward() -> None:
        nonlocal now
        async with opened(run_dir, interval=0.02) as session:
            lane = lane_of(session, clock=lambda: now)
            tries: list[int] = []
            for seconds in (0, 59, 2, 119, 2):
                now += seconds
                await lane.settle()
                tries.append(len(client.ledger(url).batches["openai"]))
                await lane.look()
            assert tries == [1, 1, 2, 2, 3]
            session.interrupt()
            await session.end()

    asyncio.run(forward())
    assert "the queue of gpt-6-luna was full" in RunPaths(run_dir).run_log.read_text()
    batches = runs.read(run_dir).state.batches
    assert [batch.queue for batch in batches.values()] == [20_000, 20_000, None]


def test_a_queue_is_learned_from_what_was_in_it(make_mill, url):
    """From then on no more is handed in than fits, and no batch is larger than half of it."""
    # About 4,000 tokens a unit.
    client.batches(url, seconds=0.3, limits={"openai": {"queued_tokens": 50_000}})
    config = {"pipeline": [{"name": "write", "template": "write.jinja2"}]}
    run_dir = make_mill("openai", 36, 6, config=config, words=3200)
    view = finished(run_dir, shipping={"patience_seconds": 0.001})
    assert runs.totals(view.state).valid == 36
    batches = all_of(view)
    refused = [batch for batch in batches if batch.queue]
    lesson = refused[0].queue
    assert [batch.queue for batch in refused] == [lesson] * len(refused)
    assert 40_000 < (lesson or 0) <= 50_000
    assert len(refused) == 4
    taken = [batch for batch in batches if batch.state is BatchState.COLLECTED]
    assert at_once(taken) == 2


def test_a_resumed_run_remembers_the_queue(make_mill, url):
    """The journal tells the next holder."""
    client.batches(url, rules=[{"do": "queue_limit", "nth": [1]}])
    config = {"pipeline": [{"name": "write", "template": "write.jinja2"}]}
    run_dir = make_mill("openai", 10, 10, config=config, words=20_000)

    async def once() -> None:
        async with opened(run_dir, interval=0.02) as session:
            lane = lane_of(session)
            await lane.settle()
            await lane.look()
            session.interrupt()
            await session.end()

    asyncio.run(once())
    view = finished(run_dir)
    (lesson,) = [batch.queue for batch in all_of(view) if batch.queue]
    taken = [batch for batch in all_of(view) if batch.state is BatchState.COLLECTED]
    assert lesson is not None
    assert max(batch.tokens for batch in taken) <= lesson // 2
    assert RunPaths(run_dir).summary.stat().st_size <= 1024
