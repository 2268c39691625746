"""Reading HTTP answers, whoever sent them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

__all__ = ["parse", "retry_after"]


def parse(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a body holds, or None when it holds none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _parse_leniently(body)
    return value if isinstance(value, dict) else None


def _parse_leniently(body: bytes) -> Any:
    # A reply cut within an emoji holds half a surrogate pair, which orjson refuses.
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def retry_after(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Return how many seconds the provider asks us to wait, or None when it does not say."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return max(0.0, milliseconds / 1000)
    text = headers.get("retry-after")
    if (seconds := _number(text)) is not None:
        return max(0.0, seconds)
    return None if text is None else _until(text, now)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if number < float("inf") else None


def _until(text: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # "-0000" gives a naive time that is UTC all the same (RFC 5322, 3.3).
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (then - now).total_seconds())
