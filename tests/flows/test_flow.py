"""Whole runs as Prefect flows, with the emulator as the provider."""

import asyncio
import json
import logging
import os
import re
import shutil
from datetime import datetime
from decimal import Decimal

import pytest

import pipelines
import runs
from flows.errors import RunGone
from flows.summary import exit_of
from providers.emulator import client as client_of_emulator
from runs import Run, RunHeld, Status, read_jsonl, totals
from tasks import session

pytestmark = pytest.mark.flow

CHAT = {"match": "POST /openai/v1/chat"}
DOWN = {"do": "status", "status": 503, "headers": {"retry-after": "1000"}}
"""Longer than the limiter has patience for."""


@pytest.fixture
def catalog(emulated):
    from flows import catalog

    return catalog


@pytest.fixture
def api(prefect_database):
    """Open Prefect's API."""
    from prefect import get_client

    return get_client


def run_of(state):
    """Return the run of a flow's state: the flow says which run directory it had."""
    from prefect.client.schemas.objects import State

    assert isinstance(state, State)
    flow_run = str(state.state_details.flow_run_id)
    return next(
        view for view in map(runs.read, runs.list_runs()) if flow_run in view.state.flow_runs
    )


async def flow_run_of(api, state):
    async with api() as client:
        return await client.read_flow_run(state.state_details.flow_run_id)


async def task_runs_of(api, state, *, count):
    """Return a flow run's task runs; their rows come from events, a moment later."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    flow_run = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    async with api() as client, asyncio.timeout(30):
        while True:
            rows = await client.read_task_runs(flow_run_filter=flow_run)
            if len(rows) >= count and all(row.state and row.state.is_final() for row in rows):
                return rows
            await asyncio.sleep(0.05)


async def names_of(api, flow_run, *, count):
    """Return the names of a flow run's task runs, as soon as there are so many."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    mine = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    async with api() as client, asyncio.timeout(30):
        while len(rows := await client.read_task_runs(flow_run_filter=mine)) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return [row.name for row in rows]


def ids(path):
    return [row["unit_id"] for row in read_jsonl(path)]


async def test_the_demo_gives_every_unit_a_verdict(catalog, api):
    """60 units: in = valid + failed by ids at both steps, and Prefect knows one flow run of it."""
    state = await catalog.NpcDialog(emulate=True, return_state=True)
    assert state.is_completed()
    assert state.message == "57 of 60 valid"

    view = run_of(state)
    entered = 0
    for chunk in map(view.paths.chunk, view.state.chunks):
        coming = ids(chunk.input)
        entered += len(coming)
        for step in ("generate", "score"):
            passed, failed = ids(chunk.validated(step)), ids(chunk.failures(step))
            assert sorted(passed + failed) == sorted(coming)
            assert passed == [unit for unit in coming if unit in passed]
            coming = passed
        assert ids(chunk.final) == coming
    assert entered == 60
    assert len(ids(view.paths.results)) == 57
    assert len(ids(view.paths.failures)) == 3

    flow_run = await flow_run_of(api, state)
    assert flow_run.flow_id == (await flow_of(api, "NpcDialog")).id
    assert flow_run.state_name == "Completed"
    rounds = [name for name, chunk in view.state.chunks.items() for _ in range(chunk.rounds)]
    task_runs = await task_runs_of(api, state, count=2 * len(rounds))
    assert sorted(task_run.name for task_run in task_runs) == sorted(
        f"{step}/{chunk}" for step in ("generate", "score") for chunk in rounds
    )
    assert {task_run.state_name for task_run in task_runs} == {"Completed"}


async def flow_of(api, name):
    async with api() as client:
        return await client.read_flow_by_name(name)


async def test_the_manifest_was_written_last_of_all(catalog, api):
    """By the hook, after the final state; nothing of the journal is missing in it."""
    state = await catalog.NpcDialog(emulate=True, max_units=3, return_state=True)
    view = run_of(state)
    manifest = json.loads(view.paths.manifest.read_bytes())
    last = json.loads(view.paths.journal.read_bytes().splitlines()[-1].split(b" ", 1)[1])
    flow_run = await flow_run_of(api, state)
    assert manifest["status"] == "complete"
    assert manifest["seq"] == last["seq"] == view.state.seq
    assert manifest["journal_offset"] == view.paths.journal.stat().st_size
    assert datetime.fromisoformat(manifest["snapshot_at"]) >= flow_run.state.timestamp.replace(
        microsecond=flow_run.state.timestamp.microsecond // 1000 * 1000
    )
    assert manifest["metadata"]["flow_runs"] == [str(flow_run.id)]


