"""What all screens share: a heading, a line of keys, and what keys do that hold everywhere."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.events import Click
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from runs import RunPaths
from tui.keymap import Context, Key, keys_of
from tui.paint import Cell, Part, Tone
from tui.snapshot import Snapshot
from tui.table import Table

if TYPE_CHECKING:
    from tui.app import OctobatchApp

__all__ = ["Filter", "Filtered", "KeyBar", "Line", "Page", "bindings"]

T = TypeVar("T")
ALWAYS = ("help", "command_palette")
"""The keys that lead to all others stand in every line of keys."""
ONLY_LOOKS: Cell = (Part("read-only  ", Tone.SOFT),)
FROZEN: Cell = (Part("frozen  ", Tone.LIVE),)


def bindings(context: Context) -> list[Binding]:
    """Return the keys of a context as Textual wants them."""
    return [Binding(key.keys, key.does, key.label, show=False) for key in keys_of(context)]


class Line(Static):
    """A line of parts, each in its tone."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{tone}" for tone in Tone}

    def show(self, *cells: Cell) -> None:
        """Show cells, one behind the other."""
        self.show_lines([tuple(part for cell in cells for part in cell)])

    def show_lines(self, lines: Sequence[Cell]) -> None:
        """Show lines, one below the other; what does not fit is cut off with a mark."""
        end = Text("\n", no_wrap=True, overflow="ellipsis", end="")
        self.update(end.join(map(self._text, lines)))

    def _text(self, cell: Cell) -> Text:
        text = Text()
        for part in cell:
            style = self.get_component_rich_style(f"line--{part.tone}", partial=True)
            text.append(part.text, style)
        text.rstrip()  # a space beyond the width is nothing that is cut off
        return text


class Heading(Line):
    """Where one is, and that one only looks, if that is so."""

    def show(self, *cells: Cell) -> None:
        """Show cells, one behind the other."""
        app = _octobatch(self)
        only, held = ONLY_LOOKS if app.read_only else (), FROZEN if app.frozen else ()
        super().show(only, held, *cells)


class KeyBar(Widget):
    """The keys that hold here, as many as there is room for; `?` knows the rest."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keybar--key", "keybar--label"}

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._where = context

    def render(self) -> Text:
        """Return the line."""
        key, label = (self.get_component_rich_style(f"keybar--{one}") for one in ("key", "label"))
        text = Text(no_wrap=True, end="")
        for one in self._shown():
            text.append(f" {one.name}", key).append(f" {one.label} ", label)
        return text

    async def on_click(self, event: Click) -> None:
        """Do what the key does that is clicked on."""
        left = event.x
        for one in self._shown():
            if left < _takes(one):
                await self.screen.run_action(one.does)
                return
            left -= _takes(one)

    def _shown(self) -> list[Key]:
        keys = keys_of(self._where, read_only=_octobatch(self).read_only)
        return fitting(keys, self.size.width)


def fitting(keys: Sequence[Key], width: int) -> list[Key]:
    """Return the keys for which a line has room, those that lead to all others among them."""
    left = width - sum(_takes(key) for key in keys if key.action in ALWAYS)
    shown: set[str] = set(ALWAYS)
    for key in keys:
        if key.shown and not key.later and key.action not in shown and _takes(key) <= left:
            shown.add(key.action)
            left -= _takes(key)
    return [key for key in keys if key.action in shown]


def _takes(key: Key) -> int:
    return len(key.name) + len(key.label) + 3


def _octobatch(widget: Widget) -> "OctobatchApp":
    return cast("OctobatchApp", widget.app)


class Filter(Input):
    """A line to type in what is to be shown; it is there only while it is in use."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, compact=True, id="filter")
        self.display = False

    def open(self, text: str | None = None) -> None:
        """Show it, with other words in it if they are given."""
        self.display = True
        if text is not None:
            self.value = text
        self.screen.set_focus(self)  # now: `focus` does it some keys later

    def close(self) -> bool:
        """Take it away with its words; return False if it was not there."""
        if not self.display:
            return False
        self.value, self.display = "", False
        return True


