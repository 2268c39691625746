"""Make a JSON value fit to be kept: not too deep, finite, its text free of control characters."""

import math
import re
from typing import Any, NamedTuple

__all__ = ["MAX_DEPTH", "Cleaned", "Unfit", "clean", "encodable"]

MAX_DEPTH = 100
"""Deeper values stop the encoders, the validator or the sandbox somewhere; no honest reply is."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\ud800-\udfff]")
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1


class Unfit(ValueError):
    """A value that cannot be kept, with its place and the rule it breaks."""

    def __init__(self, path: str, rule: str, message: str) -> None:
        super().__init__(path, rule, message)
        self.path = path
        self.rule = rule
        self.message = message


class Cleaned(NamedTuple):
    """A value that any encoder takes, and what was changed to make it so."""

    value: Any
    notes: tuple[str, ...]


def clean(value: Any) -> Cleaned:
    """Return `value` with control characters and lone surrogates replaced by U+FFFD.

    Raises:
        Unfit: NaN, Infinity, an integer beyond 64 bits, or too deep.
    """
    notes: list[str] = []
    return Cleaned(_clean(value, "$", 0, notes), tuple(notes))


def encodable(text: str) -> str:
    """Return `text` with lone surrogates replaced, since no request can carry them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _clean(value: Any, path: str, depth: int, notes: list[str]) -> Any:
    if isinstance(value, str):
        return _text(value, path, notes)
    if isinstance(value, dict):
        _check_depth(depth)
        return {
            _text(key, path, notes): _clean(item, f"{path}.{key}", depth + 1, notes)
            for key, item in value.items()
        }
    if isinstance(value, list):
        _check_depth(depth)
        return [
            _clean(item, f"{path}[{place}]", depth + 1, notes) for place, item in enumerate(value)
        ]
    if isinstance(value, float) and not math.isfinite(value):
        raise Unfit(path, "finite", f"{value} is not a finite number")
    if isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        raise Unfit(path, "integer_64_bit", "the integer is beyond 64 bits")
    return value


def _text(text: str, path: str, notes: list[str]) -> str:
    if text.isprintable():
        return text
    cleaned, count = _UNPRINTABLE.subn("\ufffd", text)
    if count:
        notes.append(f"{_UNPRINTABLE.sub(chr(0xFFFD), path)}: {count} control characters replaced")
    return cleaned


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise Unfit("$", "depth", f"the value is nested deeper than {MAX_DEPTH} levels")
