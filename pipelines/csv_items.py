"""Read items from comma- or tab-separated text: each row is one, every cell the text it was.

No type is guessed. `007`, `1e5`, `NA` and `3/4` are numbers to one program and words to the next,
and a guess that is wrong once in a million rows is found by nobody: an expression that needs a
number says so, with `int(age)` or `float(price)`.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import PipelineError, Problem
from pipelines.item_file import MAX_LINE_BYTES, Bytes, Item, lines, opened

__all__ = ["rows"]

_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_SUFFIXES = {",": ".csv", "\t": ".tsv"}
_REMEDIES = {
    "unexpected end": "a quoted cell of this row is never closed: close it, or double a quote "
    "that belongs to its text",
    "expected after": "text follows a closing quote: double a quote that belongs to the text",
    "field larger": f"a cell is longer than {MAX_LINE_BYTES >> 20} MB: is a closing quote missing?",
    "new-line character": "a carriage return stands in an unquoted cell: end lines as Unix or "
    "Windows do, or quote the cell",
}
"""What csv complains of, by words of its own, and what to do."""


def rows(path: Path, delimiter: str) -> Iterator[Item]:
    """Yield the rows of `path` below the header, as mappings; blank lines are no rows.

    Raises:
        PipelineError: with the line on which the row that cannot be read begins.
    """
    csv.field_size_limit(MAX_LINE_BYTES)  # of the whole process; the default of 128 KB is too tight
    with opened(path) as file:
        table = _table(path, _text(path, file), delimiter)
        header = _header(path, delimiter, next(table, None))
        for number, (line, cells) in enumerate(table, 1):
            if len(cells) != len(header):
                raise PipelineError([Problem(path, line, _uneven(len(cells), len(header)))])
            yield Item(dict(zip(header, cells, strict=True)), line, number)


def _text(path: Path, file: Bytes) -> Iterator[str]:
    """Yield the lines: decoded one by one, so that what is no text has a line."""
    for line, content in lines(path, file):
        try:
            text = content.decode("utf-8-sig" if line == 1 else "utf-8")
        except UnicodeDecodeError as error:
            message = f"not UTF-8 ({error.reason}): save the file as UTF-8"
            raise PipelineError([Problem(path, line, message)]) from error
        if "\0" in text:
            message = "holds a NUL character: save the file as UTF-8 text without them"
            raise PipelineError([Problem(path, line, message)])
        yield text


def _table(path: Path, text: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line on which it begins: a quoted cell may span several."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise PipelineError([Problem(path, line, _remedy(str(error)))]) from error
        if cells:
            yield line, cells


def _header(path: Path, delimiter: str, first: tuple[int, list[str]] | None) -> list[str]:
    if first is None:
        message = "the file is empty: its first row names the columns"
        raise PipelineError([Problem(path, None, message)])
    line, names = first
    if message := _misread(names, delimiter) or _misnamed(names):
        raise PipelineError([Problem(path, line, message)])
    return names


def _misread(names: list[str], delimiter: str) -> str | None:
    """Say it when a single column is really several with another separator."""
    other = next((mark for mark in _SEPARATORS if mark != delimiter and mark in names[0]), None)
    if len(names) > 1 or other is None:
        return None
    remedy = f"save the file with {_SEPARATORS[delimiter]}"
    if other in _SUFFIXES:
        remedy = f"let its name end in {_SUFFIXES[other]}, or {remedy}"
    return f"one column only, {names[0]!r}: it seems separated by {_SEPARATORS[other]}; {remedy}"


def _misnamed(names: list[str]) -> str | None:
    for place, name in enumerate(names, 1):
        if not name.strip():
            return f"column {place} has no name: name it, or remove the column"
        if name != name.strip():
            return f"column {place} is called {name!r}: remove the spaces around it"
    name, times = Counter(names).most_common(1)[0]
    if times == 1:
        return None
    places = [str(place) for place, other in enumerate(names, 1) if other == name]
    return f"columns {' and '.join(places)} are all called {name!r}: rename all but one"


def _uneven(cells: int, columns: int) -> str:
    remedy = "quote a cell that holds a separator" if cells > columns else "leave no cell out"
    return f"the row has {cells} cells and the header {columns} columns: {remedy}"


def _remedy(said: str) -> str:
    return next((remedy for words, remedy in _REMEDIES.items() if words in said), said)
