"""A table of any size: only the lines that are seen are made."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.paint import Cell, Part, Tone

__all__ = ["GAP", "Column", "Rows", "Table", "aligned", "fit", "layout"]

GAP = 2
"""Cells between columns."""
LEAST = 4
"""Cells of the wide column where there is not even room for those that stay."""
POINTER, MARK = "▎", "◆"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: str
    width: int
    """In cells; what is left over goes to the last one that may be wider."""
    right: bool = False
    wide: bool = False
    """Whether it takes what is left over."""
    rank: int = 0
    """Where there is no room for all, those with the highest rank go first; 0 stays."""


class Rows(Protocol):
    """What a table shows."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        ...

    def cells(self, place: int) -> Sequence[Cell]:
        """Return a row, a cell for each column."""
        ...

    def key(self, place: int) -> Hashable:
        """Return what a row is known by, wherever it stands."""
        ...

    def place(self, key: Hashable) -> int | None:
        """Return where a row stands; None if it is not there."""
        ...


class Table(ScrollView, can_focus=True):
    """Rows under a heading, with a cursor that stays on its row when rows come and go."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--heading",
        "table--cursor",
        "table--marked",
        *(f"table--{tone}" for tone in Tone),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "end(-1)", show=False),
        Binding("end", "end(1)", show=False),
    ]

    cursor: reactive[int] = reactive(0)

    class Told(Message):
        """Something has happened to a table."""

        def __init__(self, table: "Table") -> None:
            super().__init__()
            self.table = table

    class Moved(Told):
        """The cursor is on another row."""

    class Chosen(Told):
        """A row was opened."""

    def __init__(self, columns: Sequence[Column], rows: Rows, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._rows = rows
        self._key: Hashable | None = None
        self.marked: set[Hashable] = set()

    # --- what it shows

    def show(self, rows: Rows, title: str | None = None) -> None:
        """Show other rows; the cursor stays on its row, or where it was; and in sight, if it was.

        A title is that of the first column from now on.
        """
        seen = self._is_in_sight
        self._rows = rows
        if title is not None:
            self._columns = (replace(self._columns[0], title=title), *self._columns[1:])
        place = None if self._key is None else rows.place(self._key)
        self.virtual_size = Size(0, len(rows) + 1)
        last = max(0, len(rows) - 1)
        self.set_reactive(Table.cursor, min(self.cursor, last) if place is None else place)
        self._key = self.key
        if seen and not self._is_in_sight:
            self._bring_in_sight()
        self.refresh()

    @property
    def _is_in_sight(self) -> bool:
        """Say whether the row under the cursor is on the screen."""
        height = self.scrollable_content_region.height - 1
        return 0 <= self.cursor - self.scroll_offset.y < height

    def _bring_in_sight(self) -> None:
        self.scroll_to_region(
            Region(0, self.cursor, 1, 2), animate=False, force=True, immediate=True
        )

    def use(self, columns: Sequence[Column]) -> None:
        """Have other columns from now on; rows that fit them are still to be shown."""
        self._columns = tuple(columns)

    @property
    def rows(self) -> Rows:
        return self._rows

    @property
    def key(self) -> Hashable | None:
        """Return what the row under the cursor is known by."""
        return self._rows.key(self.cursor) if len(self._rows) else None

    def on_mount(self) -> None:
        self.show(self._rows)

    # --- moving

    def go_to(self, place: int) -> None:
        """Put the cursor on a row."""
        self.cursor = max(0, min(place, len(self._rows) - 1))

    def watch_cursor(self) -> None:
        self._key = self.key
        self._bring_in_sight()
        self.refresh()
        self.post_message(self.Moved(self))

    def action_move(self, by: int) -> None:
        self.go_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        self.go_to(self.cursor + by * max(1, self.size.height - 2))

    def action_end(self, which: int) -> None:
        self.go_to(0 if which < 0 else len(self._rows) - 1)

    def on_click(self, event: Click) -> None:
        place = event.y - 1 + self.scroll_offset.y
        if event.y == 0 or place >= len(self._rows):
            return
        if place == self.cursor:
            self.post_message(self.Chosen(self))
        self.go_to(place)

    # --- drawing

    def columns(self) -> list[tuple[int, Column, int]]:
        """Return the columns that there is room for: their place, themselves, their width."""
        return layout(self._columns, self.scrollable_content_region.width)

    def width_of(self, title: str) -> int:
        """Return how wide a column is now."""
        return next((width for _, column, width in self.columns() if column.title == title), 0)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._heading().adjust_cell_length(width, self.rich_style)
        place = y - 1 + self.scroll_offset.y
        if place >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return self._line(place)

    def _heading(self) -> Strip:
        style = self.rich_style + self._style("table--heading")
        segments = [Segment(" ", style)]
        for number, (_, column, width) in enumerate(self.columns()):
            title = set_cell_size(column.title, width)
            if column.right:
                title = column.title.rjust(width)[:width]
            segments.append(Segment((" " * GAP if number else "") + title, style))
        return Strip(segments)

    def _line(self, place: int) -> Strip:
        here = place == self.cursor
        base = self.rich_style
        if here:
            base += self._style("table--cursor")
        elif self._rows.key(place) in self.marked:
            base += self._style("table--marked")
        cells = self._rows.cells(place)
        pointer = POINTER if here and self.has_focus else " "
        if self._rows.key(place) in self.marked:
            pointer = MARK
        segments = [Segment(pointer, base + self._style("table--accent"))]
        for number, (at, column, width) in enumerate(self.columns()):
            if number:
                segments.append(Segment(" " * GAP, base))
            segments += self._cell(cells[at], width, base, right=column.right)
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _cell(self, cell: Cell, width: int, base: Style, *, right: bool) -> list[Segment]:
        return [
            Segment(text, base + self._style(f"table--{tone}"))
            for text, tone in aligned(cell, width, right=right)
        ]

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name, partial=True)


def layout(columns: Sequence[Column], width: int) -> list[tuple[int, Column, int]]:
    """Return the columns that there is room for: their place, themselves, their width."""
    there = list(enumerate(columns))
    while len(there) > 1 and _needed(there) > width:
        worst = max(there, key=lambda one: one[1].rank)
        if worst[1].rank == 0:
            break
        there.remove(worst)
    spare = width - _needed(there)
    wide = [place for place, column in there if column.wide]
    return [
        (place, column, max(LEAST, column.width + (spare if wide[-1:] == [place] else 0)))
        for place, column in there
    ]


def _needed(there: Sequence[tuple[int, Column]]) -> int:
    return 1 + sum(column.width for _, column in there) + GAP * (len(there) - 1)


def aligned(cell: Cell, width: int, *, right: bool) -> Cell:
    """Return a cell as wide as it is to be."""
    fitted = fit(cell, width)
    blank = Part(" " * (width - sum(cell_len(part.text) for part in fitted)))
    return (blank, *fitted) if right else (*fitted, blank)


def fit(cell: Cell, width: int) -> Cell:
    """Return as much of a cell as there is room for, with a mark where something is cut off."""
    if sum(cell_len(part.text) for part in cell) <= width:
        return cell
    parts: list[Part] = []
    left = width - 1
    for text, tone in cell:
        piece = text if cell_len(text) <= left else set_cell_size(text, left)
        parts.append(Part(piece, tone))
        left -= cell_len(piece)
        if left <= 0:
            break
    return (*parts, Part("…", Tone.DIM)) if width > 0 else ()
