"""What a Prefect server knows of the flow runs of a run, and what it is told of them."""

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State, StateType, WorkerStatus
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.states import Cancelled, Completed, Crashed, Failed, Scheduled

from flows.errors import BadRequest
from flows.reconcile import AWAITING, PAUSED, FlowRunView, Kind
from pipelines import Launch
from runs import RunView, Status
from tasks.session import End, ended
from tasks.withholding import outward_fault

__all__ = ["UNHEARD", "Begun", "begin", "begin_anew", "deployment_of", "given_up", "known"]
__all__ += ["state_of", "tell", "unsuspend", "was_asked_back"]

UNHEARD = (httpx.HTTPError, PrefectException)
"""What is raised when a server does not answer, or not as it should."""
RESUMING = "Resuming"
BY_ITSELF = frozenset({"Late", "AwaitingConcurrencySlot"})
"""Scheduled states that Prefect itself puts between."""
SETTLING_SECONDS = 10.0
AT_ONCE = 100
"""So many flow runs are read with one request."""


class Begun(NamedTuple):
    """A flow run that a worker is to begin."""

    name: str
    pool: str | None
    workers: int
    """As many are up in that pool."""


async def known(ids: Iterable[str]) -> dict[str, FlowRunView]:
    """Return those of some flow runs that the server knows."""
    found: dict[str, FlowRunView] = {}
    wanted_ids = [UUID(one) for one in ids]
    async with get_client() as client:
        for first in range(0, len(wanted_ids), AT_ONCE):
            some = wanted_ids[first : first + AT_ONCE]
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=some))
            for flow_run in await client.read_flow_runs(flow_run_filter=wanted):
                found[str(flow_run.id)] = await _view(client, flow_run)
    return found


async def _view(client: PrefectClient, flow_run: FlowRun) -> FlowRunView:
    state = flow_run.state
    assert state is not None, "a server gives each flow run a state"
    crashes = 0
    if state.type is StateType.CRASHED:
        been = await client.read_flow_run_states(flow_run.id)
        crashes = sum(one.type is StateType.CRASHED for one in been)
    return FlowRunView(
        id=str(flow_run.id),
        kind=Kind(state.type.value.lower()),
        state=state.name or "",
        since=state.timestamp,
        due=state.state_details.scheduled_time,
        deployed=flow_run.deployment_id is not None,
        crashes=crashes,
    )


def state_of(end: End) -> State[Any]:
    """Return what Prefect is told of how a run ended; the manifest knows already."""
    match end.status:
        case Status.COMPLETE:
            return Completed(message=end.message)
        case Status.RUNNING:
            return Completed(name=AWAITING, message=end.message)
        case Status.CANCELLED:
            return Cancelled(message=end.message)
        case _:
            return Cancelled(name=PAUSED, message=end.message)


async def tell(flow_run: str, view: RunView) -> None:
    """Tell the server how a run stands whose flow run can do so no more."""
    if (end := ended(view)) is not None:
        state = state_of(end)
    elif view.state.status is Status.FAILED:
        state = Failed(message=outward_fault(str(view.state.error)))
    else:
        state = Crashed(message="The process that worked on it has died.")
    async with get_client() as client:
        await client.set_flow_run_state(UUID(flow_run), state, force=True)


async def begin_anew(flow_run: str) -> None:
    """Have a worker begin a flow run once more, in a process of its own.

    One that has crashed a moment ago is waited for: its worker says so twice, seconds apart.
    """
    async with get_client() as client:
        last = (await client.read_flow_run(UUID(flow_run))).state
        if last is not None and last.type is StateType.CRASHED:
            age = datetime.now(UTC) - last.timestamp
            await asyncio.sleep(max(0.0, SETTLING_SECONDS - age.total_seconds()))
        state: State[Any] = Scheduled(name=RESUMING, scheduled_time=datetime.now(UTC))
        await client.set_flow_run_state(UUID(flow_run), state, force=True)


async def unsuspend(flow_run: str) -> None:
    """Let a flow run go on that somebody has suspended."""
    async with get_client() as client:
        await client.resume_flow_run(UUID(flow_run))


async def begin(deployment: str, run: str) -> Begun:
    """Have a run gone on with, as it stands, by a new flow run of a deployment.

    Args:
        deployment: As `<flow>/<name>`.
        run: The run's name, or its path.

    Raises:
        BadRequest: the server does not know the deployment.
    """
    async with get_client() as client:
        try:
            known = await client.read_deployment_by_name(deployment)
        except ObjectNotFound as error:
            raise BadRequest(
                f"the Prefect server knows no deployment {deployment} any more: deploy it once "
                f"more (octobatch deploy), or go on here: octobatch run {run}"
            ) from error
        # What the deployment says of new runs is not to change this one.
        unsaid = {
            name: Launch.model_fields[name].default
            for name in known.parameters
            if name in Launch.CHANGEABLE
        }
        flow_run = await client.create_flow_run_from_deployment(
            known.id, parameters={**unsaid, "run": run}
        )
        return Begun(flow_run.name, known.work_pool_name, await _workers(client, known))


async def _workers(client: PrefectClient, deployment: Any) -> int:
    if deployment.work_pool_name is None:
        return 0
    workers = await client.read_workers_for_work_pool(deployment.work_pool_name)
    return sum(worker.status is WorkerStatus.ONLINE for worker in workers)


async def deployment_of(flow_run: FlowRun) -> str | None:
    """Return what the deployment of a flow run is called, as `<flow>/<name>`; None without one."""
    if flow_run.deployment_id is None:
        return None
    async with get_client() as client:
        with contextlib.suppress(ObjectNotFound):  # deleted while its flow runs go on
            deployment = await client.read_deployment(flow_run.deployment_id)
            flow = await client.read_flow(deployment.flow_id)
            return f"{flow.name}/{deployment.name}"
    return None


async def was_asked_back(flow_run: FlowRun) -> bool:
    """Say whether somebody has had a flow run begun anew, which did not merely wait."""
    async with get_client() as client:
        states = await client.read_flow_run_states(flow_run.id)
    states.sort(key=lambda state: state.timestamp)
    names = [state.name for state in states if state.type is StateType.SCHEDULED]
    return next((name for name in reversed(names) if name not in BY_ITSELF), None) != AWAITING


async def given_up(flow_run: FlowRun) -> bool:
    """Say whether somebody has cancelled a flow run."""
    async with get_client() as client:
        state = (await client.read_flow_run(flow_run.id)).state
    return state is not None and state.type in {StateType.CANCELLING, StateType.CANCELLED}
