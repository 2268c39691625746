"""The units of a run as rows of a table, however many: each with its way through the steps."""

from dataclasses import dataclass

from tui.clean import clean
from tui.filters import Selection
from tui.paint import Cell, Part, Tone
from tui.table import Column
from tui.units import UnitIndex, UnitState

__all__ = ["UnitRows", "columns", "glyph", "standing"]

MOST_STEPS = 24

_GLYPHS = {
    UnitState.NOT_HERE: (" ", Tone.DIM),
    UnitState.WAITING: ("·", Tone.DIM),
    UnitState.IN_BATCH: ("◷", Tone.LIVE),
    UnitState.ANSWERED: ("○", Tone.LIVE),
    UnitState.RETRYING: ("↻", Tone.ACCENT),
    UnitState.PASSED: ("✓", Tone.GOOD),
    UnitState.SKIPPED: ("–", Tone.DIM),  # noqa: RUF001
    UnitState.SENT_BACK: ("◂", Tone.ACCENT),
    UnitState.FAILED: ("✗", Tone.SOFT),
    UnitState.FAILED_BY_FAULT: ("✗", Tone.BAD),
}


def columns(steps: int) -> tuple[Column, ...]:
    """Return the columns of the units of a run of so many steps."""
    return (
        Column("unit", 26, wide=True),
        Column("chunk", 18, rank=3),
        Column("steps", max(5, min(steps, MOST_STEPS)), rank=2),
        Column("state", 28),
    )


def glyph(state: UnitState) -> Part:
    """Return how a unit stands at a step, in one cell."""
    return Part(*_GLYPHS[state])


def standing(step: str, state: UnitState) -> Cell:
    """Return how a unit stands, in words."""
    told, tone = _GLYPHS[state]
    return Part(f"{told} ", tone), Part(f"{state.word} ", tone), Part(f"at {clean(step)}", Tone.DIM)


@dataclass(frozen=True)
class UnitRows:
    """Units that were chosen; how they stand is read from the index as they are drawn."""

    index: UnitIndex
    chosen: Selection

    def __len__(self) -> int:
        return len(self.chosen.units)

    def key(self, place: int) -> int:
        return self.chosen.units[place]

    def place(self, key: object) -> int | None:
        return self.chosen.place(key) if isinstance(key, int) else None

    def cells(self, place: int) -> tuple[Cell, ...]:
        """Return a unit, a cell for each of `columns`."""
        unit = self.chosen.units[place]
        step, state = self.index.standing(unit)
        steps = self.index.steps[:MOST_STEPS]
        return (
            (Part(clean(self.index.id_of(unit))),),
            (Part(clean(self.index.chunk_of(unit)), Tone.DIM),),
            tuple(glyph(self.index.state_of(unit, name)) for name in steps),
            standing(step, state),
        )
