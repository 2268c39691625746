"""A deployment's flow run holds nothing while its batches are at their providers."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import runs
from providers.emulator import client as client_of_emulator
from runs import Liveness, Run, RunView, Status
from tests.flows import test_flow

pytestmark = pytest.mark.flow
api, catalog = test_flow.api, test_flow.catalog


class Deployed:
    """A flow run of a deployment, and what a worker does when it is due."""

    flow_run: Any = None

    def __init__(self, flow: Any, api: Any) -> None:
        self._flow = flow
        self._api = api

    async def start(self, **parameters: Any) -> Any:
        """Make the flow run, and let it work until it leaves; return its state."""
        async with self._api() as client:
            flow_id = await client.create_flow(self._flow)
            deployment_id = await client.create_deployment(flow_id, "nightly")
            self.flow_run = await client.create_flow_run_from_deployment(
                deployment_id, parameters={"emulate": True, "lane": "batch", **parameters}
            )
        return await self.wake()

    async def wake(self) -> Any:
        """Let it work until it leaves, or ends; return its state."""
        from prefect.exceptions import Pause
        from prefect.flow_engine import run_flow
        from prefect.states import Pending

        async with self._api() as client:
            await client.set_flow_run_state(self.flow_run.id, Pending(), force=True)
            due = await client.read_flow_run(self.flow_run.id)
        work: Any = run_flow(self._flow, flow_run=due, return_type="state")
        with suppress(Pause):
            await work
        async with self._api() as client:
            self.flow_run = await client.read_flow_run(self.flow_run.id)
        return self.flow_run.state

    @property
    def view(self) -> RunView:
        views = map(runs.read, runs.list_runs())
        return next(view for view in views if str(self.flow_run.id) in view.state.flow_runs)


@pytest.fixture
def deployed(catalog, api):
    return Deployed(catalog.NpcDialog, api)


async def test_a_flow_run_leaves_while_batches_are_worked_on(deployed, emulated, caplog):
    """Lock, process and slot are free; what was left is gone on with, in the same flow run."""
    client_of_emulator.batches(emulated.url, seconds=1000)
    state = await deployed.start(max_units=6)
    assert (state.type.value, state.name) == ("SCHEDULED", "AwaitingBatch")
    assert "1 batch at openai, 0 s; next look " in state.message
    view = deployed.view
    assert view.liveness is Liveness.DEFERRED
    assert view.state.waiting is not None
    apart = state.state_details.scheduled_time - view.state.waiting.until
    assert timedelta(0) <= apart < timedelta(milliseconds=1)  # a manifest has milliseconds
    assert deployed.flow_run.infrastructure_pid is None
    Run.open(view.paths.dir).close()  # nobody holds it
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []

    client_of_emulator.batches(emulated.url, seconds=0)
    client_of_emulator.clock(emulated.url, step=2000)
    for _ in range(10):
        if (state := await deployed.wake()).is_final():
            break
    assert (state.is_completed(), state.name) == (True, "Completed")
    view = deployed.view
    assert view.state.status is Status.COMPLETE
    assert len(view.state.flow_runs) == 1
    assert emulated.repeated == 0


async def test_what_came_is_counted_at_each_deferral(deployed, emulated):
    """Also of rounds that are still open, and by a holder in whose time nothing came of them."""
    client_of_emulator.batches(emulated.url, rules=[{"do": "stuck", "nth": [2, 3, 4]}])
    await deployed.start(max_units=40)
    for _ in range(3):
        state = deployed.view.state
        answered = sum(batch.answered for batch in state.batches.values())
        assert answered == 20
        assert runs.totals(state).attempts == answered
        assert state.in_doubt_usd == 0
        await deployed.wake()


async def test_looks_are_numbered_on_after_a_deferral(deployed, emulated, api):
    """One flow run has one first look, however often its worker began it again."""
    client_of_emulator.batches(emulated.url, seconds=1000)
    await deployed.start(max_units=2)
    await deployed.wake()
    await deployed.wake()
    names = await test_flow.names_of(api, deployed.flow_run.id, count=4)
    assert sorted(name for name in names if "look" in name) == ["look 1", "look 2", "look 3"]


async def test_a_waking_flow_run_stands_aside_for_a_person(deployed, emulated):
    """Who has taken the run in the meantime keeps it; it is looked at again five minutes later."""
    client_of_emulator.batches(emulated.url, seconds=1000)
    await deployed.start(max_units=6)
    held = Run.open(deployed.view.paths.dir)
    try:
        state = await deployed.wake()
    finally:
        held.close()
    assert state.name == "AwaitingBatch"
    assert "held by process" in state.message
    ahead = state.state_details.scheduled_time - datetime.now(UTC)
    assert timedelta(minutes=4) < ahead <= timedelta(minutes=5)


@pytest.mark.parametrize(
    ("status", "name"), [(Status.PAUSED, "Paused"), (Status.CANCELLED, "Cancelled")]
)
async def test_what_a_person_did_meanwhile_stands(deployed, emulated, status, name):
    """A run that was paused or given up is not gone on with by a flow run that has waited."""
    client_of_emulator.batches(emulated.url, seconds=1000)
    await deployed.start(max_units=6)
    run = Run.open(deployed.view.paths.dir)
    run.set_status(status, reason="interrupted")
    run.close()
    state = await deployed.wake()
    assert (state.type.value, state.name) == ("CANCELLED", name)
    assert deployed.view.state.status is status
    assert deployed.view.state.epoch == 2


async def test_a_deadline_that_passes_while_it_waits_is_kept(deployed, emulated):
    """It wakes for it, and ends in realtime; what it was told at its start is not said again."""
    client_of_emulator.batches(emulated.url, rules=[{"do": "stuck", "share": 0.5}])
    state = await deployed.start(max_units=6, deadline=2)
    assert state.name == "AwaitingBatch"
    assert state.state_details.scheduled_time <= datetime.now(UTC) + timedelta(seconds=20)
    view = deployed.view
    deadline = view.state.deadline
    while datetime.now(UTC) < deadline:
        pass
    state = await deployed.wake()
    assert state.is_completed()
    assert deployed.view.state.spec.mode == "realtime"
    assert emulated.repeated == 0
