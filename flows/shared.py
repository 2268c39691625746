"""Rates that all machines on one Prefect server share: its global limits with a decay."""

import logging

from prefect import get_client
from prefect.concurrency.asyncio import rate_limit
from prefect.exceptions import PrefectException

from tasks.shared import Rates, SharedRate

__all__ = ["shared_rates"]

PREFIX = "octobatch-"
MOST_LIMITS = 200
BLOCK_SECONDS = 1.0
"""Permits of so much time are fetched at once."""
PATIENCE_SECONDS = 300.0

_log = logging.getLogger("prefect.flow_runs.octobatch")


async def shared_rates() -> Rates:
    """Return the rates that somebody has set for us at the Prefect server of this flow run.

    They are set by, for example, `prefect gcl create octobatch-openai-gpt-6-luna-requests --limit
    500 --slot-decay-per-second 8`.
    """
    async with get_client() as client:
        limits = await client.read_global_concurrency_limits(limit=MOST_LIMITS)
    return {
        limit.name: SharedRate(
            limit.name,
            max(1, min(limit.limit, round(limit.slot_decay_per_second * BLOCK_SECONDS))),
            _fetch,
        )
        for limit in limits
        if limit.active and limit.name.startswith(PREFIX) and limit.slot_decay_per_second > 0
    }


async def _fetch(name: str, permits: int) -> None:
    """Wait for permits; a server that has gone holds nobody up: the provider has the last word."""
    try:
        await rate_limit(name, occupy=permits, timeout_seconds=PATIENCE_SECONDS)
    except (PrefectException, TimeoutError) as error:
        _log.warning("The shared rate %s is not kept to: %s", name, error)
