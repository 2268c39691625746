"""The verbs on a chunk as Prefect tasks: retries and names here, the work in tasks.session."""

from pathlib import Path
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import StateHookCallable

from providers.errors import Unreachable
from tasks import session
from tasks.batch_lane import BatchLane, Verb
from tasks.withholding import Withheld, withholding

__all__ = ["look_task", "post_task", "step_task"]

RETRY_DELAYS_SECONDS = [30.0, 120.0, 600.0]
"""After the limiter's own patience (15 minutes) is spent: an outage, not a hiccup."""


async def _is_unreachable(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Only an outage is worth a retry: everything else was already settled unit by unit."""
    error = await state.aresult(raise_on_failure=False)
    return isinstance(error.original if isinstance(error, Withheld) else error, Unreachable)


@task(
    task_run_name="{step}/{chunk}",
    retries=len(RETRY_DELAYS_SECONDS),
    retry_condition_fn=_is_unreachable,
    cache_policy=NO_CACHE,
    persist_result=False,
    result_serializer="json",
    log_prints=False,
)
async def _advance(run_dir: str, step: str, chunk: str) -> dict[str, int]:
    held = session.find(Path(run_dir))
    assert held is not None, "a run's tasks run in the process that holds it"
    with withholding():
        return await held.advance(step, chunk)


@task(
    task_run_name="{step}/{chunk} {verb}",
    cache_policy=NO_CACHE,
    persist_result=False,
    result_serializer="json",
    log_prints=False,
)
async def _post(run_dir: str, step: str, chunk: str, verb: Verb) -> int:
    with withholding():
        return await _lane(run_dir).post(step, chunk, verb)


@task(
    name="sensor",
    task_run_name="look {number}",
    cache_policy=NO_CACHE,
    persist_result=False,
    result_serializer="json",
    log_prints=False,
)
async def _look(run_dir: str, number: int) -> bool:  # noqa: ARG001  its name tells the number
    with withholding():
        return await _lane(run_dir).look()


def _lane(run_dir: str) -> BatchLane:
    held = session.find(Path(run_dir))
    assert held is not None, "a run's tasks run in the process that holds it"
    assert held.batch_lane is not None, "only a run in batches has a batch lane"
    return held.batch_lane


def post_task(
    step: str, description: str | None, *, hooks: list[StateHookCallable]
) -> Task[[str, str, str, Verb], Any]:
    """Return the task that hands a chunk's questions in, or judges what came back."""
    return _post.with_options(
        name=step,
        description=description,
        on_running=hooks,
        on_completion=hooks,
        on_failure=hooks,
    )


def look_task(*, hooks: list[StateHookCallable]) -> Task[[str, int], Any]:
    """Return the sensor: one look at all batches of a run."""
    return _look.with_options(on_completion=hooks, on_failure=hooks)


def step_task(
    step: str, description: str | None, *, hooks: list[StateHookCallable]
) -> Task[[str, str, str], Any]:
    """Return the task of one step, which takes a run directory, the step's name and a chunk."""
    return _advance.with_options(
        name=step,
        description=description,
        retry_delay_seconds=RETRY_DELAYS_SECONDS,
        on_running=hooks,
        on_completion=hooks,
        on_failure=hooks,
    )
