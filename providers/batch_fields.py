"""Reading what a vendor says of a batch: what is not there, or is no such thing, is None."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

__all__ = ["count", "entries", "moment", "object_at", "text_at"]


def object_at(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the JSON object of a name; an empty one if it is none."""
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def entries(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the JSON objects in the list of a name."""
    values = body.get(name)
    if not isinstance(values, list):
        return []
    return [one for one in cast("list[Any]", values) if isinstance(one, dict)]


def text_at(body: Mapping[str, Any], name: str) -> str | None:
    """Return the text of a name; None if it is empty."""
    value = body.get(name)
    return value if isinstance(value, str) and value else None


def count(value: object) -> int | None:
    """Return a number of things, which some vendors write as a string."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


MOST_DIGITS = 18


def moment(value: object) -> datetime | None:
    """Return a time in UTC, which vendors write in seconds or as RFC 3339."""
    try:
        if isinstance(value, str):
            read = datetime.fromisoformat(value)
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
