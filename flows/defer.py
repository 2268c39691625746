"""What a worker is told: when to begin a flow run again."""

import logging
from datetime import datetime
from typing import Any, NoReturn

from prefect import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Pause
from prefect.states import Scheduled

from flows.reconcile import AWAITING

__all__ = ["defer"]


class _NoError(logging.Filter):
    """Prefect logs it as an error that a flow run ends its part in a state that is no end."""

    def filter(self, record: logging.LogRecord) -> bool:
        return f"Finished in state {AWAITING}" not in record.getMessage()


async def defer(flow_run: FlowRun, until: datetime, message: str) -> NoReturn:
    """Have the worker begin this flow run again at `until`, and end this process's part in it.

    The caller has let go of everything by now: the run's lock, above all.

    Raises:
        Pause: always; Prefect takes it as the end of this part.
    """
    logger = logging.getLogger("prefect.flow_runs")
    if not any(isinstance(one, _NoError) for one in logger.filters):
        logger.addFilter(_NoError())
    async with get_client() as client:
        # A run that is cancelled while it waits would stick in Cancelling for the sake of a process
        # that has long gone.
        await client.request(
            "PATCH",
            "/flow_runs/{id}",
            path_params={"id": flow_run.id},
            json={"infrastructure_pid": None},
        )
        asked: State[Any] = Scheduled(name=AWAITING, scheduled_time=until, message=message)
        answer = await client.set_flow_run_state(flow_run.id, asked)
    raise Pause(state=answer.state or asked)
