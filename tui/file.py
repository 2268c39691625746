"""A file of a run, line by line, of any size: a log as it grows, or rows to look into."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from runs import dumps, loads
from tui.clean import clean
from tui.keymap import Context
from tui.lines import LineFile, Search
from tui.page import Filter, Filtered, bindings
from tui.paint import Cell, Part, Tone, crumbs, logged, sized
from tui.reading import Reading
from tui.snapshot import Snapshot
from tui.table import Column, Table
from tui.viewer import Viewer

__all__ = ["FilePage", "LinePage"]

COLUMNS = (Column("line", 7, right=True, rank=1), Column("", 20, wide=True))
LOOK_SECONDS = 0.5
MOST_COPIED = 1 << 20
"""Bytes: what is longer belongs in a file."""
MOST_READ = 1 << 22
"""Bytes of one line that are shown."""


@dataclass(frozen=True)
class LineRows:
    """Lines of a file as rows of a table, as far as they are known.

    They hold while a thread searches on: what was found is never taken back in place.
    """

    search: Search
    found: Sequence[int] = field(compare=False)
    version: int
    """Of the file: how often it was begun anew."""
    count: int
    size: int
    """Bytes of the file: its last line may have grown."""

    @classmethod
    def of(cls, search: Search) -> Self:
        """Return all lines that are wanted now."""
        file, found = search.file, search.found
        count = len(file) if search.all else len(found)
        return cls(search, found, file.versions, count, file.size)

    def __len__(self) -> int:
        return self.count

    def key(self, place: int) -> int:
        return place if self.search.all else self.found[place]

    def place(self, key: object) -> int | None:
        """Return nothing: lines stay where they are, and so does the cursor."""

    def cells(self, place: int) -> tuple[Cell, ...]:
        """Return a line, a cell for each of `COLUMNS`."""
        number = self.key(place)
        return (Part(f"{number + 1:,}", Tone.DIM),), logged(self.search.file.line(number))


class FilePage(Viewer, Filtered):
    """One file."""

    CONTEXT = Context.LOG
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CONTEXT)]

    def __init__(self, run: Path, name: str, *, follow: bool = False) -> None:
        """Show a file of a run, by its name in there; at its end if it is to be followed."""
        super().__init__()
        self._run = run
        self._within = name
        self._search = Search(LineFile(run / name), "")
        self._follow = follow
        self._asked = asyncio.Event()
        self._trouble = ""

    def body(self) -> ComposeResult:
        yield Filter("filter lines: words, !not")
        yield Table(COLUMNS, LineRows.of(self._search), id="lines")

    def on_mount(self) -> None:
        self.query_one(Table).focus()
        self._keep()

    @property
    def run_dir(self) -> Path | None:
        return self._run

    def show(self, snapshot: Snapshot) -> None:  # noqa: ARG002 - when, not what
        self._asked.set()

    def again(self) -> None:
        self._search = Search(self._search.file, self.words)
        self._asked.set()

    @work(exclusive=True, group="lines")
    async def _keep(self) -> None:
        """Show what the file holds, as it grows."""
        while True:
            search, done = self._search, True
            self._asked.clear()
            if self.app.screen is self and not self.octobatch.frozen:
                done = await asyncio.to_thread(self._look, search)
                if search is self._search:
                    self._show(done)
            if done:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._asked.wait(), LOOK_SECONDS)

    def _look(self, search: Search) -> bool:
        try:
            read = search.file.look()
        except OSError as error:
            self._trouble = clean(f"cannot be read: {error.strerror}")
            return True
        self._trouble = "" if search.file.path.exists() else "is not there"
        return (search.all or search.look()) and read

    def _show(self, done: bool) -> None:
        rows, table, file = LineRows.of(self._search), self.query_one(Table), self._search.file
        if rows != table.rows:
            table.show(rows)
            if self._follow:
                table.go_to(len(rows) - 1)
        found = "" if self._search.all else f" · {len(rows):,} found"
        self.heading.show(
            crumbs(self._run.name, self._within),
            (Part(f"{sized(file.size)} · {len(file):,} lines{found}", Tone.DIM),),
            (Part(" · following", Tone.GOOD),) if self._follow else (),
            () if done else (Part(" · reading on…", Tone.LIVE),),
            (Part(f" · {self._trouble}", Tone.BAD),) if self._trouble else (),
        )

    def on_table_moved(self) -> None:
        """Follow no more when someone goes up to read."""
        table = self.query_one(Table)
        self._follow = self._follow and table.cursor >= len(table.rows) - 1

    def action_follow(self) -> None:
        table = self.query_one(Table)
        self._follow = not self._follow
        if self._follow:
            table.go_to(len(table.rows) - 1)
        self._show(done=True)

    def action_open(self) -> None:
        table = self.query_one(Table)
        if isinstance(rows := table.rows, LineRows) and len(rows):
            self.app.push_screen(LinePage(self._run, self._within, rows, table.cursor))

    # --- as text

    @property
    def file(self) -> Path:
        return self._search.file.path

    @property
    def saved_as(self) -> str:
        return f"{self._run.name}_{self._within.replace('/', '_')}"

    def text(self) -> str:
        """Return the last lines that are shown, as many as a clipboard takes."""
        rows, lines, size = LineRows.of(self._search), list[str](), 0
        for place in reversed(range(len(rows))):
            lines.append(self._search.file.line(rows.key(place), MOST_COPIED))
            size += len(lines[-1]) + 1
            if size > MOST_COPIED:
                break
        return "".join(f"{line}\n" for line in reversed(lines))

    def writer(self) -> Callable[[Path], object]:
        """Return what writes all lines that are shown, as they are on disk."""
        search = self._search
        if search.all:
            return lambda path: shutil.copyfile(search.file.path, path)
        return lambda path: _write(path, search)


def _write(path: Path, search: Search) -> None:
    with path.open("xb") as file:
        file.writelines(search.file.bytes_of(number) + b"\n" for number in search.found)


class LinePage(Viewer):
    """One line of a file, whole: as it is meant to be read, if it is JSON."""

    CONTEXT = Context.TEXT
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CONTEXT)]

    def __init__(self, run: Path, name: str, rows: LineRows, place: int) -> None:
        """Show a line of those that are shown; its neighbours are those of the list."""
        super().__init__()
        self._run = run
        self._within = name
        self._rows = rows
        self._place = place

    def body(self) -> ComposeResult:
        yield Reading()

    def on_mount(self) -> None:
        self.query_one(Reading).focus()
        self._show()

    @property
    def run_dir(self) -> Path | None:
        return self._run

    def show(self, snapshot: Snapshot) -> None:
        """Show what was chosen, whatever comes."""

    def _show(self) -> None:
        number = self._rows.key(self._place)
        self.heading.show(crumbs(self._run.name, self._within, f"line {number + 1:,}"))
        self.query_one(Reading).show([(Part(line),) for line in self.text().split("\n")])

    def action_other(self, by: int) -> None:
        """Show the line before or behind."""
        self._place = max(0, min(self._place + by, len(self._rows) - 1))
        self._show()

    @property
    def file(self) -> Path:
        return self._run / self._within

    @property
    def saved_as(self) -> str:
        number = self._rows.key(self._place) + 1
        return f"{self._run.name}_{Path(self._within).stem}_{number}.txt"

    def text(self) -> str:
        line = self._rows.search.file.bytes_of(self._rows.key(self._place), MOST_READ)
        with suppress(ValueError):
            value = loads(line)
            if isinstance(value, (dict, list)):
                line = dumps(value, pretty=True)
        return clean(line.decode("utf-8", "replace"), lines=True)