async def test_a_run_is_gone_on_with_by_name(catalog, emulated):
    """A new flow run of the same run; what is answered is not asked again."""
    first = await catalog.NpcDialog(emulate=True, max_units=3, return_state=True)
    view, calls = run_of(first), emulated.calls
    again = await catalog.NpcDialog(run=view.name, return_state=True)
    assert again.is_completed()
    assert emulated.calls == calls
    assert len(run_of(again).state.flow_runs) == 2


async def test_an_edited_pipeline_does_not_stop_a_run(catalog, tmp_path, monkeypatch):
    """A run goes on with its own copy, whatever became of the folder."""
    root = tmp_path / "pipelines"
    shutil.copytree(pipelines.find("NpcDialog"), root / "NpcDialog")
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(root))
    from flows import door

    quiet = door.Show(quiet=True, as_json=False, debug=False)
    told = {"emulate": True, "max_units": 3, "name": "frozen"}
    door.run("NpcDialog", told, init_only=True, show=quiet)
    shutil.rmtree(root)
    state = await catalog.NpcDialog(run="frozen", return_state=True)
    assert state.is_completed()


async def test_a_flow_run_whose_directory_is_gone_never_starts_afresh(catalog):
    """Told which run, and it is not there: what was paid for would be paid for again."""
    state = await catalog.NpcDialog(run="gone_20260101_000000", return_state=True)
    assert state.is_failed()
    with pytest.raises(RunGone, match=r"gone_20260101_000000 is gone.*does not start afresh"):
        await state.aresult()


async def test_a_flow_run_that_comes_back_needs_its_directory(catalog, api):
    """A second life of the same flow run (a wake-up, a crash) goes on or fails; run_count tells."""
    from prefect.flow_engine import run_flow_async
    from prefect.states import Scheduled

    flow = catalog.NpcDialog
    state = await flow(emulate=True, max_units=1, return_state=True)
    shutil.rmtree(run_of(state).paths.dir)
    async with api() as client:
        await client.set_flow_run_state(state.state_details.flow_run_id, Scheduled(), force=True)
        flow_run = await client.read_flow_run(state.state_details.flow_run_id)
    assert flow_run.run_count == 1
    again = await run_flow_async(
        flow, flow_run=flow_run, parameters=flow_run.parameters, return_type="state"
    )
    assert again is not None
    assert again.is_failed()
    with pytest.raises(RunGone):
        await again.aresult()


async def test_a_second_start_names_the_holder(catalog):
    """One orchestrator per run: the other says who it is, and the run is none the worse."""
    state = await catalog.NpcDialog(emulate=True, max_units=1, return_state=True)
    view = run_of(state)
    held = Run.open(view.paths.dir)
    try:
        second = await catalog.NpcDialog(run=view.name, return_state=True)
    finally:
        held.close()
    assert second.is_failed()
    with pytest.raises(RunHeld, match=f"held by process {os.getpid()} on "):
        await second.aresult()
    assert runs.read(view.paths.dir).state.status is Status.COMPLETE


async def test_a_refused_key_pauses_the_run(catalog, emulated, api):
    """No unit fails for it; the reason is everywhere, and resuming finishes the run."""
    emulated.plays({**CHAT, "nth": list(range(20, 200)), "do": "status", "status": 401})
    state = await catalog.NpcDialog(emulate=True, return_state=True)
    view = run_of(state)
    assert view.state.status is Status.PAUSED
    assert view.state.paused_reason
    assert view.state.paused_reason.startswith("provider: ")
    assert runs.totals(view.state).failed == 0
    flow_run = await flow_run_of(api, state)
    assert (flow_run.state_type.value, flow_run.state_name) == ("CANCELLED", "Paused")
    assert f"octobatch resume {view.name}" in flow_run.state.message

    emulated.plays()
    resumed = await catalog.NpcDialog(run=view.name, return_state=True)
    assert resumed.message == "57 of 60 valid"
    assert runs.read(view.paths.dir).state.paused_reason is None


async def test_an_outage_is_retried_by_the_task(catalog, emulated, api, monkeypatch):
    """Prefect repeats the chunk-step, which asks only what is missing."""
    from tasks import prefect_tasks

    monkeypatch.setattr(prefect_tasks, "RETRY_DELAYS_SECONDS", [0.0, 0.0, 0.0])
    # Whoever looks whether it is only this request finds the provider down as well.
    emulated.plays({**CHAT, "contains": "Say ok.", **DOWN}, {**CHAT, "nth": [3, 7], **DOWN})
    state = await catalog.NpcDialog(emulate=True, max_units=6, return_state=True)
    assert state.is_completed()
    assert emulated.repeated == 0
    task_runs = await task_runs_of(api, state, count=2)
    assert {row.name: row.run_count for row in task_runs}["generate/chunk_000"] > 1


