"""Moments: UTC in memory, ISO 8601 with milliseconds and a Z on disk."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

__all__ = ["Clock", "moment", "now", "stamp"]

Clock: TypeAlias = Callable[[], datetime]


def now() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


def stamp(at: datetime) -> str:
    """Return `at` as it stands on disk."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def moment(text: str) -> datetime:
    """Return the moment that `stamp` wrote."""
    return datetime.fromisoformat(text)
