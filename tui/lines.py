"""The lines of a file of any size: where each begins is known, what it says is read on demand."""

import os
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

from tui.clean import clean
from tui.stamps import stamp_of

__all__ = ["LineFile", "Search"]

NOT = b"!"
SLICE = 1 << 22
"""Bytes that are read at once."""
HEAD = 1 << 12
"""As much of a line is read where it is one of many."""
A_LOOK_SECONDS = 0.2


class LineFile:
    """A file as lines, numbered from 0; it may grow, or be written anew, between two looks.

    A last line without an end counts as one, and is longer when it has grown.
    """

    def __init__(self, path: Path) -> None:
        """Take the file, which need not be there; nothing is read before a look."""
        self.path = path
        self._begins = array("Q")
        """Where each line begins; where the next one will, if the last one is at its end."""
        self._read = 0
        self._inode: int | None = None
        self.versions = 0
        """How often it was begun anew; numbers of lines hold within one version."""

    def __len__(self) -> int:
        return self.ended + self.has_rest

    @property
    def ended(self) -> int:
        """Return how many lines are at their end."""
        return max(0, len(self._begins) - 1)

    @property
    def has_rest(self) -> bool:
        """Say whether the last line has no end yet."""
        return len(self._begins) > 0 and self._begins[-1] < self._read

    @property
    def size(self) -> int:
        """Return how many bytes are taken in."""
        return self._read

    def look(self, *, timer: Callable[[], float] = time.monotonic) -> bool:
        """Take in what is new; return False if time was up before all of it was.

        Raises:
            OSError: it cannot be read.
        """
        stamp = stamp_of(self.path)
        if stamp is None:
            self._anew(None)
            return True
        if stamp.inode != self._inode or stamp.size < self._read:
            self._anew(stamp.inode)
        until = timer() + A_LOOK_SECONDS
        if stamp.size == self._read:
            return True
        with self.path.open("rb") as file:
            file.seek(self._read)
            while piece := file.read(SLICE):
                self._take(piece)
                if timer() > until:
                    return self._read >= stamp.size
        return True

    def line(self, number: int, most: int = HEAD) -> str:
        """Return a line, at most so many bytes of it, without its end; clean."""
        return clean(self.bytes_of(number, most).decode("utf-8", "replace"))

    def bytes_of(self, number: int, most: int | None = None) -> bytes:
        """Return a line as it is on disk, without its end; nothing if it is gone."""
        begin, end = self._span(number, number + 1)
        wanted = end - begin if most is None else min(most, end - begin)
        return self._bytes(begin, wanted).rstrip(b"\r\n")

    def several(self, begin: int, last: int, most: int = SLICE) -> list[bytes]:
        """Return lines from `begin` on as they are on disk, but for their ends.

        As many as `most` bytes hold, one at least, and none from `last` on.
        """
        first = self._begins[begin]
        end = max(begin + 1, bisect_right(self._begins, first + most, begin, last + 1) - 1)
        first, behind = self._span(begin, min(end, last))
        lines = self._bytes(first, behind - first).split(b"\n")
        return lines[: min(end, last) - begin]

    def _bytes(self, begin: int, size: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(begin)
                return file.read(size)
        except OSError:
            return b""

    def _span(self, begin: int, end: int) -> tuple[int, int]:
        """Return where the first of some lines begins, and where the last one ends."""
        begins = self._begins  # a thread may begin anew just now
        if begin >= len(begins):
            return 0, 0  # it was, and is shorter
        ends = begins[end] if end < len(begins) else self._read
        return begins[begin], max(begins[begin], ends)

    def _anew(self, inode: int | None) -> None:
        if self._inode is not None:
            self.versions += 1
        self._inode, self._read = inode, 0
        self._begins = array("Q")

    def _take(self, piece: bytes) -> None:
        base = self._read
        found = array("Q", [] if self._begins else [0])
        at = piece.find(b"\n")
        while at >= 0:
            found.append(base + at + 1)
            at = piece.find(b"\n", at + 1)
        self._read = base + len(piece)
        self._begins.extend(found)


class Search:
    """The lines of a file that hold every word (`!word`: that do not), whatever their case."""

    def __init__(self, file: LineFile, text: str) -> None:
        """Take the file, and what was typed; nothing is searched before a look."""
        self.file = file
        words = [os.fsencode(word) for word in text.lower().split()]
        self._with = [word for word in words if not word.startswith(NOT)]
        self._without = [word[1:] for word in words if word.startswith(NOT) and word != NOT]
        self.found = array("Q")
        """Their numbers; it grows in place, but is another object when any are taken back."""
        self._seen = 0
        self._version = file.versions

    @property
    def all(self) -> bool:
        """Say whether every line is wanted."""
        return not (self._with or self._without)

    def look(self, *, timer: Callable[[], float] = time.monotonic) -> bool:
        """Search in what is new; return False if time was up before all of it was."""
        file, until = self.file, timer() + A_LOOK_SECONDS
        if self._version != file.versions:
            self._version, self._seen, self.found = file.versions, 0, array("Q")
        if self.found and self.found[-1] >= self._seen:
            self.found = self.found[:-1]  # it had no end when it was looked at
        while self._seen < file.ended:
            lines = file.several(self._seen, file.ended)
            self._take(lines)
            self._seen += max(1, len(lines))
            if timer() > until and self._seen < file.ended:
                return False
        if file.has_rest and self._is_wanted(file.bytes_of(file.ended)):
            self.found.append(file.ended)
        return True

    def _take(self, lines: list[bytes]) -> None:
        for number, line in enumerate(lines, self._seen):
            if self._is_wanted(line):
                self.found.append(number)

    def _is_wanted(self, line: bytes) -> bool:
        low = line.lower()
        return all(w in low for w in self._with) and not any(w in low for w in self._without)
