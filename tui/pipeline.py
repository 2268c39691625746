"""A pipeline: how it flows, what it says of each step, and what is wrong with it."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from pipelines.folder import CONFIG
from tui.clean import clean, nearby
from tui.context import context
from tui.details import (
    FLOW,
    PROPERTIES,
    FindingRows,
    FlowRows,
    PropertyRows,
    boxes,
    checked,
    finding_columns,
)
from tui.editor import edit
from tui.findings import Finding
from tui.folders import Folder, Watched, differs
from tui.keymap import Context
from tui.listing import finding_lines, property_lines, sought
from tui.page import Line, bindings
from tui.paint import Cell, Part, Tone, crumbs
from tui.part import PartPage
from tui.places import concerned, first_look, name_of, same_step
from tui.reading import Reading
from tui.table import Rows, Table
from tui.watching import Watching

__all__ = ["PipelinePage"]

MANY, FEW = 6, 8
"""Of so many lines of the screen one shows a step, and one what the check says, at most."""


class NoRows:
    """Nothing yet."""

    def __len__(self) -> int:
        return 0

    def key(self, place: int) -> int:
        return place

    def place(self, key: object) -> int | None:
        """Return nothing: there is none."""

    def cells(self, place: int) -> Sequence[Cell]:  # noqa: ARG002 - there is none
        return ()


class PipelinePage(Watching):
    """One pipeline: the flow on top, below it the properties of a step, and one of them in full."""

    CONTEXT = Context.PIPELINE
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CONTEXT)]

    def __init__(self, watched: Watched, run: Path | None = None, step: str | None = None) -> None:
        """Show a pipeline; of a run, if one is given, it may be the original or its copy.

        A step is what to begin with; else it is what says most.
        """
        super().__init__()
        self._watched = watched
        self._run = run
        self._changed = False
        """Since the run was made."""
        self._folder: Folder | None = None
        self._place = 0
        self._step = step
        """The step that was chosen, by its name: it may be gone for a while; None for the whole."""
        self._about: str | Finding | None = None
        """The property that was chosen, likewise, or what the check says."""

    @classmethod
    def of_run(cls, run: Path, pipeline: str, step: str | None) -> Self:
        """Return the pipeline that a run was made from; the run's copy where it is gone."""
        return cls(Watched.of_run(run, pipeline), run, step)

    def body(self) -> ComposeResult:
        yield Line(id="totals")
        yield Line(id="boxes")
        yield Table(FLOW, NoRows(), id="flow")
        with Container(id="split"):
            yield Table(PROPERTIES, NoRows(), id="properties")
            yield Reading(id="told")
        yield Table((), NoRows(), id="findings")

    def on_mount(self) -> None:
        self.query_one("#properties").focus()
        if self._watched.seen is not None:
            self.seen()

    def on_unmount(self) -> None:
        if self._run is not None:  # else it is that of the list, which is behind
            self._watched.stop()

    @property
    def run_dir(self) -> Path | None:
        return self._run

    # --- what there is

    def look(self) -> bool:
        before, whole, now = self._watched.seen, self._watched.look(), self._watched.seen
        if self._run is not None and now is not None and now is not before:
            self._changed = not self._watched.frozen and differs(self._run, now.path)
        return whole

    def seen(self) -> None:
        folder, before = self._watched.seen, self._folder
        if folder is None or folder is before:
            return
        self._folder = folder
        if before is None:
            self._place, self._about = first_look(folder, self._step)
            self._step = name_of(folder, self._place)
        else:
            self._place = same_step(folder, self._step, self._place)
        self._show(from_top=before is None)

    def _show(self, *, from_top: bool = False) -> None:
        if (folder := self._folder) is None:
            return
        self.heading.show(*self._heading(folder))
        self.query_one("#totals", Line).show(*_totals(folder))
        self._show_flow(folder)
        properties, findings = self._table("#properties"), self._table("#findings")
        rows = PropertyRows(folder, self._place)
        properties.show(rows)
        if isinstance(self._about, str):
            _put(properties, rows.place(self._about))
        findings.use(finding_columns(folder.findings))
        findings.show(FindingRows(folder.findings))
        findings.display = bool(folder.findings)
        findings.styles.height = min(len(folder.findings), self.size.height // FEW) + 1
        self._tell(from_top=from_top)

    def _heading(self, folder: Folder) -> Sequence[Cell]:
        whose: Cell = ()
        if folder.frozen:
            whose = (Part("   the run's own copy", Tone.SOFT),)
        elif self._run is not None:
            since = ", changed since this run" if self._changed else ", as in this run"
            whose = (Part(f"   the original{since}", Tone.SOFT if self._changed else Tone.DIM),)
        where = ("runs", self._run.name) if self._run is not None else ("pipelines",)
        name = "pipeline" if self._run is not None else clean(folder.path.name)
        return crumbs(*where, name), checked(folder.wrong, folder.doubtful), whose

    def _show_flow(self, folder: Folder) -> None:
        drawn, rows = self.query_one("#boxes", Line), self._table("#flow")
        lines = boxes(folder, self.size.width - 2, self._place)
        roomy = bool(lines) and self.size.height >= 30  # noqa: PLR2004 - as `-tall` in the style sheet
        drawn.display, rows.display = roomy, not roomy
        drawn.show_lines(lines)
        rows.show(FlowRows(folder))
        rows.styles.height = min(len(folder.sections), self.size.height // MANY) + 1
        _put(rows, self._place)

    def _tell(self, *, from_top: bool = True) -> None:
        if (folder := self._folder) is None:
            return
        if isinstance(self._about, Finding):
            lines = finding_lines(folder, self._about)
        else:
            name = self._table("#properties").key
            lines = property_lines(folder, self._place, str(name))
        at = sought(lines) if from_top else None
        self.query_one("#told", Reading).show(lines, from_top=from_top, sought=at)

    def _table(self, name: str) -> Table:
        return self.query_one(name, Table)

    def on_resize(self) -> None:
        self._show()

    # --- keys

    def on_table_moved(self) -> None:
        flow, findings = self._table("#flow"), self._table("#findings")
        if flow.has_focus and flow.cursor != self._place:
            self._choose(flow.cursor)
        elif findings.has_focus:
            self._told_of(findings)
        else:
            self._told_of(self._table("#properties"))

    def on_descendant_focus(self) -> None:
        self.on_table_moved()

    def _told_of(self, table: Table) -> None:
        rows: Rows = table.rows
        about = rows.key(table.cursor) if len(rows) else None
        if about == self._about:
            return
        if isinstance(about, Finding):
            self._follow(about)
        elif isinstance(about, str):
            self._about = about
            self._tell()

    def _follow(self, finding: Finding) -> None:
        """Show what the check says, and the step and the property that it says it of."""
        self._about = finding
        if self._folder is not None:
            place, name = concerned(self._folder, finding)
            self._choose(place)
            properties = self._table("#properties")
            _put(properties, properties.rows.place(name))

    def _choose(self, place: int) -> None:
        self._place = place
        self._step = name_of(self._folder, place)
        self._show(from_top=True)

    def action_step(self, by: int) -> None:
        """Choose another step; before the first one stands the pipeline as a whole."""
        if self._folder is not None:
            self._choose(max(0, min(self._place + by, len(self._folder.steps))))

    def action_pane(self) -> None:
        self.focus_next()

    def action_open(self) -> None:
        """Show the file of what the cursor is on, whole."""
        self._open(*self._file)

    def action_template(self) -> None:
        folder = self._folder
        template = folder.sections[self._place].get("template") if folder else None
        if template is None or template.file is None:
            what = "This step" if self._place else "The pipeline as a whole"
            self.octobatch.say(f"{what} has no template.")
            return
        self._open(template.file)

    def _open(self, name: str, line: int | None = None) -> None:
        self.app.push_screen(PartPage(self._watched, self._place, name, line))

    @property
    def _file(self) -> tuple[str, int | None]:
        """Return the file that the cursor is on: what a property names, or where it stands."""
        if isinstance(self._about, Finding):
            return self._about.file, self._about.line
        name = str(self._table("#properties").key)
        one = self._folder.sections[self._place].get(name) if self._folder else None
        if one is None:
            return CONFIG, None
        return (CONFIG, one.line) if one.file is None else (one.file, None)

    def action_copy(self) -> None:
        """Copy the step with all that an assistant must know of it."""
        if self._folder is not None:
            self.octobatch.copy(context(self._folder, self._place))

    def action_edit(self) -> None:
        if self._folder is not None:
            edit(self.octobatch, self._folder, *self._file)
            self.action_reread()


def _put(table: Table, place: int | None) -> None:
    """Put the cursor on a row, which is nobody's choice."""
    if place is not None:
        with table.prevent(Table.Moved):
            table.go_to(place)


def _totals(folder: Folder) -> Sequence[Cell]:
    """Return a pipeline in a line."""
    said = folder.whole.get("description")
    steps = len(folder.steps)
    lost = f" · {folder.lost:,} lines of config.yaml cannot be read" if folder.lost else ""
    return (
        (Part(f"{steps} step{'s' * (steps != 1)}", Tone.BOLD),),
        (Part(lost, Tone.BAD),) if lost else (),
        (Part(f" · {said.value}"),) if said else (),
        (Part(f" · {nearby(folder.path)}", Tone.DIM),),
    )
