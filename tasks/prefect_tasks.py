"""The verbs on a chunk as Prefect tasks: retries and names here, the work in tasks.session."""

from pathlib import Path
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import StateHookCallable

from providers.errors import Unreachable
from tasks import session

__all__ = ["step_task"]

RETRY_DELAYS_SECONDS = [30.0, 120.0, 600.0]
"""After the limiter's own patience (15 minutes) is spent: an outage, not a hiccup."""


async def _is_unreachable(_: Task[..., Any], __: TaskRun, state: State[Any]) -> bool:
    """Only an outage is worth a retry: everything else was already settled unit by unit."""
    return isinstance(await state.aresult(raise_on_failure=False), Unreachable)


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
    return await held.advance(step, chunk)


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
