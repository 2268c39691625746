"""When to stop asking a provider that answers nobody."""

__all__ = ["Breaker"]

DOWN_FAILURES = 8
"""So many calls failed one after another: it is down, or refuses everything for a while."""
PROBE_SECONDS = 1.0
"""A provider that is down is asked so often, not with a whole window of calls."""
BREAK_FAILURES = 20
"""Fewer may be the bad luck of a few calls, each of which is sent up to 7 times."""
BREAK_SECONDS = 90.0
"""Longer than a limit by the minute refuses everything, and than most restarts take."""
REST_SECONDS = 10.0
"""After it broke, calls fail for so long without being sent; then one may try."""


class Breaker:
    """Counts failures in a row. Any answer, even one that says no, sets it back.

    While the provider is down a call a second finds out whether it is back. When it has answered
    nobody for long, the breaker is open: one call at a time may try, and all others fail with it.
    """

    def __init__(self) -> None:
        self.open = False
        self._failures = 0
        self._failing_since = 0.0
        self._next_at = float("-inf")

    def rests(self, now: float) -> bool:
        return self.open and now < self._next_at

    def ready_at(self, in_flight: int) -> float:
        """Return when a call may be sent; infinity while it depends on those in flight."""
        if self.open:
            return float("inf") if in_flight else self._next_at
        return self._next_at if self._failures >= DOWN_FAILURES else float("-inf")

    def sent(self, now: float) -> None:
        if self._failures >= DOWN_FAILURES and not self.open:
            self._next_at = now + PROBE_SECONDS

    def answered(self) -> None:
        if self._failures:
            self._failures = 0
            self.open = False

    def failed(self, now: float) -> None:
        if not self._failures:
            self._failing_since = now
        self._failures += 1
        long = now - self._failing_since >= BREAK_SECONDS
        if self.open or (self._failures >= BREAK_FAILURES and long):
            self.open = True
            self._next_at = now + REST_SECONDS
