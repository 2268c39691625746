"""How long a run still takes, by how far it has come while somebody worked on it."""

from collections import deque
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
MOST_SEEN = 100
"""So many moments are remembered of a run, about as far from one another."""


class Progress:
    """How far one run had come since its holder was first seen.

    The pace of the second half of that time counts: at the end a run is slower, for what is left
    then is asked again.
    """

    def __init__(self) -> None:
        self._holder: Holder | None = None
        self._first: tuple[datetime, float] | None = None
        """When it was first seen, and how far it had come."""
        self._seen: deque[tuple[datetime, float]] = deque()
        """The same later on; the first is where the pace counts from."""

    def left(self, row: RunRow, holder: Holder | None, at: datetime) -> timedelta | None:
        """Return about how long it still takes; None if that cannot be told, as in batches.

        They come when their provider pleases, and what is local between them takes no time.
        """
        if row.liveness is not Liveness.ACTIVE or row.lane == "batch" or holder is None:
            return None
        if holder != self._holder or self._first is None:
            self._holder = holder
            began = holder.since - row.created < AT_ONCE  # else it goes on with what others began
            self._first = (holder.since, 0.0) if began else (at, row.progress)
            self._seen = deque([self._first])
        elapsed, gained = at - self._first[0], row.progress - self._first[1]
        if at - self._seen[-1][0] >= max(STEP, elapsed / MOST_SEEN):
            self._seen.append((at, row.progress))
        while len(self._seen) > 1 and self._seen[1][0] <= at - max(elapsed / 2, LEAST_TIME):
            self._seen.popleft()
        since, progress = self._seen[0]
        took, share = at - since, row.progress - progress
        if gained < LEAST or share <= 0 or took < LEAST_TIME or row.progress >= 1:
            return None
        return max(round(took * ((1 - row.progress) / share) / STEP), 1) * STEP
