"""A clock that nobody puts forward or back, and that goes on while the machine sleeps."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["steady_clock"]

# Linux stops its monotonic clock during sleep, but not this one; elsewhere that one goes on.
_ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Return the seconds since some moment."""
    return time.clock_gettime(_ELAPSED)


def steady_clock(
    *,
    wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    elapsed: Callable[[], float] = elapsed,
) -> Callable[[], datetime]:
    """Return a clock that is right now, by the system's, and from then on goes by itself (UTC)."""
    began, since = wall(), elapsed()
    return lambda: began + timedelta(seconds=elapsed() - since)
