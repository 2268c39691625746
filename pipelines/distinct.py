"""Find ids that are there twice among any number of them, in memory that does not grow with it.

Of each id a hash of 64 bits is kept, in one of many parts by its low bits; full blocks go to a
temporary file. In the end each part is looked at by itself. Only if a hash is there twice are the
units made again, to see whether their ids are the same, and where.
"""

import tempfile
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import IO, NamedTuple, Self

__all__ = ["Hashes", "Repeated", "key_of"]

PARTS = 1024
"""A power of two: the low bits of a hash name its part."""
BLOCK = 1024
"""Hashes that a part holds before they go to the file: 8 MB for all parts together."""
FEW = 1000
"""Repeated hashes that are remembered; more of them are counted only."""
_BYTES = 8


class Repeated(NamedTuple):
    """Hashes that were added more than once."""

    hashes: frozenset[int]
    times: int
    """How often some hash came again, also of those that are not remembered."""


def key_of(unit_id: str) -> str:
    """Return what two ids that look the same have in common."""
    return unit_id if unit_id.isascii() else unicodedata.normalize("NFKC", unit_id)


class Hashes:
    """A bag of hashes."""

    def __init__(self) -> None:
        self._parts = [array("q") for _ in range(PARTS)]
        self._blocks: list[list[int]] = [[] for _ in range(PARTS)]
        """Of each part, the places of its blocks in the file."""
        self._spilled = 0
        self._file: IO[bytes] | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def add(self, value: int) -> None:
        """Take one more hash, as `hash` makes them."""
        part = self._parts[value & (PARTS - 1)]
        part.append(value)
        if len(part) == BLOCK:
            self._spill(value & (PARTS - 1))

    def repeated(self) -> Repeated:
        """Return the hashes that are there more than once."""
        found: set[int] = set()
        times = 0
        for number in range(PARTS):
            hashes = self._part(number)
            if extra := len(hashes) - len(set(hashes)):
                times += extra
                found.update(_twice(hashes, FEW - len(found)))
        return Repeated(frozenset(found), times)

    def _spill(self, number: int) -> None:
        if self._file is None:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - open until the bag is closed
            self._file = self._open.enter_context(file)
        self._file.write(self._parts[number])
        self._parts[number] = array("q")
        self._blocks[number].append(self._spilled)
        self._spilled += 1

    def _part(self, number: int) -> "array[int]":
        hashes = self._parts[number]
        if self._file is None:
            return hashes
        for block in self._blocks[number]:
            self._file.seek(block * BLOCK * _BYTES)
            hashes.frombytes(self._file.read(BLOCK * _BYTES))
        self._parts[number] = array("q")
        return hashes


def _twice(hashes: Iterable[int], most: int) -> Iterator[int]:
    seen: set[int] = set()
    for value in hashes:
        if most <= 0:
            return
        if value in seen:
            most -= 1
            yield value
        seen.add(value)
