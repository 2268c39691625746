"""A run: its steps as they flow, its chunks, what it logs, and what there is to know of it."""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message

from runs import Chunk, Counts, Liveness, RunPaths, RunState, open_rounds, passed_all
from tui.clean import clean
from tui.facts import facts, totals
from tui.filters import Order, Selection, select
from tui.flow import COLUMNS, StepRows, boxes
from tui.fold import folded
from tui.keymap import Context
from tui.otto.widget import Form, Otto, OttoLine
from tui.page import Filter, Filtered, Line, bindings
from tui.paint import AT_WORK, Cell, Part, Tone, big, cost, crumbs, logged, state
from tui.roster import UnitRows, columns
from tui.snapshot import RunDetail, Snapshot
from tui.table import Column, Table
from tui.units import UnitIndex

if TYPE_CHECKING:
    from tui.chosen import ChosenStep

__all__ = ["CHUNKS", "ChunkRows", "RunPage", "all_of"]

CHUNKS = (
    Column("chunk", 20),
    Column("state", 24, wide=True),
    Column("units", 7, right=True),
    Column("valid", 7, right=True, rank=1),
    Column("failed", 7, right=True, rank=2),
    Column("asked", 7, right=True, rank=3),
    Column("cost", 11, right=True, rank=4),
)
NONE: Mapping[str, Counts] = MappingProxyType({})
TICKER_LINES = 4
CHUNK_WORDS = "chunks by name or state"
WIDE, TALLER = 110, 36
"""The least size of a screen on which there is room for Otto."""
LOOK_SECONDS = 1.0
SIDE = 30
"""Cells of what stands beside."""
A_LOOK_SECONDS = 0.3
"""As long is read before what is known so far is shown."""
SORTS: tuple[tuple[str, Callable[[Chunk], float]], ...] = (
    ("place", lambda _: 0),
    ("failed", lambda chunk: -chunk.lost),
    ("units", lambda chunk: -chunk.items),
)


class ChunkRows:
    """The chunks of a run as rows of a table."""

    def __init__(self, chunks: Sequence[Chunk] = (), state: RunState | None = None) -> None:
        """Take some chunks of a run."""
        self.chunks = chunks
        self._now = open_rounds(state) if state is not None else NONE
        self._last = state.steps[-1].name if state is not None else ""
        self._emulated = state is not None and state.spec.emulate

    def __len__(self) -> int:
        return len(self.chunks)

    def key(self, place: int) -> Hashable:
        return self.chunks[place].name

    def place(self, key: Hashable) -> int | None:
        return next((place for place, one in enumerate(self.chunks) if one.name == key), None)

    def cells(self, place: int) -> tuple[Cell, ...]:
        """Return a chunk, a cell for each of `CHUNKS`."""
        chunk = self.chunks[place]
        whole = all_of(chunk, self._now)
        return (
            (Part(clean(chunk.name)),),
            _stage(chunk),
            (Part(big(chunk.items)),),
            (Part(big(passed_all(chunk, self._last, self._now.get(chunk.name)))),),
            (Part(big(chunk.lost), Tone.SOFT) if chunk.lost else Part("·", Tone.DIM),),
            (Part(big(whole.attempts), Tone.DIM),),
            (Part(cost(whole.cost_usd, emulated=self._emulated), Tone.DIM),),
        )


def all_of(chunk: Chunk, now: Mapping[str, Counts]) -> Counts:
    """Return what a chunk has taken, at all steps, its open round included."""
    counted = [*chunk.counts.values()]
    if chunk.name in now:
        counted.append(now[chunk.name])
    return sum(counted, start=Counts())


def _stage(chunk: Chunk) -> Cell:
    word = chunk.stage.value.lower().replace("_", " ")
    if chunk.step is None:
        return (Part(word, Tone.GOOD if chunk.valid else Tone.SOFT),)
    again = f", round {chunk.round}" if chunk.round > 1 else ""
    tone = Tone.LIVE if word == "submitted" else Tone.PLAIN
    return (Part(f"{clean(chunk.step)} ", Tone.BOLD), Part(f"{word}{again}", tone))


