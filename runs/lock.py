"""run.lock: one orchestrator per run. The kernel frees it at death; it says inside who holds it."""

import fcntl
import os
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from runs.errors import RunHeld
from runs.files import append
from runs.jsonl import dumps, loads
from runs.times import moment, stamp

__all__ = ["TOUCH_SECONDS", "Holder", "RunLock", "briefly", "holder_of"]

TOUCH_SECONDS = 10.0
"""How often the holder says that it lives."""
BRIEF_SECONDS = 2.0
"""How long a snapshot by somebody who is no orchestrator may keep a new one waiting."""
STARTED_TOLERANCE_SECONDS = 2.0
"""A process's start is told against the clock, which may have been set since."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a run, or held it until it was killed."""

    pid: int
    host: str
    since: datetime
    started: float
    """When the process began, so that another one with its number is not taken for it."""

    @property
    def alive(self) -> bool | None:
        """Return whether the process lives; None when it is on another host."""
        if self.host != socket.gethostname():
            return None
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return abs(process.create_time() - self.started) < STARTED_TOLERANCE_SECONDS
        except psutil.Error:
            return False


class RunLock:
    """The lock, held from `take` to `release`; a thread touches it meanwhile."""

    def __init__(self, fd: int, holder: Holder) -> None:
        self.holder = holder
        self._fd = fd
        self._released = threading.Event()
        self._toucher = threading.Thread(target=self._touch, name="run-lock", daemon=True)
        self._toucher.start()

    @classmethod
    def take(cls, path: Path, *, since: datetime) -> "RunLock":
        """Take the lock of a run, or say who has it.

        Raises:
            RunHeld: another process works on the run.
        """
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(fd, path)
            process = psutil.Process()
            holder = Holder(process.pid, socket.gethostname(), since, process.create_time())
            os.ftruncate(fd, 0)
            append(fd, _to_json(holder))
        except BaseException:
            os.close(fd)
            raise
        return cls(fd, holder)

    def release(self) -> None:
        """Give the lock up; nobody holds the run then."""
        self._released.set()
        self._toucher.join()
        os.ftruncate(self._fd, 0)
        os.close(self._fd)

    def _touch(self) -> None:
        while not self._released.wait(TOUCH_SECONDS):
            os.utime(self._fd)


@contextmanager
def briefly(path: Path) -> Generator[bool]:
    """Hold the lock without a name for a moment, if it is free; say whether it was."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _try(fd)
    finally:
        os.close(fd)


def holder_of(path: Path) -> Holder | None:
    """Return who wrote their name into the lock; without taking it."""
    try:
        row = loads(path.read_bytes())
        return Holder(row["pid"], row["host"], moment(row["since"]), row["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # nobody, or a name half written: the next look tells


def _lock(fd: int, path: Path) -> None:
    deadline = time.monotonic() + BRIEF_SECONDS
    while not _try(fd):
        holder = holder_of(path)
        if holder is not None and holder.alive is not False:
            raise RunHeld(path.parent.name, holder.pid, holder.host, holder.since)
        if time.monotonic() > deadline:
            raise RunHeld(path.parent.name, None, None, None)
        time.sleep(0.02)  # a snapshot is being written, or a new holder has not signed yet


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _to_json(holder: Holder) -> bytes:
    return dumps(
        {
            "pid": holder.pid,
            "host": holder.host,
            "since": stamp(holder.since),
            "started": holder.started,
        }
    )
