"""The reader: one thread that looks at the files of runs, and publishes what it sees."""

import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from runs import Liveness, is_run
from runs.times import Clock, now
from tui.clean import clean
from tui.diff import Event, LookFailed, diff
from tui.opened import Opened
from tui.rows import Row
from tui.snapshot import RunDetail, RunRow, Snapshot

__all__ = ["Publish", "Reader"]

Publish: TypeAlias = Callable[[Snapshot, tuple[Event, ...]], object]
"""Takes a snapshot and what has happened since the one before; called by the reader's thread.

One that was published before, or has the number 0, comes with what there is to say and is no news.
"""

ARCHIVE = "_archive"
ACTIVE_SECONDS = 0.5
OPEN_SECONDS = 0.8
"""While the open run stands still: one may go on with it elsewhere, and looks here for it."""
IDLE_SECONDS = 1.0
UNFOCUSED_SECONDS = 5.0
GOES_ON = frozenset({Liveness.ACTIVE, Liveness.STUCK})


class Reader:
    """Sees all runs of a root, and one of them in every detail.

    Files are looked at only when their stamps have changed. What has not changed is the same
    object in the next snapshot; if nothing has, nothing is published.
    """

    def __init__(self, root: Path, publish: Publish, *, clock: Clock = now) -> None:
        """Take the folder of all runs, and who is told; nothing is read before a look."""
        self._root = root
        self._publish = publish
        self._clock = clock
        self._rows: dict[str, Row] = {}
        """By their folders, as texts: there may be many, and a look is to cost next to nothing."""
        self._wanted: Path | None = None
        self._opened: Opened | None = None
        self._archived = False
        self._focused = True
        self._last: Snapshot | None = None
        self._broken: str | None = None
        self._looking = threading.Lock()
        self._woken = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Look again and again, in a thread, until `stop`."""
        self._thread = threading.Thread(target=self._go_on, name="reader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when the thread has ended."""
        self._stopped = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def poke(self) -> None:
        """Let the thread look at once."""
        self._woken.set()

    def open(self, run_dir: Path | None) -> None:
        """See this run in every detail from the next look on, and no other; or none.

        It does not wait for a look that is under way: that may take its time.
        """
        self._wanted = run_dir
        self.poke()

    def show_archived(self, shown: bool) -> None:
        """See the runs of the archive as well, or not."""
        self._archived = shown
        self.poke()

    def focus(self, focused: bool) -> None:
        """Look less often while nobody does."""
        self._focused = focused
        if focused:
            self.poke()

    @property
    def pace_seconds(self) -> float:
        """Return how long it is until the next look."""
        if not self._focused:
            return UNFOCUSED_SECONDS
        rows = self._last.rows if self._last else ()
        if any(row.liveness in GOES_ON for row in rows):
            return ACTIVE_SECONDS
        return IDLE_SECONDS if self._opened is None else OPEN_SECONDS

    def look(self) -> Snapshot:
        """Look now; publish and return what there is to see."""
        with self._looking:
            before, at = self._last, self._clock()
            run = self._detail(at)
            rows = self._table(at, run)
            unread = self._opened.unread if self._opened is not None else None
            same = before is not None and before.rows is rows and before.run is run
            if before is not None and same and before.unread == unread:
                return before
            number = before.number + 1 if before else 1
            snapshot = self._last = Snapshot(number, at, rows, run, unread)
            self._publish(snapshot, diff(before, snapshot))
            return snapshot

    def _go_on(self) -> None:
        while not self._stopped:
            self._woken.clear()
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may be fine
                self._tell(error)
            else:
                self._broken = None
            self._woken.wait(self.pace_seconds)

    def _tell(self, error: Exception) -> None:
        """Tell what a look broke off at; not again until another look has been whole."""
        if (said := repr(error)) != self._broken:
            self._broken = said
            seen = self._last or Snapshot(0, self._clock(), ())
            self._publish(seen, (LookFailed(clean(said)),))

    def _detail(self, at: datetime) -> RunDetail | None:
        if (wanted := self._wanted) is None:
            self._opened = None
            return None
        if self._opened is None or self._opened.dir != wanted:
            self._opened = Opened(wanted, self._clock)
        return self._opened.look(self._row(str(self._opened.dir)), at)

    def _table(self, at: datetime, run: RunDetail | None) -> tuple[RunRow, ...]:
        """Return all rows in their order; the same object if none has changed."""
        found: list[RunRow] = []
        there = set(self._folders())
        opened_dir = str(self._opened.dir) if self._opened is not None else None
        for folder in there:
            row = run.row if run and folder == opened_dir else self._row(folder).look(at)
            if row is not None:
                found.append(row)
        for gone in self._rows.keys() - there - {opened_dir}:
            del self._rows[gone]
        found.sort(key=lambda row: (row.created, row.name), reverse=True)
        found.sort(key=lambda row: row.liveness not in GOES_ON)
        was = self._last.rows if self._last else ()
        if len(was) == len(found) and all(a is b for a, b in zip(was, found, strict=True)):
            return was
        return tuple(found)

    def _row(self, folder: str) -> Row:
        row = self._rows.get(folder)
        if row is None:
            run = Path(folder)
            row = self._rows[folder] = Row(run, archived=run.parent.name == ARCHIVE)
        return row

    def _folders(self) -> Iterator[str]:
        for parent in (self._root, self._root / ARCHIVE)[: 2 if self._archived else 1]:
            for folder in _folders_in(parent):
                if folder in self._rows or is_run(Path(folder)):
                    yield folder


def _folders_in(folder: Path) -> list[str]:
    """Return what may be runs in a folder."""
    try:
        with os.scandir(folder) as entries:
            return [entry.path for entry in entries if entry.name[0] not in "_."]
    except OSError:
        return []
