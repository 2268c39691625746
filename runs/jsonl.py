"""JSON, a line at a time: orjson, and json for what orjson refuses but models and people write."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

__all__ = ["dumps", "loads", "read_jsonl"]


def dumps(value: Any, *, pretty: bool = False) -> bytes:
    """Return `value` as JSON, on one line unless it is to be pretty; Decimals are numbers."""
    try:
        return orjson.dumps(value, default=_number, option=orjson.OPT_INDENT_2 if pretty else None)
    except TypeError:  # a lone surrogate, an integer of more than 64 bits
        return json.dumps(value, default=_number, indent=2 if pretty else None).encode()


def loads(line: bytes) -> Any:
    """Return the value of a line.

    Raises:
        ValueError: it is not JSON, or nested too deeply to be read.
    """
    try:
        return orjson.loads(line)
    except ValueError:
        try:
            return json.loads(line.decode())  # as UTF-8: json would guess UTF-16, too
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file (units, failures), in order."""
    with path.open("rb") as lines:
        for line in lines:
            yield loads(line)


def _number(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
