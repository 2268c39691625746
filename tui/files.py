"""The files of a run: which there are, how large, and when each was written last."""

import asyncio
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, NamedTuple

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from tui.clean import clean
from tui.file import FilePage
from tui.keymap import Context
from tui.page import Filter, Filtered, bindings
from tui.paint import Cell, Part, Tone, crumbs, sized, span
from tui.snapshot import Snapshot
from tui.table import Column, Table
from tui.viewer import Viewer

__all__ = ["Entry", "FilesPage", "entries"]

COLUMNS = (
    Column("file", 24, wide=True),
    Column("size", 9, right=True),
    Column("changed", 12, right=True, rank=1),
)
OFTEN_SECONDS, SELDOM_SECONDS = 2.0, 30.0
CHEAP_SECONDS = 0.1
MOST_COPIED = 1 << 20
DIGITS = re.compile(r"(\d+)")


class Entry(NamedTuple):
    """A file of a run."""

    name: str
    """From the run's folder on."""
    size: int
    changed: float
    """Seconds since 1970."""


SORTS: tuple[tuple[str, Callable[[Entry], float]], ...] = (
    ("name", lambda _: 0),
    ("newest", lambda entry: -entry.changed),
    ("largest", lambda entry: -entry.size),
)
"""Of files that are sorted by name already."""


def entries(run: Path) -> list[Entry]:
    """Return all files below a folder by name; links are not followed.

    What goes away meanwhile is left out.
    """
    found: list[Entry] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(run / folder) as inside:
                for one in inside:
                    name = f"{folder}{one.name}"
                    if one.is_dir(follow_symlinks=False):
                        folders.append(f"{name}/")
                        continue
                    with suppress(OSError):
                        stat = one.stat(follow_symlinks=False)
                        found.append(Entry(name, stat.st_size, stat.st_mtime))
        except OSError:
            continue
    return sorted(found, key=_by_name)


def _by_name(entry: Entry) -> tuple[bool, list[str | int]]:
    """Return what files are sorted by: those in no folder come first."""
    return "/" in entry.name, natural(entry.name)


def natural(name: str) -> list[str | int]:
    """Return what a name is sorted by: numbers in it count as numbers."""
    return [int(part) if part.isdecimal() else part for part in DIGITS.split(name.lower())]


@dataclass(frozen=True)
class EntryRows:
    """Files as rows of a table."""

    entries: Sequence[Entry]
    now: datetime

    def __len__(self) -> int:
        return len(self.entries)

    def key(self, place: int) -> str:
        return self.entries[place].name

    def place(self, key: object) -> int | None:
        return next((place for place, one in enumerate(self.entries) if one.name == key), None)

    def cells(self, place: int) -> tuple[Cell, ...]:
        """Return a file, a cell for each of `COLUMNS`."""
        entry = self.entries[place]
        folder, slash, name = clean(entry.name).rpartition("/")
        ago = span(self.now - datetime.fromtimestamp(entry.changed, UTC))
        return (
            (Part(folder + slash, Tone.DIM), Part(name)),
            (Part(sized(entry.size), Tone.PLAIN if entry.size else Tone.DIM),),
            (Part(f"{ago} ago", Tone.DIM),),
        )


class FilesPage(Viewer, Filtered):
    """The list of files."""

    CONTEXT = Context.FILES
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CONTEXT)]
    ORDERS = SORTS

    def __init__(self, run: Path) -> None:
        super().__init__()
        self._run = run
        self._found: list[Entry] = []
        self._asked = asyncio.Event()

    def body(self) -> ComposeResult:
        yield Filter("filter files by name")
        yield Table(COLUMNS, EntryRows((), self.octobatch.now()), id="files")

    def on_mount(self) -> None:
        self.query_one(Table).focus()
        self._keep()

    @property
    def run_dir(self) -> Path | None:
        return self._run

    @work(exclusive=True, group="files")
    async def _keep(self) -> None:
        """Look again now and then: seldom where there are so many that it takes time."""
        while True:
            took = 0.0
            self._asked.clear()
            if self.app.screen is self and not self.octobatch.frozen:
                began = time.monotonic()
                self._found = await asyncio.to_thread(entries, self._run)
                took = time.monotonic() - began
                self.again()
            pause = OFTEN_SECONDS if took < CHEAP_SECONDS else SELDOM_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), pause)

    def show(self, snapshot: Snapshot) -> None:
        """Show what was found; runs that change elsewhere change nothing here."""

    def again(self) -> None:
        words = self.words.lower().split()
        found = (e for e in self._found if all(word in e.name.lower() for word in words))
        wanted = self.in_order(found)
        self.query_one(Table).show(EntryRows(wanted, datetime.now(UTC)), self.by("file"))
        size = sum(entry.size for entry in wanted)
        self.heading.show(
            crumbs(self._run.name, "files"),
            (Part(f"{len(wanted):,} files · {sized(size)}", Tone.DIM),),
        )

    def on_screen_resume(self) -> None:
        super().on_screen_resume()
        self._asked.set()

    def action_reread(self) -> None:
        super().action_reread()
        self._asked.set()

    def action_open(self) -> None:
        if self._chosen is not None:
            self.app.push_screen(FilePage(self._run, self._chosen))

    # --- the file under the cursor, as text

    @property
    def _chosen(self) -> str | None:
        key = self.query_one(Table).key
        return key if isinstance(key, str) else None

    @property
    def file(self) -> Path:
        return self._run / (self._chosen or "")

    @property
    def saved_as(self) -> str:
        return f"{self._run.name}_{(self._chosen or 'files').replace('/', '_')}"

    def text(self) -> str:
        """Return the beginning of the file, as much as a clipboard takes."""
        with suppress(OSError), self.file.open("rb") as file:
            return clean(file.read(MOST_COPIED).decode("utf-8", "replace"), lines=True)
        return ""

    def writer(self) -> Callable[[Path], object]:
        source = self.file
        return lambda path: shutil.copyfile(source, path)
