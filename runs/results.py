"""Append-only writer of one chunk-step's history: every reply is kept the moment it is there."""

import asyncio
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from runs.attempts import Attempt, encode
from runs.errors import NotDurable
from runs.files import append, sync

__all__ = ["Results", "cut_torn_line"]

SYNC_SECONDS = 0.2
"""How long a reply may be safe from kill -9 only, not yet from a power cut."""
SYNC_REPLIES = 100
BLOCK_BYTES = 1 << 16


class Results:
    """The history of a chunk-step, held open for more.

    A reply is written at once, so that it outlives this process; the disk is told in groups, by a
    thread, so that the event loop never waits for it. Use it as an async context manager: on the
    way out everything is synced, and may be counted in the journal.
    """

    def __init__(self, path: Path) -> None:
        """Open a results file, and cut off the line that a killed process did not finish."""
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        # What a killed process left may be known to the kernel only: it is to be synced as well.
        self._kept = int(cut_torn_line(self._fd) > 0)
        self._synced = 0
        self._timer: asyncio.TimerHandle | None = None
        self._syncing: asyncio.Task[None] | None = None
        self._lost: NotDurable | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.close()

    def keep(self, attempt: Attempt) -> None:
        """Write an attempt down; it survives the death of this process from here on.

        Raises:
            NotDurable: an earlier sync failed; the run must stop.
            OSError: it is not written (no space, say).
        """
        if self._lost is not None:
            raise self._lost
        append(self._fd, encode(attempt))
        self._kept += 1
        self._plan()

    async def synced(self) -> None:
        """Return when everything kept so far is on the disk.

        Raises:
            NotDurable: it may never get there.
        """
        due = self._kept
        while self._synced < due:
            if self._lost is not None:
                raise self._lost
            # One waiter that is cancelled must not stop the sync that others wait for.
            await asyncio.shield(self._syncing or self._start())

    async def close(self) -> None:
        """Sync what is kept and give the file up."""
        try:
            await self.synced()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            os.close(self._fd)

    def _plan(self) -> None:
        if self._syncing is not None:
            return  # its end plans the next
        if self._kept - self._synced >= SYNC_REPLIES:
            self._start()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SYNC_SECONDS, self._start)

    def _start(self) -> asyncio.Task[None]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._syncing = asyncio.get_running_loop().create_task(self._sync())
        return self._syncing

    async def _sync(self) -> None:
        kept = self._kept
        try:
            await asyncio.get_running_loop().run_in_executor(None, sync, self._fd)
        except NotDurable as error:
            self._lost = error
            return
        finally:
            self._syncing = None
        self._synced = kept
        if self._kept > kept:
            self._plan()


def cut_torn_line(fd: int) -> int:
    """Cut off what follows the last newline; return how many bytes are left."""
    size = end = os.fstat(fd).st_size
    while end > 0:
        begin = max(0, end - BLOCK_BYTES)
        end = begin + os.pread(fd, end - begin, begin).rfind(b"\n") + 1
        if end > begin:
            break
    if end < size:
        os.ftruncate(fd, end)
    return end