class Left(Vertical):
    """What stands left; it tells when its parts have another width, for flows are as wide."""

    class Resized(Message):
        """It has another size."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())


class RunPage(Filtered):
    """One run."""

    CONTEXT = Context.RUN
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CONTEXT)]
    ORDERS = SORTS

    def __init__(self, run: Path) -> None:
        super().__init__()
        self._dir = run
        self._run: RunDetail | None = None
        self._step: str | None = None
        self._units: UnitIndex | None = None
        """Of a run whose units were asked for."""
        self._order = Order.INPUT
        self._chosen = asyncio.Event()
        """Set when other units are to be shown, or the same anew."""

    def body(self) -> ComposeResult:
        yield Line(id="totals")
        yield OttoLine()
        yield Line(id="unread")
        with Horizontal(id="run"):
            with Left(id="left"):
                yield Line(id="boxes")
                yield Table(COLUMNS, StepRows((), self.octobatch.now(), int), id="steps")
                yield Filter(f"filter {CHUNK_WORDS}")
                yield Table(CHUNKS, ChunkRows(), id="chunks")
                yield Table((), ChunkRows(), id="units")
                yield Line(id="ticker")
            with Vertical(id="side"):
                yield Otto()
                with VerticalScroll(id="known"):
                    yield Line(id="facts")

    def on_mount(self) -> None:
        self.heading.show(crumbs("runs"), (Part("reading…", Tone.DIM),))
        for later in ("#boxes", "#units"):
            self.query_one(later).display = False
        self.query_one("#steps").can_focus = False  # there are keys for them
        self.main.focus()
        self.set_interval(LOOK_SECONDS, self._look_again)

    @property
    def main(self) -> Table:
        return self.query_one("#units" if self._shows_units else "#chunks", Table)

    @property
    def _shows_units(self) -> bool:
        return self.query_one("#units").display

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.unread is not None and snapshot.unread.dir == self._dir:
            self._show_unread(snapshot.unread.why)
        if snapshot.run is None or snapshot.run.row.dir != self._dir:
            return  # of the run that was open before
        self.remove_class("-unread")
        was, run = self._run, snapshot.run
        self._run = run
        if was is not None and was.state.created != run.state.created:
            self._step, self._units = None, None  # it was made anew
        if self._step is None and run.steps:
            self._step = run.row.step or run.steps[0].name
        dead = run.row.liveness is Liveness.DETACHED and run.row.trouble
        why = (Part(f"   {run.row.trouble}", Tone.DIM),) if dead else ()
        self.heading.show(crumbs("runs", run.row.name), state(run.row), why)
        self.query_one("#totals", Line).show(*totals(run))
        self._show_flow(run, snapshot)
        if self._shows_units:
            self._show_units(run)
        else:
            self._show_chunks(run)
        self.query_one("#ticker", Line).show_lines(
            [_dim(logged(line)) for line in run.log[-TICKER_LINES:]]
        )
        side = self.query_one("#facts", Line)
        side.show_lines(facts(run, self._step, side.size.width or SIDE))
        self.show_otto()

    def _show_unread(self, why: str) -> None:
        """Say why there is nothing to show of a run, and what there is of it all the same."""
        self.add_class("-unread")
        self.heading.show(
            crumbs("runs", clean(self._dir.name)), (Part("✗ cannot be read", Tone.BAD),)
        )
        ways = "F shows its files, L its log."
        lines: list[Cell] = [(Part(why),), (), (Part(ways, Tone.DIM),)]
        self.query_one("#unread", Line).show_lines(folded(lines, self.size.width - 4))

    def _show_flow(self, run: RunDetail, snapshot: Snapshot) -> None:
        drawn, rows = self.query_one("#boxes", Line), self.query_one("#steps", Table)
        lines = boxes(run.steps, self.query_one("#left").size.width - 2, self._step, snapshot.at)
        roomy = bool(lines) and self.size.height >= 30  # noqa: PLR2004 - as `-tall` in the style sheet
        drawn.display, rows.display = roomy, not roomy
        drawn.show_lines(lines)
        rows.styles.height = len(run.steps) + 1
        rows.show(StepRows(run.steps, snapshot.at, partial(rows.width_of, "progress")))
        if self._step is not None and (place := rows.rows.place(self._step)) is not None:
            rows.go_to(place)

    def show_otto(self) -> None:
        """Show Otto whole beside what is known, if there is room; else in a line."""
        form, scene = self.octobatch.otto, self.octobatch.stage.scene
        roomy = self.size.width >= WIDE and self.size.height >= TALLER and not self.app.no_color
        whole, line = self.query_one(Otto), self.query_one(OttoLine)
        whole.display = form is Form.FULL and roomy
        line.display = form is not Form.OFF and not whole.display
        if scene is not None:
            whole.play(scene)
            line.play(scene)

    def _show_chunks(self, run: RunDetail) -> None:
        wanted = self._wanted(run)
        title = self.by(told_of(len(wanted), len(run.state.chunks), "chunks"))
        self.query_one("#chunks", Table).show(ChunkRows(wanted, run.state), title)

    def _show_units(self, run: RunDetail) -> None:
        if self._units is None:
            self._units = UnitIndex(RunPaths(run.row.dir), run.state)
            self.query_one("#units", Table).use(columns(len(self._units.steps)))
            self._keep_units(self._units)
        self._chosen.set()

    @work(exclusive=True, group="units")
    async def _keep_units(self, units: UnitIndex) -> None:
        """Show the units that are wanted, read and chosen in a thread, as often as it is asked."""
        table, shown_in = self.query_one("#units", Table), self._order
        while True:
            await self._chosen.wait()
            self._chosen.clear()
            if self._run is None or not self._shows_units:
                continue
            state, words, order = self._run.state, self.words, self._order
            whole, chosen = await asyncio.to_thread(_choose, units, state, words, order)
            title = told_of(len(chosen.units), len(units), "units")
            if order is not Order.INPUT:
                title += f" ↓{order}"
            table.show(UnitRows(units, chosen), title if whole else f"{title}…")
            if order is not shown_in:
                shown_in = order
                table.go_to(0)
            if not whole:
                self._chosen.set()

    def _wanted(self, run: RunDetail) -> list[Chunk]:
        words = self.words.lower().split()
        return self.in_order(
            chunk
            for chunk in run.state.chunks.values()
            if all(word in f"{chunk.name} {chunk.step} {chunk.stage}".lower() for word in words)
        )

    def on_table_moved(self, event: Table.Moved) -> None:
        """Choose the step that the cursor is on, when it was put there."""
        if event.table.id == "steps" and event.table.key != self._step:
            self._step = str(event.table.key)
            self.again()

    @on(Table.Chosen)
    def _open_nothing(self, event: Table.Chosen) -> None:
        """Of a step there is no more to open."""
        if event.table is not self.main:
            event.prevent_default()

    def on_left_resized(self) -> None:
        self.again()

    @property
    def run_dir(self) -> Path:
        return self._dir

    def action_pipelines(self) -> None:
        """Show the pipeline that the run was made from."""
        from tui.pipeline import PipelinePage  # it is a page itself

        if self._run is not None:
            page = PipelinePage.of_run(self._dir, self._run.row.pipeline, self._step)
            self.app.push_screen(page)

    def leave(self) -> None:
        """Show all runs again."""
        self.octobatch.close_run()

    # --- the chosen step, in its pipeline

    def action_copy(self) -> None:
        """Copy the step with all that an assistant must know of it."""
        self._with_step(self._copy)

    def action_template(self) -> None:
        self._with_step(self._show_template)

    def action_edit(self) -> None:
        self._with_step(self._edit)

    @work(exclusive=True, group="step")
    async def _with_step(self, do: "Callable[[ChosenStep], object]") -> None:
        """Read the pipeline in a thread, and do something with the step in it."""
        from tui.chosen import ChosenStep  # whatever reads pipelines takes long to import

        if (run := self._run) is not None:
            pipeline = run.state.spec.pipeline
            do(await asyncio.to_thread(ChosenStep.of, self._dir, pipeline, self._step))

    def _copy(self, chosen: "ChosenStep") -> None:
        chosen.copy(self.octobatch)

    def _show_template(self, chosen: "ChosenStep") -> None:
        chosen.show_template(self.octobatch)

    def _edit(self, chosen: "ChosenStep") -> None:
        chosen.edit(self.octobatch)

    def action_facts(self) -> None:
        """Show what there is to know, or not: beside the tables, or instead of them."""
        self.toggle_class("-turned")
        self.call_after_refresh(self.again)

    def action_otto(self) -> None:
        self.octobatch.cycle_otto()
        self.again()

    def action_step(self, by: int) -> None:
        """Choose another step."""
        if self._run is None or not self._run.steps:
            return
        names = [step.name for step in self._run.steps]
        place = names.index(self._step) if self._step in names else 0
        self._step = names[max(0, min(place + by, len(names) - 1))]
        self.again()

    def action_switch(self) -> None:
        """Show units instead of chunks, or chunks instead of units."""
        if self._run is None:
            return
        self.filter.close()
        units, chunks = self.query_one("#units", Table), self.query_one("#chunks", Table)
        units.display, chunks.display = chunks.display, units.display
        words = "units: failed step:name chunk:name, or a part of an id; !not"
        self.filter.placeholder = f"filter {words if self._shows_units else CHUNK_WORDS}"
        self.main.focus()
        self.again()

    def _look_again(self) -> None:
        """Units are answered one by one while their chunk's round is open."""
        looked_at = self._shows_units and self.app.screen is self and not self.octobatch.frozen
        if looked_at and self._run is not None and self._run.row.liveness in AT_WORK:
            self._chosen.set()

    def action_open(self) -> None:
        """Show the units of a chunk, or one of them."""
        from tui.unit import UnitPage  # it reads pipelines, too

        rows, key = self.main.rows, self.main.key
        if isinstance(rows, UnitRows) and isinstance(key, int) and self._run is not None:
            self.app.push_screen(UnitPage(self._run, rows, key))
        elif isinstance(key, str):
            self.action_switch()
            self.filter.open(f"chunk:{key}")
            self.main.focus()

    def action_sort(self) -> None:
        if self._shows_units:
            orders = list(Order)
            self._order = orders[(orders.index(self._order) + 1) % len(orders)]
            self.octobatch.say(f"Sorted by {self._order}.")
            self._chosen.set()
        else:
            super().action_sort()


def _dim(cell: Cell) -> Cell:
    return tuple(Part(part.text, Tone.DIM) for part in cell)


def _choose(units: UnitIndex, state: RunState, words: str, order: Order) -> tuple[bool, Selection]:
    whole = units.look(state, most_seconds=A_LOOK_SECONDS)
    return whole, select(units, words, order)


def told_of(shown: int, all_: int, what: str) -> str:
    """Return how many of how many are shown."""
    if shown == all_ == 1:
        what = what.removesuffix("s")
    return f"{shown:,} {what}" if shown == all_ else f"{shown:,} of {all_:,} {what}"
