"""Read items from Parquet, batch by batch: each row is one, its values as JSON can say them.

Dates and times become ISO 8601 text and decimals text, exact to the digit; bytes, durations, maps
and other types that JSON has no word for are refused by name, before the first row is read.
"""

import math
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

from pipelines.errors import PipelineError, Problem
from pipelines.item_file import Bytes, Item, opened

__all__ = ["rows"]

BATCH_ROWS = 1000
BUFFER_BYTES = 1 << 16
"""Of each column: left alone, pyarrow reads a row group at once, which may be the whole file."""

Fit: TypeAlias = Callable[[Any], Any]
"""Makes JSON of a value. (pyarrow has no types for checkers: its own values are Any here.)"""


def rows(path: Path) -> Iterator[Item]:
    """Yield the rows of `path` as mappings.

    Raises:
        PipelineError: it cannot be read, holds what JSON cannot, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        message = (
            "Parquet is read by pyarrow, which is not installed: "
            "pip install 'pyarrow>=26,<27', or save the items as .csv or .jsonl"
        )
        raise PipelineError([Problem(path, None, message)]) from error
    number = 0
    try:
        with (
            _seekable(path) as file,
            parquet.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False) as table,
        ):
            fits = _columns(table.schema_arrow)
            for batch in table.iter_batches(BATCH_ROWS, use_threads=False):
                for row in _unpacked(batch, fits):
                    number += 1
                    yield Item(row, None, number)
    except _Unfit as unfit:
        where = f"after item {number}: " if number else ""
        raise PipelineError([Problem(path, None, f"{where}{unfit}")]) from unfit
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise PipelineError([Problem(path, None, f"cannot be read: {error}")]) from error


class _Unfit(Exception):
    """A column, or a value in it, that no unit can have."""


@contextmanager
def _seekable(path: Path) -> Generator[Bytes | IO[bytes]]:
    """Open a file that can be read from its end on, as Parquet is: unpacked first if need be."""
    with opened(path) as file:
        if path.suffix.lower() != ".gz":
            yield file
            return
        with tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(file, unpacked)
            yield unpacked


def _columns(schema: Any) -> dict[str, Fit | None]:
    name, times = Counter(schema.names).most_common(1)[0] if schema.names else ("", 0)
    if times > 1:
        raise _Unfit(f"{times} columns are called {name!r}: rename all but one")
    return {field.name: _fit(field.type, f"the column {field.name!r}") for field in schema}


def _unpacked(batch: Any, fits: dict[str, Fit | None]) -> Iterator[dict[str, Any]]:
    columns = [
        _column(column, name, fits[name])
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    for values in zip(*columns, strict=True):
        yield dict(zip(fits, values, strict=True))


def _column(column: Any, name: str, fit: Fit | None) -> list[Any]:
    try:
        values = column.to_pylist()
        return values if fit is None else [_some(fit, value) for value in values]
    except (ValueError, OverflowError, LookupError) as error:
        # Nanoseconds, the year 10,000, a time zone that nobody knows.
        raise _Unfit(f"the column {name!r} holds what no unit can: {error}") from error


def _fit(kind: Any, where: str) -> Fit | None:
    """Return what makes JSON of a value of this type; None when it is JSON already."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _fit(kind.value_type, where)
    if any(is_plain(kind) for is_plain in (types.is_null, types.is_boolean, types.is_integer)):
        return None
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return None
    if types.is_floating(kind):
        return _finite
    if types.is_date(kind) or types.is_time(kind) or types.is_timestamp(kind):
        return _iso
    if types.is_decimal(kind):
        return _digits
    if types.is_struct(kind):
        return _fields({field.name: _fit(field.type, f"{where}.{field.name}") for field in kind})
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _elements(_fit(kind.value_type, where))
    raise _Unfit(f"{where} holds {kind}, which no unit can have: write it as text, or leave it out")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number; leave the cell empty (null)")
    return value


def _iso(value: Any) -> str:
    return value.isoformat()


def _digits(value: Any) -> str:
    return format(value, "f")


def _elements(fit: Fit | None) -> Fit | None:
    return fit and (lambda values: [_some(fit, value) for value in values])


def _fields(fits: dict[str, Fit | None]) -> Fit | None:
    if not any(fits.values()):
        return None
    return lambda row: {
        name: row[name] if fit is None else _some(fit, row[name]) for name, fit in fits.items()
    }


def _some(fit: Fit, value: Any) -> Any:
    return None if value is None else fit(value)
