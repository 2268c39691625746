"""How many calls may be in flight at once."""

__all__ = ["Window"]

CUT_TO = 0.7
LATER_STEP = 0.25
"""Per answer. Answers may take half a minute: by one per round it would never get anywhere."""


class Window:
    """It grows while it is full, by one with every answer at first: slow start, it doubles a round.

    After a cut it grows fast to the last good size, and from there by a quarter a round.
    """

    __slots__ = ("_fast_until", "_most", "size")

    def __init__(self, start: int, most: int) -> None:
        self.size = float(min(start, most))
        self._most = float(most)
        self._fast_until = float(most)

    def has_room(self, in_flight: int) -> bool:
        return in_flight < int(self.size)

    def grow(self, in_flight: int) -> None:
        """Take note of an answer, which counts as in flight still."""
        if in_flight < int(self.size) or self.size >= self._most:
            return
        step = 1.0 if self.size < self._fast_until else LATER_STEP
        self.size = min(self.size + step, self._most)

    def cut(self, *, last_good: bool) -> None:
        """Shrink. Was it the last good size, or is none known?"""
        self._fast_until = self.size if last_good else self.size * CUT_TO
        self.size = max(1.0, self.size * CUT_TO)

    def restore(self, size: float) -> None:
        """Return to a size that proved to be good."""
        self.size = max(self.size, size)
        self._fast_until = self._most
