"""A unit: what it was, what was asked about it, what came of it, and what is wrong."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from runs import RunPaths, RunState
from tui import telling
from tui.cases import ShownPrompt, case, prompt_of
from tui.clean import clean
from tui.keymap import Context
from tui.page import Line, bindings
from tui.paint import Cell, Part, Tone, cost, crumbs
from tui.reading import Reading
from tui.roster import UnitRows
from tui.snapshot import RunDetail, Snapshot
from tui.stamps import UNREADABLE, Stamp, said_of, stamp_of
from tui.story import StepStory, Story, story
from tui.telling import REPLY, children, data_of, failing, leaf
from tui.viewer import Viewer

__all__ = ["UnitPage"]

VIEWS = ("reply", "prompt", "tree", "raw", "history")
MOST_CHILDREN = 500
"""Of one object or array in the tree; the raw view shows all."""
UNFIT = re.compile(r"[^\w.-]+")
LONGEST_NAME = 80


class DataTree(Tree[tuple[str, Any]]):
    """Data as a tree: a node's children are made when it is opened."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"datatree--bad", "datatree--dim"}

    def __init__(self) -> None:
        super().__init__("data")
        self.show_root = False
        self._failing: Mapping[str, str] = {}

    def show(self, data: Mapping[str, Any], broken: Mapping[str, str]) -> None:
        """Show other data; the places that do not pass are marked, and opened."""
        self._failing = broken
        self.clear()
        for name, value in data.items():
            self._add(self.root, name, f"{name}$" if name != REPLY else "$", value)
        for node in self.root.children:
            node.expand()
        self.root.expand()

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[tuple[str, Any]]) -> None:
        self._grow(event.node)

    def _grow(self, node: TreeNode[tuple[str, Any]]) -> None:
        if node.data is None or node.children:
            return
        path, value = node.data
        for number, (name, below, inner) in enumerate(children(value, path)):
            if number == MOST_CHILDREN:
                node.add_leaf(Text(f"… {len(value) - number:,} more: R shows all", self._dim))
                return
            self._add(node, clean(str(name)), below, inner)

    def _add(self, to: TreeNode[tuple[str, Any]], name: str, path: str, value: Any) -> None:
        label = Text().append(f"{name} ", self._dim).append(leaf(value))
        if (rule := self._failing.get(path)) is not None:
            bad = self.get_component_rich_style("datatree--bad", partial=True)
            label = Text(f"{name} {leaf(value)}  ← {rule}", bad)
        if not isinstance(value, (dict, list)) or not value:
            to.add_leaf(label, (path, value))
            return
        node = to.add(label, (path, value))
        if any(place.startswith(path) for place in self._failing):
            node.expand()

    @property
    def _dim(self) -> Any:
        return self.get_component_rich_style("datatree--dim", partial=True)


