"""A table of what units have in common: a row for each group, a column for each value, counted."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from typing import Any, TypeAlias

from runs.jsonl import dumps

__all__ = ["NoTable", "table"]

NOTHING = "(none)"
"""Stands for a field that is missing or null."""
MOST_GROUPS = 100_000
MOST_VALUES = 1000
"""A field with more of them is no kind, but a text or an id."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that spreadsheets would compute."""

_Cell: TypeAlias = str | int | float


class NoTable(Exception):
    """The units do not make this table; the message says why."""


def table(units: Iterable[Mapping[str, Any]], *, group_by: str, count: str | None) -> bytes:
    """Return CSV: per value of `group_by`, how many units, and how many of each value of `count`.

    Fields may be dotted (`npc.name`). What is kept in memory are groups and values, never units.

    Raises:
        NoTable: no unit has one of the fields, or they have too many values for a table.
    """
    groups: dict[_Cell, Counter[_Cell]] = {}
    sizes: Counter[_Cell] = Counter()
    values: set[_Cell] = set()
    found: set[str] = set()
    for unit in units:
        group = _cell(_field(unit, group_by, found))
        sizes[group] += 1
        if count is not None:
            value = _cell(_field(unit, count, found))
            groups.setdefault(group, Counter())[value] += 1
            values.add(value)
        _check(sizes, MOST_GROUPS, group_by)
        _check(values, MOST_VALUES, count)
    for name in (group_by, count):
        if sizes and name is not None and name not in found:
            raise NoTable(f"no result has a field {name!r}")
    columns = sorted(values, key=_order)
    taken = {group_by, "n"}
    header = [group_by, "n", *(f"{count}={v}" if v in taken else v for v in columns)]
    rows = ([g, n, *(groups.get(g, {}).get(v, 0) for v in columns)] for g, n in sizes.items())
    return _csv([header, *rows])


def _check(kinds: "Counter[_Cell] | set[_Cell]", most: int, name: str | None) -> None:
    if len(kinds) > most:
        raise NoTable(f"{name!r} has more than {most:,} different values: that makes no table")


def _field(unit: Mapping[str, Any], name: str, found: set[str]) -> Any:
    """Return the value of a field, or None; a field that is really called `a.b` comes first."""
    if name in unit:
        found.add(name)
        return unit[name]
    value: Any = unit
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    found.add(name)
    return value


def _cell(value: Any) -> _Cell:
    match value:
        case None:
            return NOTHING
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return value
        case {"name": str() | int() | float() as name}:
            return _cell(name)
        case {"id": str() | int() | float() as name}:
            return _cell(name)
        case _:
            return dumps(value).decode()


def _order(value: _Cell) -> tuple[bool, float, str]:
    """Sort numbers as numbers and before texts; what is missing comes last."""
    if isinstance(value, str):
        return True, value == NOTHING, value
    return False, value, ""


def _csv(rows: Iterable[Iterable[_Cell]]) -> bytes:
    text = StringIO(newline="")
    # Lines end in CR LF: with LF alone, Python 3.11 and 3.12 leave a CR inside a cell bare.
    csv.writer(text).writerows(_harmless(row) for row in rows)
    return text.getvalue().encode(errors="backslashreplace")


def _harmless(row: Iterable[_Cell]) -> Iterator[_Cell]:
    """Yield cells that no spreadsheet takes for formulas; numbers stay numbers."""
    for cell in row:
        yield f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
