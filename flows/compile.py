"""A pipeline as a Prefect flow: one task run per chunk-step, chunks flowing on independently."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from prefect import Flow, Task
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import get_run_context
from prefect.runtime import flow_run as flow_run_now
from prefect.states import Failed

import pipelines
from flows.defer import defer
from flows.errors import FlowError, RunGone
from flows.flow_runs import UNHEARD, deployment_of, given_up, state_of, was_asked_back
from flows.form import form, signature
from flows.hooks import quiet_logs, snapshot_flow, snapshot_task
from flows.keyring import kept_keys, keys_of
from flows.launching import launch_of
from flows.place import place
from flows.shared import shared_rates
from flows.stopping import stopping_on_signals
from flows.story import Story
from pipelines import Launch
from runs import RunError, RunHeld, Status, is_run, read
from runs.times import now
from tasks.batch_lane import BatchLane, Verb, bring_in, in_batches
from tasks.canary import canary
from tasks.create import create_run
from tasks.errors import REFUSALS as TASKS_REFUSALS
from tasks.keys import Keys
from tasks.opening import opened
from tasks.order import in_order
from tasks.prefect_tasks import look_task, post_task, step_task
from tasks.ready import Line, check_ready, lines_of
from tasks.session import End, Session, ended
from tasks.shipping import Shipping
from tasks.withholding import Withheld, plainly, withholding

if TYPE_CHECKING:
    from prefect.flows import FlowStateHook

__all__ = ["PipelineFlow", "flow_of"]

STAND_ASIDE = timedelta(minutes=5)
"""When a person's command holds a run, its flow run looks again after that."""
HEED_SECONDS = 10.0
"""How often a flow run without a worker looks whether somebody has cancelled it."""
ENDING_SECONDS = 1.0
"""What a task run may take to say that it is at its end."""

REFUSALS = (
    *(FlowError, RunError, pipelines.PipelineError, pipelines.PipelineNotFound),
    *TASKS_REFUSALS,
)
"""Each says in a sentence what is wrong; a traceback would add nothing."""

PipelineFlow: TypeAlias = Flow[..., Coroutine[Any, Any, State[Any]]]


def flow_of(pipeline: str, description: str | None) -> PipelineFlow:
    """Return the flow named for `pipeline`, with the fields of `Launch` as its parameters."""

    async def run_pipeline(**parameters: Any) -> State[Any]:
        try:
            launch = launch_of(pipeline, parameters)
            with withholding(FlowError):
                return await _run(launch, pipeline)
        except (*REFUSALS, Withheld) as error:
            if not isinstance(getattr(error, "original", error), REFUSALS):
                raise
            return Failed(message=str(error), data=error)

    quiet_logs()
    run_pipeline.__signature__ = signature()  # pyright: ignore[reportFunctionMemberAccess] - inspect.signature honours it
    hooks: list[FlowStateHook[..., Any]] = [snapshot_flow]
    body: Callable[..., Coroutine[Any, Any, State[Any]]] = run_pipeline
    flow: PipelineFlow = Flow(
        body,
        name=pipeline,
        flow_run_name=partial(_named, pipeline),
        description=description,
        persist_result=False,
        result_serializer="json",
        log_prints=False,
        on_running=hooks,
        on_completion=hooks,
        on_failure=hooks,
        on_crashed=hooks,
        on_cancellation=hooks,
        validate_parameters=False,  # `Launch` does, and says in our words what is wrong
    )
    flow.__signature__ = form()  # pyright: ignore[reportAttributeAccessIssue] - what is deployed
    return flow


def _named(pipeline: str) -> str:
    """Call a flow run what its run directory is called."""
    started = flow_run_now.scheduled_start_time
    at = UUID(flow_run_now.id)
    return place(pipeline, flow_run_now.parameters, flow_run=at, expected_start=started).name


async def _run(launch: Launch, pipeline: str) -> State[Any]:
    flow_run = _flow_run()
    run_dir = _place(launch, pipeline, flow_run)
    story = Story(flow_run, run_dir)
    if not is_run(run_dir):
        loaded = pipelines.load(pipelines.find(pipeline), launch.items_file)
        lines = lines_of(loaded, launch)
        check_ready(lines, launch, await _kept(launch, lines, flow_run))
        create_run(loaded, launch, run_dir)
    elif (end := ended(read(run_dir))) is not None and await _stands(end, flow_run):
        await story.tell()
        return state_of(end)
    try:
        end = await _go_on(run_dir, launch, flow_run, story)
    except RunHeld as error:
        if flow_run.deployment_id is None:
            raise
        held = f"{error} It is looked at again later."
        story.say(held)
        await defer(flow_run, now() + STAND_ASIDE, held)
    except Exception:
        await story.tell()
        raise
    await story.tell()
    if end.waiting is not None and flow_run.deployment_id is not None:
        await defer(flow_run, end.waiting.until, end.message)
    return state_of(end)


async def _stands(end: End, flow_run: FlowRun) -> bool:
    """Say whether a flow run has nothing to do with a run that has ended.

    What a person did while it waited stands; who asks for it once more has it gone on with.
    """
    if end.status is Status.CANCELLED:
        return True
    if not _woken(flow_run):
        return False
    return end.status is Status.COMPLETE or not await was_asked_back(flow_run)


async def _go_on(run_dir: Path, launch: Launch, flow_run: FlowRun, story: Story) -> End:
    told: dict[str, Any] = {
        "flow_run": str(flow_run.id),
        "deployment": await deployment_of(flow_run),
        "rates": await shared_rates(),
        "kept": None if flow_run.deployment_id is None else await keys_of(run_dir),
        **_told(launch, flow_run),
    }
    async with opened(run_dir, **told) as session, story.beside(session):
        with stopping_on_signals(session, given_up=partial(_given_up, flow_run)):
            async with _heeding(flow_run, session):
                await _order(session, leaving=flow_run.deployment_id is not None)
                return await session.end()


