"""State hooks: after a task or flow changed state, MANIFEST.json is brought up to date."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.place import place
from runs import snapshot_of

if TYPE_CHECKING:
    from prefect import Flow, Task
    from prefect.client.schemas.objects import FlowRun, State, TaskRun
    from prefect.tasks import StateHookCallable

__all__ = ["quiet_logs", "snapshot_flow", "snapshot_task"]


def snapshot_flow(flow: "Flow[..., Any]", flow_run: "FlowRun", state: "State[Any]") -> None:  # noqa: ARG001 - Prefect calls hooks by these names
    """Write the manifest of a flow run; may run in another process, twice, or without a run."""
    if flow_run.expected_start_time is None:
        return
    snapshot_of(
        place(
            flow.name,
            flow_run.parameters,
            flow_run=flow_run.id,
            expected_start=flow_run.expected_start_time,
        )
    )


def snapshot_task(run_dir: Path) -> "StateHookCallable":
    """Return the hook of a run's tasks."""

    def snapshot(task: "Task[..., Any]", task_run: "TaskRun", state: "State[Any]") -> None:  # noqa: ARG001
        snapshot_of(run_dir)

    return snapshot


NOISE = ("Running hook", "Hook ", "Finished in state Completed()")


class _WithoutNoise(logging.Filter):
    """Prefect logs three INFO lines to its API for a task run that went well: nobody reads them."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (
            record.levelno == logging.INFO
            and isinstance(record.msg, str)
            and record.msg.startswith(NOISE)
        )


def quiet_logs() -> None:
    """Keep hook calls, and task runs that went well, out of Prefect's logs."""
    for name in ("prefect.task_runs", "prefect.flow_runs", "prefect.engine"):
        logger = logging.getLogger(name)
        if not any(isinstance(one, _WithoutNoise) for one in logger.filters):
            logger.addFilter(_WithoutNoise())