async def test_an_outage_that_lasts_pauses_the_run(catalog, emulated, monkeypatch):
    """After the task's retries are spent; what came meanwhile is kept."""
    from tasks import prefect_tasks

    monkeypatch.setattr(prefect_tasks, "RETRY_DELAYS_SECONDS", [0.0, 0.0, 0.0])
    emulated.plays({**CHAT, "nth": list(range(9, 999)), **DOWN})
    state = await catalog.NpcDialog(emulate=True, max_units=20, return_state=True)
    view = run_of(state)
    assert state.name == "Paused"
    assert view.state.status is Status.PAUSED
    assert emulated.calls == 8
    emulated.plays()
    resumed = await catalog.NpcDialog(run=view.name, return_state=True)
    assert resumed.is_completed()
    assert emulated.repeated == 0


async def test_a_run_in_batches_is_one_flow_run(catalog, emulated, api):
    """Each chunk-step is handed in and collected, each look is a task run of its own."""
    state = await catalog.NpcDialog(emulate=True, max_units=6, lane="batch", return_state=True)
    view = run_of(state)
    assert state.is_completed()
    assert view.state.spec.mode == "batch"
    assert totals(view.state).open == 0
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    mine = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    async with api() as client:
        names = {row.name for row in await client.read_task_runs(flow_run_filter=mine)}
    assert {"generate/chunk_000 submit", "generate/chunk_000 collect", "look 1"} <= names
    ledger = client_of_emulator.ledger(emulated.url)
    assert len(ledger.batches["openai"]) == len(view.state.batches)


async def test_a_cap_pauses_the_run_and_a_higher_one_goes_on(catalog, emulated):
    """Exit 3; what came is kept, and nothing is asked twice."""
    state = await catalog.NpcDialog(
        emulate=True, max_units=20, max_cost=Decimal("0.004"), return_state=True
    )
    view = run_of(state)
    assert state.name == "Paused"
    assert exit_of(view) == 3
    spent = totals(view.state)
    assert spent.cost_usd is not None
    assert 0 < spent.cost_usd <= Decimal("0.004")
    assert spent.failed == 0
    resumed = await catalog.NpcDialog(run=view.name, max_cost=Decimal(1), return_state=True)
    assert resumed.is_completed()
    assert emulated.repeated == 0
    assert runs.read(view.paths.dir).state.launch["max_cost"] == 1


async def retrying(api):
    """Return once a task run waits for its retry."""
    from prefect.client.schemas.filters import (
        TaskRunFilter,
        TaskRunFilterState,
        TaskRunFilterStateName,
    )

    waiting = TaskRunFilterState(name=TaskRunFilterStateName(any_=["AwaitingRetry"]))
    async with api() as client, asyncio.timeout(30):
        while not await client.read_task_runs(task_run_filter=TaskRunFilter(state=waiting)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_run_that_waits_for_its_retry_stops_at_once(catalog, emulated, api):
    """Ctrl-C does not sit out the minutes that Prefect would wait."""
    emulated.plays({**CHAT, **DOWN})
    flow = catalog.NpcDialog(emulate=True, max_units=2, name="waits", return_state=True)
    running = asyncio.create_task(flow)
    await retrying(api)
    (held,) = session._held.values()
    async with asyncio.timeout(5):
        held.interrupt()
        state = await running
    assert state.name == "Paused"
    assert run_of(state).state.paused_reason == "interrupted"


async def test_an_exception_of_ours_fails_run_and_flow(catalog, monkeypatch):
    """The manifest says what it was; the run can be gone on with once that is mended."""

    async def broken(*_):
        raise ZeroDivisionError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(session.Session, "advance", broken)
        state = await catalog.NpcDialog(emulate=True, max_units=2, return_state=True)
    view = run_of(state)
    assert state.is_failed()
    assert view.state.status is Status.FAILED
    assert view.state.error == "ZeroDivisionError: a fault of ours"
    resumed = await catalog.NpcDialog(run=view.name, return_state=True)
    assert resumed.is_completed()


async def test_a_chunk_without_a_valid_unit_has_no_next_step(catalog, emulated):
    """It ends as FAILED; the next step is never run empty."""
    emulated.plays({**CHAT, "do": "refuse"})
    state = await catalog.NpcDialog(emulate=True, max_units=2, return_state=True)
    view = run_of(state)
    assert state.message == "0 of 2 valid"
    assert view.state.status is Status.COMPLETE
    assert [chunk.stage.value for chunk in view.state.chunks.values()] == ["FAILED"]
    assert not view.paths.chunk("chunk_000").validated("score").exists()


CANARY = "xylophonic-canary-7731"


async def test_nothing_of_a_unit_reaches_prefect_or_a_log(  # noqa: PLR0917 - fixtures
    catalog, api, prefect_database, tmp_path, monkeypatch, caplog
):
    """No prompt, item, reply or key is in Prefect's database, its logs or ours."""
    folder = tmp_path / "pipelines" / "NpcDialog"
    shutil.copytree(pipelines.find("NpcDialog"), folder)
    items = folder / "items.yaml"
    items.write_text(items.read_text().replace("harbour", CANARY))
    assert CANARY in items.read_text()
    with (folder / "templates" / "generate.jinja2").open("a") as template:
        template.write(f"\nSay {CANARY}.\n")
    with (folder / "rehearsal" / "generate.jinja2").open("a") as template:
        template.write(f"\n{CANARY}\n")
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(folder.parent))
    monkeypatch.setenv("OPENAI_API_KEY", f"sk-{CANARY}")
    caplog.set_level(logging.DEBUG)

    state = await catalog.NpcDialog(emulate=True, max_units=4, return_state=True)
    view = run_of(state)
    await task_runs_of(api, state, count=2)
    in_the_run = [f for f in view.paths.dir.rglob("*") if f.is_file() and CANARY in f.read_text()]
    assert view.paths.chunk("chunk_000").results("generate") in in_the_run  # it went the whole way
    logs = {view.paths.run_log, view.paths.trace_log, view.paths.journal, view.paths.manifest}
    assert not logs & set(in_the_run)
    for file in prefect_database.parent.glob(f"{prefect_database.name}*"):
        assert CANARY.encode() not in file.read_bytes()
    assert CANARY not in caplog.text


