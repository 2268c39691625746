"""The keys that hold where one was, to search in."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.keymap import KEYS, Context, Key, keys_of
from tui.page import Line
from tui.paint import Cell, Part, Tone
from tui.table import Column, Table

__all__ = ["Help"]

COLUMNS = (Column("key", 7), Column("does", 13), Column("", 30, wide=True))


class KeyRows:
    """Keys as rows of a table."""

    def __init__(self, keys: list[Key], own: frozenset[str]) -> None:
        self.keys = keys
        self._own = own

    def __len__(self) -> int:
        return len(self.keys)

    def key(self, place: int) -> str:
        return self.keys[place].action

    def place(self, key: object) -> int | None:
        return next((place for place, one in enumerate(self.keys) if one.action == key), None)

    def cells(self, place: int) -> tuple[Cell, ...]:
        """Return a key, a cell for each of `COLUMNS`."""
        key = self.keys[place]
        tone = Tone.ACCENT if key.action in self._own else Tone.BOLD
        later = (Part(f" Not here yet: {key.instead}", Tone.DIM),) if key.later else ()
        return (Part(key.name, tone),), (Part(key.label),), (Part(key.says, Tone.DIM), *later)


class Help(ModalScreen[None]):
    """Over what one was looking at; Escape leads back there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark", "app.pop_screen", show=False),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
    ]

    def __init__(self, context: Context, *, read_only: bool = False) -> None:
        super().__init__()
        self._where = context
        self._read_only = read_only

    def compose(self) -> ComposeResult:
        with Vertical(id="help"):
            yield Line(id="title")
            yield Input(id="search", placeholder="search", compact=True)
            yield Table(COLUMNS, self._rows(""))
            yield Static(id="said")

    def on_mount(self) -> None:
        self.query_one("#title", Line).show(
            (Part("keys ", Tone.BOLD), Part(f"in {self._where}; Escape leads back", Tone.DIM))
        )
        self.on_table_moved()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one(Table).show(self._rows(event.value))
        self.on_table_moved()

    def on_table_moved(self) -> None:
        """Say in full what the key under the cursor does."""
        table = self.query_one(Table)
        chosen = (
            "".join(part.text for part in table.rows.cells(table.cursor)[2]) if table.key else ""
        )
        self.query_one("#said", Static).update(Content(chosen))

    def action_move(self, by: int) -> None:
        """Move among the keys while one types."""
        self.query_one(Table).action_move(by)

    def on_input_submitted(self) -> None:
        self.query_one(Table).focus()

    def _rows(self, text: str) -> KeyRows:
        words = text.lower().split()
        found = [
            key
            for key in keys_of(self._where, read_only=self._read_only)
            if all(word in f"{key.name} {key.label} {key.says}".lower() for word in words)
        ]
        return KeyRows(found, frozenset(key.action for key in KEYS[self._where]))
