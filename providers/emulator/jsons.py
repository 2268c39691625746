"""JSON that also carries what orjson refuses: half a surrogate pair, very long integers."""

import json
from typing import Any

import orjson

__all__ = ["dumps", "loads"]


def loads(text: bytes) -> Any:
    """Return the value of a JSON text; ValueError if it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def dumps(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value).encode()
