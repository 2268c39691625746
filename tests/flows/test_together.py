"""Runs and Prefect's flow runs of them: what is done to one of them, the other comes to know."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

import runs
from flows import compile as compiling
from flows import ending, resuming, server, tidying
from flows.errors import BadRequest
from flows.reconcile import Action
from providers.emulator import client as client_of_emulator
from runs import Liveness, Run, Status
from tests.flows import test_deferral, test_flow

api, catalog, deployed = test_flow.api, test_flow.catalog, test_deferral.deployed
flow = pytest.mark.flow


@pytest.fixture
async def waiting(deployed, emulated, monkeypatch):
    """A run of a deployment whose flow run has left it to its batches."""
    from prefect.settings import PREFECT_API_URL

    monkeypatch.setenv("PREFECT_API_URL", PREFECT_API_URL.value())
    client_of_emulator.batches(emulated.url, seconds=1000)
    await deployed.start(max_units=6)
    return deployed


async def let_batches_end(emulated):
    client_of_emulator.batches(emulated.url, seconds=0)
    client_of_emulator.clock(emulated.url, step=2000)


async def to_its_end(deployed):
    for _ in range(10):
        if (state := await deployed.wake()).is_final():
            return state
    raise AssertionError("it does not end")


def at_work(flow_run):
    """Say whether a flow run has come so far that its run tells of its progress."""
    views = map(runs.read, runs.list_runs())
    return any(v.state.progress and str(flow_run.id) in v.state.flow_runs for v in views)


async def set_state(api, flow_run, state):
    async with api() as client:
        await client.set_flow_run_state(flow_run.id, state, force=True)


async def state_of(api, flow_run):
    async with api() as client:
        return (await client.read_flow_run(flow_run.id)).state


async def tidied(*folders):
    from flows.tidy import tidied

    return [one async for one in tidied(folders)]


@flow
async def test_who_is_cancelled_while_waiting_is_given_up_at_the_provider(waiting, emulated, api):
    """No hook has run; afterwards manifest, provider and Prefect agree, and nothing is left."""
    from prefect.states import Cancelled

    await set_state(api, waiting.flow_run, Cancelled())
    folder = waiting.view.paths.dir
    [found] = await tidied(folder)
    assert found.action is Action.GIVE_UP
    view = waiting.view
    assert view.state.status is Status.CANCELLED
    assert {batch.end for batch in view.state.batches.values()} == {"cancelled"}
    assert emulated.calls == 0
    assert (await state_of(api, waiting.flow_run)).is_cancelled()
    assert await tidied(folder) == []


@flow
async def test_a_command_sees_that_a_run_was_cancelled_in_prefect(waiting, api, capsys):
    """Whoever goes on with it is told; and its batches are cancelled."""
    from prefect.states import Cancelled

    await set_state(api, waiting.flow_run, Cancelled())
    with pytest.raises(BadRequest, match="it does not go on"):
        await asyncio.to_thread(resuming.through_its_deployment, waiting.view.name)
    assert "was cancelled in Prefect" in capsys.readouterr().err
    assert waiting.view.state.status is Status.CANCELLED
    assert waiting.view.state.batches.open == ()


@flow
async def test_a_run_that_waits_is_paused_and_goes_on_through_its_deployment(
    waiting, emulated, api, capsys
):
    """With a flow run of its own; nothing is asked twice."""
    name = waiting.view.name
    assert await asyncio.to_thread(resuming.through_its_deployment, name)
    assert f"{name} goes on by itself: 1 batch at openai" in capsys.readouterr().err

    assert await asyncio.to_thread(ending.pause, name) == 0
    assert f"octobatch resume {name}" in capsys.readouterr().err
    assert waiting.view.state.status is Status.PAUSED
    state = await state_of(api, waiting.flow_run)
    assert (state.type.value, state.name) == ("CANCELLED", "Paused")

    await let_batches_end(emulated)
    assert await asyncio.to_thread(resuming.through_its_deployment, name)
    said = capsys.readouterr().err
    assert f"{name} goes on through NpcDialog/nightly" in said
    async with api() as client:
        rows = await client.read_flow_runs()
        [waiting.flow_run] = [row for row in rows if row.parameters.get("run") == name]
    assert (await to_its_end(waiting)).is_completed()
    view = waiting.view
    assert view.name == name
    assert len(view.state.flow_runs) == 2
    assert view.state.deployment == "NpcDialog/nightly"
    assert emulated.repeated == 0


@flow
async def test_who_asks_for_a_paused_flow_run_once_more_has_it_gone_on_with(waiting, emulated, api):
    """As the UI does with Retry; what merely waited would have left the pause alone."""
    from prefect.states import AwaitingRetry

    await asyncio.to_thread(ending.pause, waiting.view.name)
    await let_batches_end(emulated)
    await set_state(api, waiting.flow_run, AwaitingRetry(scheduled_time=datetime.now(UTC)))
    assert (await to_its_end(waiting)).is_completed()
    assert waiting.view.state.status is Status.COMPLETE


@flow
async def test_a_flow_run_that_is_suspended_goes_on_when_it_is_resumed(deployed, emulated, api):
    """As with Pause and Resume in the UI, in the middle of its work."""
    from prefect.states import Suspended

    client_of_emulator.latency(emulated.url, 0.5)
    working = asyncio.create_task(deployed.start(lane="realtime", max_units=60))
    while deployed.flow_run is None or not at_work(deployed.flow_run):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await set_state(api, deployed.flow_run, Suspended(timeout_seconds=300))
    state = await working
    client_of_emulator.latency(emulated.url, 0)
    assert (state.type.value, state.name) == ("PAUSED", "Suspended")
    assert deployed.view.state.status is Status.PAUSED
    async with api() as client:
        await client.resume_flow_run(deployed.flow_run.id)
    assert (await to_its_end(deployed)).is_completed()
    assert deployed.view.state.status is Status.COMPLETE


@flow
async def test_a_flow_run_whose_process_has_died_is_begun_anew(waiting, emulated, api, monkeypatch):
    from prefect.states import Crashed

    from flows import flow_runs

    monkeypatch.setattr(flow_runs, "SETTLING_SECONDS", 0.0)  # there is no worker
    await set_state(api, waiting.flow_run, Crashed())
    [found] = await tidied(waiting.view.paths.dir)
    assert found.action is Action.GO_ON
    state = await state_of(api, waiting.flow_run)
    assert (state.type.value, state.name) == ("SCHEDULED", "Resuming")
    assert await tidied(waiting.view.paths.dir) == []
    await let_batches_end(emulated)
    assert (await to_its_end(waiting)).is_completed()
    assert emulated.repeated == 0


@flow
async def test_an_end_that_prefect_has_missed_is_told(waiting, emulated, api):
    """A person finished the run; the flow run would have come to know when it woke."""
    run = Run.open(waiting.view.paths.dir)
    run.set_status(Status.COMPLETE)
    run.close()
    [found] = await tidied(waiting.view.paths.dir)
    assert found.action is Action.TELL
    assert (await state_of(api, waiting.flow_run)).is_completed()


@flow
async def test_cancel_of_a_run_that_waits_is_told_to_prefect(waiting, api):
    assert await asyncio.to_thread(ending.cancel, waiting.view.name) == 0
    assert waiting.view.state.status is Status.CANCELLED
    assert (await state_of(api, waiting.flow_run)).is_cancelled()
    with pytest.raises(BadRequest, match="cancelled already"):
        await asyncio.to_thread(ending.cancel, waiting.view.name)


@flow
async def test_what_was_cancelled_is_not_gone_on_with_by_a_flow_run_either(waiting, catalog):
    await asyncio.to_thread(ending.cancel, waiting.view.name)
    before = waiting.view.state.seq
    state = await catalog.NpcDialog(run=waiting.view.name, return_state=True)
    assert state.is_cancelled()
    assert waiting.view.state.seq == before


@flow
async def test_the_flow_that_tidies_says_who_needs_a_person(waiting, api):
    from prefect.states import Failed

    from flows.tidy import tidy

    await set_state(api, waiting.flow_run, Failed())
    state: Any = await tidy(return_state=True)  # pyright: ignore[reportGeneralTypeIssues]
    assert (state.type.value, state.name) == ("COMPLETED", "NeedsAttention")
    assert waiting.view.name in state.message


@flow
async def test_a_run_at_a_terminal_is_cancelled_from_the_ui(catalog, emulated, api, monkeypatch):
    """No worker tells it: it asks, now and then."""
    from prefect.states import Cancelling

    monkeypatch.setattr(compiling, "HEED_SECONDS", 0.05)
    client_of_emulator.latency(emulated.url, 0.2)
    running = asyncio.create_task(catalog.NpcDialog(emulate=True, return_state=True))
    while not (views := [v for v in map(runs.read, runs.list_runs()) if v.holder]):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    [flow_run] = views[0].state.flow_runs
    async with api() as client:
        await client.set_flow_run_state(flow_run, Cancelling())
    state = await running
    client_of_emulator.latency(emulated.url, 0)
    assert state.is_cancelled()
    assert runs.read(views[0].paths.dir).state.status is Status.CANCELLED


def test_without_prefect_it_is_said_what_can_be_seen(make_view, octo, monkeypatch):
    """A run that waits may be well looked after; one that is paused waits for a person."""
    make_view(Status.PAUSED, reason="cap: $5 of $5")
    make_view(name="done")
    monkeypatch.setattr(server, "there", lambda: None)
    monkeypatch.setattr(tidying.server, "there", lambda: None)
    code, out, err = octo("tidy")
    assert (code, out) == (1, "Sailor: needs you: paused: cap: $5 of $5\n")
    assert "No Prefect server answers" in err
    code, out, _ = octo("tidy", "--json")
    assert (code, [row["run"] for row in json.loads(out)]) == (1, ["Sailor"])


def test_all_is_well(make_view, octo, monkeypatch):
    view = make_view()
    assert view.liveness is Liveness.COMPLETE
    monkeypatch.setattr(server, "there", lambda: None)
    assert octo("tidy", "--dry-run")[0] == 0
