"""The text of the programs that run in the sandbox: what they share, and how they find fields."""

import hashlib
from collections.abc import Iterable, Sequence

from pipelines.expressions import PREFIX
from pipelines.values import MAX_DEPTH

__all__ = ["MAX_RESULT_BYTES", "PRELUDE", "catches", "entry_name", "indented", "loads"]

MAX_RESULT_BYTES = 1_000_000
"""Of one unit, as JSON."""
MAX_REASON_CHARS = 500

# `round` of pydantic-monty 1.4 differs from Python's where decimals are not exact: 2.675, 2. Text
# is rounded right, and so are whole numbers: those that are made of all before the point, and of
# one digit that says whether anything comes after it.
# Its generators, `zip`, `enumerate` and `reversed` are lists.
# Shared sub-lists make a small value huge as JSON: it must not leave before it is measured.
PRELUDE = f"""\
import json
import random
from math import ceil, exp, floor, inf, log, log10, sqrt

__at = 0

def __round(number, ndigits=None):
    if not isinstance(number, float) or not isinstance(ndigits, int) or not -inf < number < inf:
        return round(number, ndigits)
    if ndigits >= 0:
        return float(f'{{number:.{{int(min(ndigits, 400))}}f}}')
    whole = int(number)
    beyond = (number > whole) - (number < whole)
    return float(round(whole * 10 + beyond, max(ndigits, -400) - 1) // 10) or 0.0 * number

def __plain(value, depth):
    if depth > {MAX_DEPTH} + 1:
        raise ValueError('nested deeper than {MAX_DEPTH} levels')
    if isinstance(value, set):
        value = sorted(value)
    if isinstance(value, (list, tuple)):
        return [__plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f'the key {{key!r}} is no text')
        return {{key: __plain(item, depth + 1) for key, item in value.items()}}
    if value is not None and not isinstance(value, (str, bool, int, float)):
        raise TypeError(f'a {{type(value).__name__}} is no JSON value')
    return value

def __json(values):
    try:
        text = json.dumps(values, allow_nan=False)
    except TypeError:
        return json.dumps(__plain(values, 0), allow_nan=False)
    if len(text) > {MAX_RESULT_BYTES}:
        raise ValueError('larger than {MAX_RESULT_BYTES:,} bytes of JSON')
    if '{{' in text or text.count('[') > {MAX_DEPTH}:
        __plain(values, 0)
    return text

def __packed(values, place):
    global __at
    __at = place
    try:
        return __json(values)
    except Exception:
        for value in values:
            __at += 1
            __json([value])
        raise
"""


def entry_name(verb: str, lines: Iterable[str]) -> str:
    """Return a name for the function that consists of `lines`: the same for the same function."""
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return f"{verb}_{digest[:16]}"


def indented(lines: Iterable[str], levels: int = 1) -> list[str]:
    """Return `lines` as the inside of a block."""
    return [f"{'    ' * levels}{line}" for line in lines]


def loads(names: Iterable[str], unit: str) -> list[str]:
    """Return statements that fetch fields; what a unit does not have stays unset."""
    return [f"if {name!r} in {unit}: {PREFIX}{name} = {unit}[{name!r}]" for name in sorted(names)]


def catches(statement: str) -> Sequence[str]:
    """Return the end of a `try`: `statement`, with the name `reason` for what went wrong."""
    name = f'str(error).split("\'")[1][{len(PREFIX)}:]'
    return (
        "except NameError as error:",
        f"    reason = 'there is no ' + repr({name})",
        f"    {statement}",
        "except Exception as error:",
        f"    reason = f'{{type(error).__name__}}: {{error}}'[:{MAX_REASON_CHARS}]",
        f"    {statement}",
    )
