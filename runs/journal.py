"""MANIFEST.journal: one checksummed line per transition, on the disk before anyone is told.

A line is the CRC-32 of its JSON in eight hexadecimal digits, a space, the JSON, a newline.
"""

import os
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from runs.errors import Damaged, IllegalMove, NotDurable, RunNotFound, Superseded, Unaccounted
from runs.files import append, sync
from runs.fold import Event, fold
from runs.jsonl import dumps, loads
from runs.paths import RunPaths
from runs.state import RunState
from runs.times import Clock, moment, stamp

__all__ = ["Journal", "Replayed", "created_at", "decode", "encode", "replay"]

CRC_DIGITS = 8


class Replayed(NamedTuple):
    """The state that a journal tells, and where its whole lines end."""

    state: RunState
    end: int


def encode(line: Mapping[str, Any]) -> bytes:
    """Return a line as it stands in the file."""
    payload = dumps(line)
    return b"%08x %s\n" % (zlib.crc32(payload), payload)


def decode(line: bytes) -> dict[str, Any]:
    """Return what `encode` wrote.

    Raises:
        ValueError: the line is not whole.
    """
    payload = line[CRC_DIGITS + 1 : -1]
    # Bytes are compared, not numbers: a digit whose case flipped is damage, too.
    if line != b"%08x %s\n" % (zlib.crc32(payload), payload):
        raise ValueError("the line does not match its checksum")
    return loads(payload)


def replay(path: Path, state: RunState | None = None, *, offset: int = 0) -> Replayed:
    """Fold the journal from `offset` on; `state` is what the lines before it tell.

    Bad lines at the very end are an interrupted write: nobody was told, and it does not count.

    Raises:
        RunNotFound: there is no journal, or not one whole line in it.
        Damaged: a bad line is followed by a good one, or a line contradicts those before it.
    """
    end, bad = offset, 0
    try:
        journal = path.open("rb")
    except FileNotFoundError as error:
        raise RunNotFound(_not_a_run(path)) from error
    with journal:
        journal.seek(offset)
        for number, line in enumerate(journal, start=1):
            try:
                event = decode(line)
            except ValueError:
                bad = bad or number
                continue
            if bad:
                raise Damaged(path, bad, "the line does not match its checksum")
            try:
                state = fold(state, event)
            except (IllegalMove, Unaccounted) as error:
                raise Damaged(path, number, str(error)) from error
            end += len(line)
    if state is None:
        raise RunNotFound(_not_a_run(path))
    return Replayed(state, end)


def created_at(run_dir: Path) -> datetime:
    """Return when a run was made; the beginning of time if its journal does not say."""
    with RunPaths(run_dir).journal.open("rb") as journal:
        try:
            return moment(decode(journal.readline())["at"])
        except (ValueError, KeyError):
            return datetime.min.replace(tzinfo=UTC)


class Journal:
    """The one writer of a run's journal, and the state it has told so far."""

    def __init__(self, path: Path, replayed: Replayed, clock: Clock) -> None:
        """Open the journal that was replayed, and cut off what an interrupted write left behind."""
        self.state = replayed.state
        self.end = replayed.end
        self._path = path
        self._clock = clock
        self._unsynced = False
        self._lost: NotDurable | None = None
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND)
        self.torn_bytes = os.fstat(self._fd).st_size - self.end
        if self.torn_bytes:
            os.ftruncate(self._fd, self.end)

    def append(self, event: Event, *, epoch: int, synced: bool = True) -> RunState:
        """Write down what happened and return the state after it.

        Raises:
            IllegalMove, Unaccounted: it cannot have happened; nothing was written.
            Superseded: somebody else has written since; nothing was written.
            NotDurable: the disk has failed, now or earlier; the run must stop.
            OSError: nothing was written (no space, say).
        """
        if self._lost is not None:
            raise self._lost
        at = stamp(self._clock())
        line = encode({"seq": self.state.seq + 1, "epoch": epoch, "at": at, **event})
        # Folded from the very bytes, so that no replay can tell another story.
        state = fold(self.state, decode(line))
        self.check_ours()
        append(self._fd, line)
        self.end += len(line)
        self.state = state
        self._unsynced = True
        if synced:
            self.sync()
        return state

    def sync(self) -> None:
        """Return when every line is on the disk.

        Raises:
            NotDurable: it may never get there.
        """
        if not self._unsynced:
            return
        try:
            sync(self._fd)
        except NotDurable as error:
            self._lost = error
            raise
        self._unsynced = False

    def close(self) -> None:
        os.close(self._fd)

    def check_ours(self) -> None:
        """Make sure that nobody else has written since.

        Raises:
            Superseded: somebody has.
        """
        if os.fstat(self._fd).st_size != self.end:
            raise Superseded(
                f"{self._path} has changed under this process: another one has taken the run over. "
                "This one stops; what it wrote before is kept."
            )


def _not_a_run(path: Path) -> str:
    return (
        f"{path.parent} is not a run: {path.name} is missing or has no whole line. If its making "
        "was interrupted, nothing was asked or paid yet: remove the folder and start again."
    )