class UnitPage(Viewer):
    """One unit at one of its steps, in one of five views."""

    CONTEXT = Context.UNIT
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CONTEXT)]

    def __init__(self, run: RunDetail, rows: UnitRows, unit: int) -> None:
        """Show a unit of those that were chosen; its neighbours are theirs."""
        super().__init__()
        self._run = run
        self._rows = rows
        self._unit = unit
        self._view = VIEWS[0]
        self._step: str | None = None
        self._story: Story | None = None
        self._stamp: Stamp | None = None
        """Of its replies, at the step that is shown."""
        self._shown: tuple[str, str, str] | None = None
        """The unit, the step and the view that are on the screen."""
        self._prompt: tuple[StepStory, ShownPrompt] | None = None

    def body(self) -> ComposeResult:
        yield Line(id="way")
        yield Line(id="views")
        yield Reading()
        yield DataTree()

    def on_mount(self) -> None:
        self._show_view()
        self._read()

    @property
    def run_dir(self) -> Path | None:
        return self._run.row.dir

    def show(self, snapshot: Snapshot) -> None:
        """Read the unit anew when its chunk has moved, or there are other replies."""
        run, was = snapshot.run, self._run
        if run is None or (run.row.dir, run.state.created) != (was.row.dir, was.state.created):
            return  # it is closed, or was made anew: what is shown is of the one that was
        chunk = self._rows.index.chunk_of(self._unit)
        moved = run.state.chunks[chunk] is not was.state.chunks[chunk]
        self._run = run
        if moved or stamp_of(self.file) != self._stamp:
            self._read()

    def action_reread(self) -> None:
        super().action_reread()
        self._read()

    # --- what there is to know

    @work(exclusive=True, group="story")
    async def _read(self) -> None:
        index, state = self._rows.index, self._run.state
        chunk, unit_id = index.chunk_of(self._unit), index.id_of(self._unit)
        if self._step is None:
            self._step, _ = index.standing(self._unit)
        self._stamp = stamp_of(self.file)
        try:
            told = await asyncio.to_thread(self._told, state, chunk, unit_id)
        except UNREADABLE as error:
            self.octobatch.say(f"The unit cannot be read: {said_of(error)}")
            return
        if told != self._story:
            self._story = told
            await self._show()

    def _told(self, state: RunState, chunk: str, unit_id: str) -> Story:
        return story(RunPaths(self._run.row.dir), state, chunk, unit_id)

    @property
    def _at(self) -> StepStory | None:
        steps = self._story.steps if self._story is not None else ()
        return next((step for step in steps if step.step == self._step), None)

    async def _ask(self, at: StepStory) -> None:
        """Render the prompt, in a thread, and once."""
        if self._prompt is None or self._prompt[0] is not at:
            self._prompt = at, await asyncio.to_thread(prompt_of, self._run.row.dir, at)

    # --- showing it

    async def _show(self) -> None:
        told, at = self._story, self._at
        if told is None or at is None:
            return
        self.heading.show(
            crumbs(self._run.row.name, told.unit_id),
            (Part(f"{clean(told.chunk)} · ", Tone.DIM), Part(self._cost(told), Tone.DIM)),
        )
        self.query_one("#way", Line).show(*_way(told, at))
        self._show_view()
        if self._view == "tree":
            self.query_one(DataTree).show(data_of(at), failing(at))
            return
        shown = told.unit_id, at.step, self._view
        if self._view == "prompt":
            await self._ask(at)
        if at is self._at and self._view == shown[-1]:  # else something else is shown by now
            self.query_one(Reading).show(self._lines(at), from_top=shown != self._shown)
            self._shown = shown

    def _cost(self, told: Story) -> str:
        return cost(told.cost_usd, emulated=self._run.row.emulate)

    def _lines(self, at: StepStory) -> list[Cell]:
        """Return the view in lines; the tree as what it shows, the prompt once it is rendered."""
        match self._view:
            case "prompt" if self._prompt is not None and self._prompt[0] is at:
                return telling.prompt(self._prompt[1])
            case "prompt":
                return []
            case "tree":
                return telling.raw(at, numbered=False)
            case "raw":
                return telling.raw(at)
            case "history":
                return telling.history(at, emulated=self._run.row.emulate)
            case _:
                return telling.reply(at)

    def _show_view(self) -> None:
        tree, reading = self.query_one(DataTree), self.query_one(Reading)
        tree.display, reading.display = self._view == "tree", self._view != "tree"
        (tree if tree.display else reading).focus()
        said = [(Part(f" {v} ", Tone.ACCENT if v == self._view else Tone.DIM),) for v in VIEWS]
        self.query_one("#views", Line).show(*said)

    # --- keys

    @work(exclusive=True, group="view")
    async def _again(self) -> None:
        await self._show()

    def action_view(self, view: str) -> None:
        """Show another side of the unit."""
        self._view = view
        self._again()

    def action_step(self, by: int) -> None:
        """Show the unit at another step."""
        if self._story is None:
            return
        names = [step.step for step in self._story.steps]
        place = names.index(self._step) if self._step in names else 0
        self._step = names[max(0, min(place + by, len(names) - 1))]
        self._again()

    def action_other(self, by: int) -> None:
        """Show another unit of those that were chosen, at the step it stands at."""
        chosen = self._rows.chosen
        unit = chosen.next(self._unit) if by > 0 else chosen.previous(self._unit)
        if unit is None:
            self.octobatch.say("There is none after it." if by > 0 else "There is none before it.")
            return
        self._unit, self._step, self._story = unit, None, None
        self._read()

    @work(exclusive=True, group="case")
    async def action_copy_case(self) -> None:
        """Copy the whole case, for an assistant."""
        if (told := self._story) is None or (at := self._at) is None:
            return
        row = self._run.row
        self.octobatch.copy(await asyncio.to_thread(case, row.dir, row.pipeline, told, at))

    # --- as text

    def text(self) -> str:
        if (at := self._at) is None:
            return ""
        return "".join("".join(part.text for part in line) + "\n" for line in self._lines(at))

    @property
    def file(self) -> Path:
        chunk = RunPaths(self._run.row.dir).chunk(self._rows.index.chunk_of(self._unit))
        return chunk.results(self._step) if self._step is not None else chunk.input

    @property
    def saved_as(self) -> str:
        unit_id = UNFIT.sub("_", self._rows.index.id_of(self._unit))[:LONGEST_NAME]
        return f"{self._run.row.name}_{unit_id}_{self._step}_{self._view}.txt"


def _way(told: Story, at: StepStory) -> tuple[Cell, ...]:
    """Return the steps of a unit, that which is shown among them."""
    cells: list[Cell] = []
    for number, step in enumerate(told.steps):
        here = step is at
        joint = (Part(" ─▶ ", Tone.DIM),) if number else ()
        name = Part(f" {clean(step.step)}", Tone.ACCENT if here else Tone.PLAIN)
        cells.append((*joint, telling.outcome(step), name))
    return tuple(cells)
