"""Lines folded to a width: at spaces where there are any, else wherever the width ends."""

from collections.abc import Iterable, Iterator

from rich.cells import cell_len, chop_cells

from tui.paint import Cell, Part

__all__ = ["Gutter", "fold", "folded"]

LEAST_WIDTH = 8


class Gutter(Part):
    """The beginning of a line, such as its number: what is folded stands beside it, not below."""

    __slots__ = ()


def folded(lines: Iterable[Cell], width: int) -> list[Cell]:
    """Return lines as rows of at most `width` cells; an empty line is an empty row."""
    return [row for line in lines for row in _rows(line, max(LEAST_WIDTH, width))]


def fold(text: str, width: int) -> Iterator[str]:
    """Yield the pieces of a text, none wider than `width` cells; together they are the text.

    Only a space at the end of a piece may stand beyond the width: nobody sees it.
    """
    at = 0
    while at < len(text):
        pieces = chop_cells(text[at : at + width], width)
        piece = pieces[0] if pieces else text[at : at + width]  # nothing in it has a width
        if text[at + len(piece) : at + len(piece) + 1] == " ":
            piece += " "
        elif at + len(piece) < len(text):
            space = piece.rfind(" ", len(piece) // 2)
            piece = piece[: space + 1] or piece
        yield piece
        at += len(piece)


def _rows(line: Cell, width: int) -> Iterator[Cell]:
    if not any(part.text for part in line):
        yield ()
        return
    gutter = line[0] if isinstance(line[0], Gutter) else Part("")
    beside = cell_len(gutter.text)
    parts = [part for part in line if part.text and part is not gutter] or [Part(" ")]
    text = "".join(part.text for part in parts)
    for number, piece in enumerate(fold(text, max(LEAST_WIDTH, width - beside))):
        row = [Part(" " * beside) if number else gutter] if beside else list[Part]()
        left = len(piece)
        while left:
            part = parts[0]
            row.append(Part(part.text[:left], part.tone))
            rest = part.text[left:]
            left -= len(row[-1].text)
            parts = [Part(rest, part.tone), *parts[1:]] if rest else parts[1:]
        yield tuple(row)
