"""Bytes that stay: complete writes, true syncs, whole files put in place at once."""

import fcntl
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from runs.errors import NotDurable

__all__ = ["append", "sync", "sync_dir", "write_whole"]

BUFFER_BYTES = 1 << 18


def sync(fd: int) -> None:
    """Return when the file's data is on the disk.

    Raises:
        NotDurable: it may never get there; whoever wrote must stop.
    """
    try:
        if sys.platform == "darwin":
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync leaves the data in the drive's cache there
        else:
            os.fdatasync(fd)
    except OSError as error:
        raise NotDurable(error.errno, f"sync failed: {error.strerror}") from error


def sync_dir(folder: Path) -> None:
    """Return when the folder's entries (files made, renamed, removed) are on the disk."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        raise NotDurable(error.errno, f"sync failed: {error.strerror}", str(folder)) from error
    finally:
        os.close(fd)


def append(fd: int, data: bytes) -> None:
    """Add all of `data` at the end of a file, however few bytes the system takes at a time.

    Raises:
        OSError: it could not (no space, say); then nothing of it is there.
    """
    written = os.write(fd, data)
    if written == len(data):
        return
    end = os.fstat(fd).st_size - written
    try:
        while written < len(data):
            written += os.write(fd, data[written:])
    except OSError:
        os.ftruncate(fd, end)
        raise


def write_whole(path: Path, pieces: Iterable[bytes]) -> None:
    """Put a new file at `path` in one go: readers and crashes see the old one or the new one."""
    draft = path.with_name(f".{path.name}.tmp")
    try:
        with draft.open("wb", buffering=BUFFER_BYTES) as file:
            file.writelines(pieces)
            file.flush()
            sync(file.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):  # what went wrong first is what must be told
            draft.unlink(missing_ok=True)
        raise
    sync_dir(path.parent)
