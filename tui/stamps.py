"""Whether a file has changed since it was read, without reading it."""

from pathlib import Path
from typing import NamedTuple

__all__ = ["Stamp", "stamp_of"]


class Stamp(NamedTuple):
    """What tells one content of a file from another."""

    mtime_ns: int
    size: int
    inode: int


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a file; None if there is none."""
    try:
        told = path.stat()
    except OSError:
        return None
    return Stamp(told.st_mtime_ns, told.st_size, told.st_ino)