class Page(Screen[None]):
    """A screen."""

    CONTEXT: ClassVar[Context]

    def compose(self) -> ComposeResult:
        yield Heading(id="heading")
        yield from self.body()
        yield KeyBar(self.CONTEXT)

    def body(self) -> ComposeResult:
        """Yield what stands between the heading and the keys."""
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:
        """Show what there is now."""
        raise NotImplementedError

    @property
    def keys(self) -> list[Key]:
        """Return the keys that hold here."""
        return keys_of(self.CONTEXT, read_only=self.octobatch.read_only)

    @property
    def heading(self) -> Heading:
        return self.query_one(Heading)

    @property
    def octobatch(self) -> "OctobatchApp":
        return _octobatch(self)

    def on_screen_resume(self) -> None:
        """Show what has come while another screen was in front."""
        self.octobatch.thaw()
        if self.octobatch.snapshot is not None:
            self.show(self.octobatch.snapshot)

    def action_back(self) -> None:
        if len(self.app.screen_stack) > 2:  # noqa: PLR2004 - Textual's own screen, and the first of ours
            self.app.pop_screen()

    def on_table_chosen(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """Show more of what the cursor is on; where nothing is, nothing happens."""

    def action_later(self, action: str) -> None:
        """Say of a key whose action is still to come what does it today."""
        key = next(key for key in keys_of(self.CONTEXT) if key.action == action)
        self.octobatch.say(f"{key.label} is not here yet. Today: {key.instead}")

    def action_help(self) -> None:
        from tui.help import Help  # it shows lines as pages do

        self.app.push_screen(Help(self.CONTEXT, read_only=self.octobatch.read_only))

    def action_command_palette(self) -> None:
        self.app.action_command_palette()

    @property
    def run_dir(self) -> Path | None:
        """Return the run that keys are about; None if there is none."""
        return None

    def action_pipelines(self) -> None:
        """Show the pipelines; where one has come from them, go back there."""
        from tui.pipelines import PipelinesPage  # it is a page itself

        if not any(isinstance(screen, PipelinesPage) for screen in self.app.screen_stack):
            self.app.push_screen(PipelinesPage())
        while not isinstance(self.app.screen, PipelinesPage):
            self.app.pop_screen()

    def action_log(self) -> None:
        from tui.file import FilePage  # it is a page itself

        if run := self._chosen_run():
            self.app.push_screen(FilePage(run, RunPaths(run).run_log.name, follow=True))

    def action_files(self) -> None:
        from tui.files import FilesPage  # it is a page itself

        if run := self._chosen_run():
            self.app.push_screen(FilesPage(run))

    def _chosen_run(self) -> Path | None:
        if self.run_dir is None:
            self.octobatch.say("There is no run here.")
        return self.run_dir

    def action_freeze(self) -> None:
        self.octobatch.freeze()

    def action_reread(self) -> None:
        self.octobatch.source.poke()

    def action_quit(self) -> None:
        self.app.exit()


class Filtered(Page):
    """A screen that shows what one types of what there is."""

    ORDERS: ClassVar[Sequence[tuple[str, Callable[[Any], Any]]]] = ()
    """What rows can be sorted by, and how; the first holds until another is chosen."""
    _sort = 0

    @property
    def main(self) -> Table:
        """Return what keys go to when nothing is typed."""
        return self.query_one(Table)

    @property
    def filter(self) -> Filter:
        return self.query_one(Filter)

    @property
    def words(self) -> str:
        """Return what is typed."""
        return self.filter.value

    def again(self) -> None:
        """Show what is there in the light of what is typed."""
        if self.octobatch.snapshot is not None:
            self.show(self.octobatch.snapshot)

    def leave(self) -> None:
        """Go back to where one came from."""
        super().action_back()

    def in_order(self, rows: Iterable[T]) -> list[T]:
        """Return rows sorted as it was chosen."""
        return sorted(rows, key=self.ORDERS[self._sort][1])

    def by(self, title: str) -> str:
        """Return the title of the first column: it says what rows are sorted by, if one chose."""
        return f"{title} ↓{self.ORDERS[self._sort][0]}" if self._sort else title

    def action_sort(self) -> None:
        self._sort = (self._sort + 1) % len(self.ORDERS)
        self.octobatch.say(f"Sorted by {self.ORDERS[self._sort][0]}.")
        self.again()

    def on_input_changed(self) -> None:
        self.again()

    def on_input_submitted(self) -> None:
        self.main.focus()

    def action_filter(self) -> None:
        self.filter.open()

    def action_back(self) -> None:
        """Show all again; where all is shown, go back."""
        if self.filter.close():
            self.main.focus()
        else:
            self.leave()
