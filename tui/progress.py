"""How long a run still takes, by how far it has come while somebody worked on it."""

from datetime import datetime, timedelta

from runs import Liveness
from runs.lock import Holder
from tui.snapshot import RunRow

__all__ = ["Progress"]

LEAST = 0.02
"""Of the way, before anything is said."""
LEAST_TIME = timedelta(seconds=15)
AT_ONCE = timedelta(seconds=30)
"""A holder that came so soon after the run was made has begun it."""
STEP = timedelta(seconds=5)
"""What is left is told in steps of this, so that a row does not change at every look."""


class Progress:
    """How far one run had come when its holder was first seen."""

    def __init__(self) -> None:
        self._holder: Holder | None = None
        self._at: datetime | None = None
        self._progress = 0.0

    def left(self, row: RunRow, holder: Holder | None, at: datetime) -> timedelta | None:
        """Return about how long it still takes; None if that cannot be told, as in batches.

        They come when their provider pleases, and what is local between them takes no time.
        """
        if row.liveness is not Liveness.ACTIVE or row.lane == "batch" or holder is None:
            return None
        if holder != self._holder or self._at is None:
            self._holder = holder
            began = holder.since - row.created < AT_ONCE
            self._at, self._progress = (holder.since, 0.0) if began else (at, row.progress)
        took, share = at - self._at, row.progress - self._progress
        if share < LEAST or took < LEAST_TIME or row.progress >= 1:
            return None
        return max(round(took * ((1 - row.progress) / share) / STEP), 1) * STEP
