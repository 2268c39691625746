"""The last lines of a log that grows: after the first look only new bytes are read."""

from collections import deque
from pathlib import Path

from tui.clean import clean
from tui.stamps import stamp_of

__all__ = ["Tail"]

LINES = 200
BYTES = 1 << 16
"""As much of the end is read at once, at most: one line of a log may be as long as a reply."""


class Tail:
    """The last lines of one file; a line that is not finished waits."""

    def __init__(self, path: Path) -> None:
        """Take the file, which need not be there."""
        self._path = path
        self._lines: deque[str] = deque(maxlen=LINES)
        self._shown: tuple[str, ...] = ()
        self._end = 0
        self._inode: int | None = None

    def look(self) -> tuple[str, ...]:
        """Return the last lines, the newest last; the same object if nothing is new.

        What cannot be read just now is nothing new.
        """
        stamp = stamp_of(self._path)
        if stamp is None:
            return self._shown
        if stamp.inode != self._inode or stamp.size < self._end:
            self._inode, self._end = stamp.inode, 0
            self._lines.clear()
        if stamp.size > self._end and self._read(stamp.size):
            self._shown = tuple(self._lines)
        return self._shown

    def _read(self, size: int) -> bool:
        begin = max(self._end, size - BYTES)
        try:
            with self._path.open("rb") as log:
                log.seek(begin)
                new = log.read(size - begin)
        except OSError:
            return False
        whole = new[: new.rfind(b"\n") + 1]
        if begin > self._end:
            cut = whole.partition(b"\n")[2]
            whole, self._end = cut, begin + len(whole) - len(cut)
        self._end += len(whole)
        self._lines.extend(
            clean(line.decode("utf-8", "replace")) for line in whole.split(b"\n")[:-1]
        )
        return bool(whole)
