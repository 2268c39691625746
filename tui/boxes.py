"""Boxes joined by arrows, as far as they fit beside one another."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tui.paint import Cell, Part, Tone
from tui.table import fit

__all__ = ["Box", "joined", "room"]

LEAST_WIDTH = 20
MOST_WIDTH = 34
ARROW = "─▶"


@dataclass(frozen=True, slots=True)
class Box:
    """What stands in a box."""

    title: str
    flag: Part
    """Behind the title; may be empty."""
    lines: tuple[Cell, ...]
    """As many as those of the boxes beside it."""
    chosen: bool = False


def room(boxes: int, width: int) -> int:
    """Return how many cells there are inside of each box; 0 if so many do not fit."""
    each = (width - len(ARROW) * (boxes - 1)) // max(1, boxes)
    return min(each, MOST_WIDTH) - len("│  │") if each >= LEAST_WIDTH else 0


def joined(boxes: Sequence[Box], width: int) -> list[Cell]:
    """Return the lines of boxes joined by arrows; none if they do not fit."""
    inner = room(len(boxes), width)
    if not inner or not boxes:
        return []
    drawn = [_drawn(box, inner) for box in boxes]
    lines: list[Cell] = []
    for number in range(len(drawn[0])):
        joint = Part(ARROW if number == len(drawn[0]) // 2 - 1 else " " * len(ARROW), Tone.DIM)
        line: list[Part] = []
        for place, box in enumerate(drawn):
            line += ([joint] if place else []) + list(box[number])
        lines.append(tuple(line))
    return lines


def _drawn(box: Box, inner: int) -> list[Cell]:
    edge = Tone.ACCENT if box.chosen else Tone.DIM
    name = fit((Part(box.title, Tone.BOLD),), inner - 2 - cell_len(box.flag.text))
    top = (Part(" "), *name, box.flag, Part(" "))
    line = "─" * (inner + 1 - sum(cell_len(part.text) for part in top))
    lines: list[Cell] = [(Part("╭─", edge), *top, Part(f"{line}╮", edge))]
    for cell in box.lines:
        fitted = fit(cell, inner)
        blank = " " * (inner - sum(cell_len(part.text) for part in fitted))
        lines.append((Part("│ ", edge), *fitted, Part(f"{blank} │", edge)))
    lines.append((Part("╰" + "─" * (inner + 2) + "╯", edge),))
    return lines