async def _given_up(flow_run: FlowRun) -> bool:
    """Say whether a signal means that a flow run is cancelled, which is what a worker means by it.

    The worker would say so itself, but only where Prefect's own handler listens, which raises an
    exception in the middle of anything.
    """
    if flow_run.deployment_id is None:
        return False
    try:
        return await given_up(flow_run)
    except UNHEARD:
        return False


@contextlib.asynccontextmanager
async def _heeding(flow_run: FlowRun, session: Session) -> AsyncGenerator[None]:
    """Give a run up that is cancelled in the UI; where there is a worker, that tells us."""
    if flow_run.deployment_id is not None:
        yield
        return

    async def heed() -> None:
        while not session.brake.pulled:
            await session.rest(HEED_SECONDS)
            with contextlib.suppress(*UNHEARD):
                if await given_up(flow_run):
                    session.cancel()

    heeding = asyncio.create_task(heed())
    try:
        yield
    finally:
        heeding.cancel()


async def _kept(launch: Launch, lines: Iterable[Line], flow_run: FlowRun) -> Keys | None:
    """Return the keys that are kept for a worker, who often has none in its environment."""
    if launch.free or flow_run.deployment_id is None:
        return None
    return await kept_keys(line.provider for line in lines)


def _woken(flow_run: FlowRun) -> bool:
    """Say whether a flow run has been at work before, and has waited since."""
    return flow_run.run_count > 1


def _told(launch: Launch, flow_run: FlowRun) -> dict[str, Any]:
    """Return what is said of this start of a run.

    What a run was made with it knows, and so does a flow run that was said it and has waited.
    """
    names = Launch.OF_A_START
    if _woken(flow_run):
        names -= Launch.ONCE
    elif launch.run is not None:
        names |= Launch.CHANGEABLE
    return {name: value for name, value in launch.said.items() if name in names}


def _flow_run() -> FlowRun:
    flow_run = getattr(get_run_context(), "flow_run", None)
    assert isinstance(flow_run, FlowRun), "flows run inside Prefect"
    return flow_run


def _place(launch: Launch, pipeline: str, flow_run: FlowRun) -> Path:
    assert flow_run.expected_start_time is not None
    run_dir = place(
        pipeline,
        launch.model_dump(),
        flow_run=flow_run.id,
        expected_start=flow_run.expected_start_time,
    )
    if not is_run(run_dir) and (_woken(flow_run) or launch.run):
        raise RunGone(
            f"The run directory {run_dir} is gone: this flow run has nothing to go on with. "
            "It does not start afresh, since what was paid for would be paid for again."
        )
    return run_dir


async def _order(session: Session, *, leaving: bool) -> None:
    """Do what is left of the run, in the lane that it is in; or all but wait, with `leaving`."""
    lane = session.batch_lane = _batch_lane(session)
    if session.lane == "batch":
        await canary(session)
        await in_batches(lane, session.rest, leaving=leaving)
    if session.lane == "realtime":
        await bring_in(lane, session.rest)
        await _in_realtime(session)


@dataclass(frozen=True, slots=True)
class _BatchTasks:
    """The parts of the batch lane, each as a task run."""

    session: Session
    advances: Mapping[str, Task[[str, str, str], Any]]
    posts: Mapping[str, Task[[str, str, str, Verb], Any]]
    looks: Task[[str, int], Any]

    async def advance(self, step: str, chunk: str) -> object:
        with plainly():
            return await self.advances[step](self._run_dir, step, chunk)

    async def post(self, step: str, chunk: str, verb: Verb) -> int:
        with plainly():
            return await self.posts[step](self._run_dir, step, chunk, verb)

    async def look(self) -> bool:
        with plainly():
            return await self.looks(self._run_dir, self.session.run.look())

    @property
    def _run_dir(self) -> str:
        return str(self.session.run_dir)


def _batch_lane(session: Session) -> BatchLane:
    """Return a lane with two task runs for each chunk-step that asks, and one for each look."""
    hooks = [snapshot_task(session.run_dir)]
    steps = session.pipeline.unit_steps
    works = _BatchTasks(
        session,
        {step.name: step_task(step.name, step.description, hooks=hooks) for step in steps},
        {step.name: post_task(step.name, step.description, hooks=hooks) for step in steps},
        look_task(hooks=hooks),
    )
    return BatchLane(session, Shipping(session.run, session.desk), works)


async def _in_realtime(session: Session) -> None:
    """One task run for each chunk-step."""
    hooks = [snapshot_task(session.run_dir)]
    tasks = {
        step.name: step_task(step.name, step.description, hooks=hooks)
        for step in session.pipeline.unit_steps
    }

    async def work(step: str, chunk: str) -> None:
        with plainly():
            await _while_going(session, chunk, tasks[step](str(session.run_dir), step, chunk))

    await in_order(session, work)


async def _while_going(session: Session, chunk: str, work: Coroutine[Any, Any, Any]) -> None:
    """Await a task run; once the run stops, do not sit out the ten minutes to its next retry."""
    task, stopped = asyncio.ensure_future(work), asyncio.ensure_future(session.brake.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        while not (await asyncio.wait({task}, timeout=ENDING_SECONDS))[0]:
            if stopped.done() and chunk not in session.tallies:  # it asks nothing: it waits
                task.cancel()
    finally:
        stopped.cancel()
        if not task.done():  # somebody else gave up: nothing may go on once the run is let go
            task.cancel()
            await asyncio.wait({task})
    if not task.cancelled():
        task.result()
