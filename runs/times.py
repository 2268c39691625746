"""Moments: UTC in memory, ISO 8601 with milliseconds and a Z on disk. And spans, for people."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

__all__ = ["Clock", "lasting", "moment", "now", "stamp"]

Clock: TypeAlias = Callable[[], datetime]

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def now() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


def stamp(at: datetime) -> str:
    """Return `at` as it stands on disk."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def moment(text: str) -> datetime:
    """Return the moment that `stamp` wrote."""
    return datetime.fromisoformat(text)


def lasting(seconds: float) -> str:
    """Return a span of time as people say it, by its two greatest parts: `1 h 30 min`."""
    for unit, name, part, small in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min")):
        whole, rest = divmod(round(seconds / part) * part, unit)
        if whole:
            return f"{whole} {name} {rest // part} {small}" if rest else f"{whole} {name}"
    whole = round(seconds)
    return f"{whole} s" if whole < MINUTE else f"{round(seconds / MINUTE)} min"
