"""Follow one run: after the first look, only what is new in its journal is read."""

import os
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from runs.errors import IllegalMove, RunNotFound, Unaccounted
from runs.fold import fold
from runs.journal import Replayed, decode
from runs.lock import holder_of
from runs.paths import RunPaths
from runs.snapshot import replayed
from runs.state import RunState
from runs.times import Clock, now
from runs.view import RunView, liveness_of

__all__ = ["Follower"]


class _Place(NamedTuple):
    """How far a file was read, and which file it was."""

    inode: int
    end: int
    tail: bytes
    """The last bytes before `end`: another file may have come by the same number."""


TAIL_BYTES = 64


class Follower:
    """A run as it was seen last; chunks that have not changed are the same objects.

    A line that is not finished waits. A journal that shrank, that is another file, or whose lines
    do not follow is read anew from the snapshot.
    """

    def __init__(self, run_dir: Path, *, clock: Clock = now) -> None:
        """Take a run's folder; nothing is read before the first look."""
        self._run = RunPaths(run_dir)
        self._clock = clock
        self._state: RunState | None = None
        self._place = _Place(0, 0, b"")

    def look(self) -> RunView:
        """Return the run as it stands now.

        Raises:
            RunNotFound, Damaged, UnknownFormat: as `runs.read` does.
        """
        state = self._state = self._go_on() or self._anew()
        at = self._clock()
        alive = liveness_of(self._run, state.status, state.waiting, at)
        return RunView(self._run, state, alive, holder_of(self._run.lock))

    def _go_on(self) -> RunState | None:
        """Return the state after the lines that are new; None if they cannot be told."""
        state, place = self._state, self._place
        if state is None:
            return None
        try:
            with self._run.journal.open("rb") as journal:
                told = os.fstat(journal.fileno())
                if told.st_ino != place.inode or told.st_size < place.end:
                    return None
                if told.st_size == place.end:
                    return state
                if _tail(journal, place.end) != place.tail:
                    return None
                new = journal.read()
        except FileNotFoundError:
            return None
        whole = new[: new.rfind(b"\n") + 1]
        try:
            for line in whole.splitlines(keepends=True):
                state = fold(state, decode(line))
        except (ValueError, IllegalMove, Unaccounted):
            return None  # torn, or not what it was: reading it whole tells which
        tail = (place.tail + whole)[-TAIL_BYTES:]
        self._place = _Place(place.inode, place.end + len(whole), tail)
        return state

    def _anew(self) -> RunState:
        self._state = None
        if not self._run.journal.is_file():
            raise RunNotFound(f"{self._run.dir} is not a run: it has no {self._run.journal.name}.")
        found: Replayed = replayed(self._run)
        with self._run.journal.open("rb") as journal:
            inode = os.fstat(journal.fileno()).st_ino
            self._place = _Place(inode, found.end, _tail(journal, found.end))
        return found.state


def _tail(journal: BufferedReader, end: int) -> bytes:
    """Return the last bytes before `end`, and stand there."""
    begin = max(0, end - TAIL_BYTES)
    journal.seek(begin)
    return journal.read(end - begin)
