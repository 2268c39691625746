"""Whether a file has changed since it was read, without reading it."""

import os
from pathlib import Path
from typing import NamedTuple

from runs import RunError
from tui.clean import clean

__all__ = ["UNREADABLE", "Stamp", "said_of", "stamp_of"]

UNREADABLE = (RunError, OSError, ValueError, LookupError, TypeError, AttributeError)
"""What reading a file may raise that is torn, damaged, or of another version."""


class Stamp(NamedTuple):
    """What tells one content of a file from another."""

    mtime_ns: int
    size: int
    inode: int


def stamp_of(path: Path | str) -> Stamp | None:
    """Return the stamp of a file; None if there is none."""
    try:
        told = os.stat(path)  # noqa: PTH116 - four times as fast where the path is a text
    except OSError:
        return None
    return Stamp(told.st_mtime_ns, told.st_size, told.st_ino)


def said_of(error: Exception) -> str:
    """Return what to tell of a file that cannot be read."""
    if isinstance(error, RunError | OSError):
        return clean(str(error))
    return clean(f"Its files are damaged, or of another version: {error!r}.")