async def test_one_look_ends_the_flow_run_and_not_the_run(catalog, emulated):
    """The next look is a flow run of its own; past its deadline the run ends in realtime."""
    client_of_emulator.batches(emulated.url, rules=[{"do": "stuck", "share": 0.5}])
    first = await catalog.NpcDialog(
        emulate=True, max_units=6, lane="batch", tick=True, return_state=True
    )
    view = run_of(first)
    assert (first.is_completed(), first.name) == (True, "AwaitingBatch")
    assert re.fullmatch(r"1 batch at openai, \d+ s; next look \d\d:\d\d UTC", first.message)
    assert view.state.status is Status.RUNNING
    assert view.state.waiting is not None
    said = {"run": view.name, "deadline": 0.01, "interval": 0.05}
    last = await catalog.NpcDialog(**said, return_state=True)
    assert last.is_completed()
    assert last.name == "Completed"
    view = runs.read(view.paths.dir)
    assert view.state.status is Status.COMPLETE
    assert view.state.spec.mode == "realtime"
    assert totals(view.state).open == 0
    assert emulated.repeated == 0


async def test_rates_that_machines_share_are_asked_for(catalog, emulated, api, monkeypatch):
    """In blocks, from the server's limits; those of others are not touched."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

    from flows import shared

    names = [
        *(f"octobatch-openai-gpt-6-luna-{kind}" for kind in ("requests", "tokens")),
        "octobatch-openai-batches",
        "octobatch-gemini-batches",
        "others",
    ]
    async with api() as client:
        for name in names:
            await client.create_global_concurrency_limit(
                GlobalConcurrencyLimitCreate(name=name, limit=100_000, slot_decay_per_second=1000.0)
            )
    fetched: dict[str, int] = {}
    ask = shared.rate_limit

    async def seen(name, *, occupy, timeout_seconds):
        fetched[name] = fetched.get(name, 0) + occupy
        await ask(name, occupy=occupy, timeout_seconds=timeout_seconds)

    monkeypatch.setattr(shared, "rate_limit", seen)
    state = await catalog.NpcDialog(emulate=True, max_units=6, return_state=True)
    assert state.is_completed()
    assert set(fetched) == set(names[:2])
    assert fetched[names[0]] == 1000
    assert fetched[names[1]] >= emulated.calls * 100
    fetched.clear()
    state = await catalog.NpcDialog(emulate=True, max_units=6, lane="batch", return_state=True)
    assert state.is_completed()
    assert fetched == {names[2]: 1000}
    async with api() as client:
        for name in names:
            await client.delete_global_concurrency_limit_by_name(name)


async def test_a_server_that_gives_no_permits_holds_nobody_up(catalog, emulated, api, monkeypatch):
    """The provider has the last word on how fast it may be asked."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

    from flows import shared

    name = "octobatch-openai-gpt-6-luna-requests"
    async with api() as client:
        await client.create_global_concurrency_limit(
            GlobalConcurrencyLimitCreate(name=name, limit=1, slot_decay_per_second=1e-9)
        )
    monkeypatch.setattr(shared, "PATIENCE_SECONDS", 0.01)
    state = await catalog.NpcDialog(emulate=True, max_units=2, return_state=True)
    assert state.is_completed()
    async with api() as client:
        await client.delete_global_concurrency_limit_by_name(name)
