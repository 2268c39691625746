"""Spans of time as people write them: `90`, `30m`, `1h30m45s`, `2d`."""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field

__all__ = ["Seconds", "seconds"]

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SPAN = re.compile(
    "".join(rf"(?:(?P<{unit}>\d+(?:\.\d+)?)\s*{unit}\s*)?" for unit in _UNITS), re.ASCII
)


def seconds(said: str | float) -> float:
    """Return a span of time in seconds; a number alone is one already.

    Raises:
        ValueError: it is no span of time, or none above 0.
    """
    text = str(said).strip().lower()
    try:
        span = float(text)
    except ValueError:
        found = _SPAN.fullmatch(text)
        parts = found.groupdict() if found and text else {}
        span = sum(float(n) * _UNITS[unit] for unit, n in parts.items() if n is not None)
    if not 0 < span < float("inf"):
        raise ValueError(f"{said!r} is not a span of time such as 90 (seconds), 30m, 1h30m or 2d")
    return span


Seconds = Annotated[
    float,
    Field(gt=0),
    BeforeValidator(
        lambda said: seconds(said) if isinstance(said, str) else said,
        json_schema_input_type=float | str,
    ),
]
"""A span of time in seconds, which may be said in words of `seconds`."""
