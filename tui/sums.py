"""All runs in numbers."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from runs import Liveness
from tui.paint import AT_WORK
from tui.snapshot import RunRow

__all__ = ["Sums", "sums"]


class Sums(NamedTuple):
    """What there is of runs."""

    runs: int
    at_work: int
    complete: int
    failed: int
    paused: int
    detached: int
    pipelines: int
    tokens: int
    cost_usd: Decimal
    """What was paid, as far as it is known: nothing for emulated runs."""


def sums(rows: Sequence[RunRow]) -> Sums:
    """Return all runs in numbers."""
    return Sums(
        runs=len(rows),
        at_work=sum(row.liveness in AT_WORK for row in rows),
        complete=sum(row.liveness is Liveness.COMPLETE for row in rows),
        failed=sum(row.liveness is Liveness.FAILED for row in rows),
        paused=sum(row.liveness is Liveness.PAUSED for row in rows),
        detached=sum(row.liveness is Liveness.DETACHED for row in rows),
        pipelines=len({row.pipeline for row in rows}),
        tokens=sum(row.tokens for row in rows),
        cost_usd=sum((row.cost_usd or Decimal(0) for row in rows if not row.emulate), Decimal(0)),
    )
