"""A text to read: folded to the width, of any length, only what is seen is drawn."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.fold import folded
from tui.paint import Cell, Tone

__all__ = ["Reading"]


class Reading(ScrollView, can_focus=True):
    """Lines, each of parts in their tones."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"reading--{tone}" for tone in Tone}

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: Sequence[Cell] = ()
        self._rows: list[Cell] = []
        self._width = 0
        self._sought: int | None = None

    def show(
        self, lines: Sequence[Cell], *, from_top: bool = True, sought: int | None = None
    ) -> None:
        """Show other lines; from the first one on, or where one was.

        The line that is sought, by its place among them, is in sight in any case.
        """
        self._lines = lines
        if from_top or sought is not None:
            self._sought = sought
        self._fold()
        if from_top:
            self.scroll_home(animate=False, immediate=True)
        self.call_after_refresh(self._seek)

    def _seek(self) -> None:
        """Bring the line that is sought in sight, once it is known how much is in sight."""
        if self._sought is None or not self._width:
            return
        row = len(folded(self._lines[: self._sought], self._width))
        height, top = self.scrollable_content_region.height, self.scroll_offset.y
        self._sought = None
        if not top <= row < top + height - 1:
            self.scroll_to(y=row - height // 2, animate=False, immediate=True)

    def on_resize(self) -> None:
        if self._width != self.scrollable_content_region.width:
            self._fold()
            self.call_after_refresh(self._seek)

    def _fold(self) -> None:
        self._width = self.scrollable_content_region.width
        self._rows = folded(self._lines, self._width) if self._width else []
        self.virtual_size = Size(0, len(self._rows))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        place = y + self.scroll_offset.y
        base = self.rich_style
        if place >= len(self._rows):
            return Strip.blank(self.size.width, base)
        segments = [
            Segment(text, base + self.get_component_rich_style(f"reading--{tone}", partial=True))
            for text, tone in self._rows[place]
        ]
        return Strip(segments).adjust_cell_length(self.size.width, base)
