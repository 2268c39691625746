"""When to look at batches again: soon at first, slower as they age, as is usual for them."""

from collections import deque
from collections.abc import Iterable
from statistics import median

__all__ = ["Cadence"]

FIRST_SECONDS = 5.0
SLOWEST_SECONDS = 300.0
SHARE_OF_AGE = 0.1
"""A look costs at most so much of the time that was waited already."""
SHARE_OF_USUAL = 0.05
"""About the time at which batches usually end, looks come so often."""
REMEMBERED = 50


class Cadence:
    """Learns from the batches of a run how long they take."""

    def __init__(self, *, fixed_seconds: float | None = None) -> None:
        """Begin without knowledge; `fixed_seconds` overrules everything."""
        self._fixed_seconds = fixed_seconds
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def usual_seconds(self) -> float | None:
        """Return how long a batch takes as a rule; None until one has ended."""
        return median(self._took) if self._took else None

    def ended(self, seconds: float) -> None:
        """Learn from a batch that has ended so long after it was submitted."""
        self._took.append(seconds)

    def next_look(self, ages: Iterable[float]) -> float:
        """Return in how many seconds to look again at batches of these ages, in seconds."""
        if self._fixed_seconds is not None:
            return self._fixed_seconds
        return min(map(self._patience, ages), default=FIRST_SECONDS)

    def _patience(self, age: float) -> float:
        by_age = min(max(FIRST_SECONDS, age * SHARE_OF_AGE), SLOWEST_SECONDS)
        if (usual := self.usual_seconds) is None:
            return by_age
        close = min(max(FIRST_SECONDS, usual * SHARE_OF_USUAL), SLOWEST_SECONDS)
        # Before its usual time a batch is left alone for most of what is left; after it, watched.
        return min(max(close, (usual - age) * 0.8), SLOWEST_SECONDS) if age < usual else close
