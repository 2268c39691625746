"""A file of items: each item with its place, the file opened as it is or through gzip."""

import gzip
import io
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from pipelines.errors import PipelineError, Problem

__all__ = ["MAX_LINE_BYTES", "Bytes", "Item", "lines", "opened"]

MAX_LINE_BYTES = 10 * 2**20
"""Of what is read line by line: one item has to fit into memory, a file need not."""

Bytes: TypeAlias = gzip.GzipFile | io.BufferedReader


class Item(NamedTuple):
    """One item, and where it stands."""

    value: Any
    line: int | None
    number: int
    """Counted from 1."""

    @property
    def place(self) -> str:
        """Where to look for it."""
        return f"item {self.number}" if self.line is None else f"line {self.line}"


@contextmanager
def opened(path: Path) -> Generator[Bytes]:
    """Open `path` to read what it holds, unpacked if its name ends in .gz.

    Raises:
        PipelineError: it cannot be read, at first or later on.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield file
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise PipelineError([Problem(path, None, f"cannot be read: {reason}")]) from error


def lines(path: Path, file: Bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of `file`, which is `path`, with their numbers.

    Raises:
        PipelineError: one is too long to be held.
    """
    line = 0
    while content := file.readline(MAX_LINE_BYTES + 1):
        line += 1
        if len(content) > MAX_LINE_BYTES:
            raise PipelineError([Problem(path, line, f"longer than {MAX_LINE_BYTES >> 20} MB")])
        yield line, content
