"""The pipelines: what each is for, what a check says of it, and when it was run last."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.clean import clean, nearby
from tui.details import boxes, checked, finding_cell
from tui.folders import Folder, Shelf
from tui.keymap import Context
from tui.page import Filter, Filtered, Line, bindings
from tui.paint import Cell, Part, Tone, crumbs, span
from tui.pipeline import PipelinePage
from tui.snapshot import RunRow, Snapshot
from tui.table import Column, Table
from tui.watching import Watching

__all__ = ["PipelineRows", "PipelinesPage"]

COLUMNS = (
    Column("pipeline", 20),
    Column("check", 22),
    Column("steps", 5, right=True, rank=1),
    Column("asks", 22, rank=3),
    Column("runs", 5, right=True, rank=4),
    Column("last run", 11, right=True, rank=2),
    Column("is for", 24, wide=True, rank=5),
)
MOST_FINDINGS = 5
EMPTY: tuple[Cell, ...] = (
    (Part("No pipelines yet.", Tone.BOLD),),
    (Part("octobatch new MyPipeline", Tone.ACCENT), Part(" makes one to begin with.")),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A pipeline, and the runs that were made from it."""

    folder: Folder
    runs: int
    last: datetime | None

    @property
    def asks(self) -> str:
        """Return who is asked, each once."""
        asked = [step.asks for step in self.folder.steps if step.scope == "chunk"]
        return ", ".join(dict.fromkeys(asked)) or "nobody"


SORTS: tuple[tuple[str, Callable[[Shown], tuple[float, str]]], ...] = (
    ("name", lambda one: (0, one.folder.path.name.lower())),
    ("last run", lambda one: (-one.last.timestamp() if one.last else 0, one.folder.path.name)),
    ("check", lambda one: (-one.folder.wrong - one.folder.doubtful / 1000, one.folder.path.name)),
)


@dataclass(frozen=True)
class PipelineRows:
    """Pipelines as rows of a table."""

    pipelines: Sequence[Shown]
    now: datetime

    def __len__(self) -> int:
        return len(self.pipelines)

    def key(self, place: int) -> str:
        return self.pipelines[place].folder.path.name

    def place(self, key: object) -> int | None:
        return next((place for place in range(len(self)) if self.key(place) == key), None)

    def cells(self, place: int) -> tuple[Cell, ...]:
        """Return a pipeline, a cell for each of `COLUMNS`."""
        one = self.pipelines[place]
        description = one.folder.whole.get("description")
        return (
            (Part(clean(one.folder.path.name), Tone.BOLD),),
            checked(one.folder.wrong, one.folder.doubtful),
            (Part(f"{len(one.folder.steps)}"),),
            (Part(one.asks),),
            (Part(f"{one.runs:,}" if one.runs else "·", Tone.PLAIN if one.runs else Tone.DIM),),
            (Part(f"{span(self.now - one.last)} ago" if one.last else "never", Tone.DIM),),
            (Part(description.value if description else "", Tone.DIM),),
        )


class PipelinesPage(Watching, Filtered):
    """The table of pipelines, and the one under the cursor as it flows."""

    CONTEXT = Context.PIPELINES
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CONTEXT)]
    ORDERS = SORTS

    def __init__(self) -> None:
        super().__init__()
        self._shelf = Shelf()
        self._known: object = None
        """What is shown."""
        self._whole = False
        """All is known that can be."""
        self._runs: Sequence[RunRow] = ()

    def body(self) -> ComposeResult:
        yield Filter("filter pipelines by name, provider or what they are for")
        yield Line(id="empty")
        yield Table(COLUMNS, PipelineRows((), datetime.now(UTC)), id="pipelines")
        yield Line(id="boxes")
        yield Line(id="found")

    def on_mount(self) -> None:
        self.query_one("#empty", Line).show_lines(EMPTY)
        self.main.focus()
        self.heading.show(crumbs("pipelines"))

    def on_unmount(self) -> None:
        self._shelf.stop()

    def show(self, snapshot: Snapshot) -> None:
        self._runs = snapshot.rows
        self.again()

    def look(self) -> bool:
        self._whole = self._shelf.look()
        return self._whole

    def seen(self) -> None:
        known = (
            self._whole,
            self._shelf.trouble,
            [one.seen for one in self._shelf.pipelines.values()],
        )
        if known != self._known:
            self._known = known
            self.query_one("#empty").display = not self._shelf.pipelines
            self.again()

    def again(self) -> None:
        shown = self.in_order(self._wanted())
        self.query_one(Table).show(PipelineRows(shown, self.octobatch.now()), self.by("pipeline"))
        folders = [one.seen for one in self._shelf.pipelines.values() if one.seen is not None]
        wrong = sum(one.wrong > 0 for one in folders)
        self.heading.show(
            crumbs("pipelines"),
            (Part(f"{len(folders):,}"),),
            (Part(f" · {wrong:,} cannot be run", Tone.BAD),) if wrong else (),
            (Part(f" · in {nearby(self._shelf.root)}", Tone.DIM),),
            (Part(f"   {self._shelf.trouble}", Tone.BAD),) if self._shelf.trouble else (),
            () if self._whole else (Part(" · reading on…", Tone.LIVE),),
        )
        self._preview()

    def _wanted(self) -> list[Shown]:
        words = self.words.lower().split()
        found = (self._with_runs(one.seen) for one in self._shelf.pipelines.values() if one.seen)
        return [one for one in found if all(word in _text(one) for word in words)]

    def _with_runs(self, folder: Folder) -> Shown:
        made = [run.created for run in self._runs if run.pipeline == folder.path.name]
        return Shown(folder, len(made), max(made, default=None))

    def _preview(self) -> None:
        """Show how the pipeline under the cursor flows, where there is room."""
        watched = self._shelf.pipelines.get(str(self.query_one(Table).key))
        folder = watched.seen if watched is not None else None
        drawn, found = self.query_one("#boxes", Line), self.query_one("#found", Line)
        tall = self.size.height >= 30  # noqa: PLR2004 - as `-tall` in the style sheet
        lines = boxes(folder, self.size.width - 2, -1) if folder and tall else []
        drawn.display = bool(lines)
        drawn.show_lines(lines)
        told = folder.findings[:MOST_FINDINGS] if folder else ()
        found.display = bool(told) and tall
        found.show_lines([finding_cell(one) for one in told])

    def on_table_moved(self) -> None:
        self._preview()

    def on_resize(self) -> None:
        self.again()

    def action_open(self) -> None:
        if (watched := self._shelf.pipelines.get(str(self.query_one(Table).key))) is not None:
            self.app.push_screen(PipelinePage(watched))


def _text(one: Shown) -> str:
    said = one.folder.whole.get("description")
    return f"{one.folder.path.name} {one.asks} {said.value if said else ''}".lower()
