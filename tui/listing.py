"""Texts of a pipeline, line by line: with numbers, colours, and what a check says of each."""

from collections.abc import Iterator, Sequence

from pipelines.folder import CONFIG
from tui.details import sign
from tui.findings import Finding
from tui.fold import Gutter
from tui.folders import Folder
from tui.paint import Cell, Part, Tone
from tui.places import concerning
from tui.syntax import coloured

__all__ = ["file_lines", "finding_lines", "place_of", "property_lines", "sought"]

AROUND = 3
"""Lines before and behind that of a finding."""
MOST_IN_A_LINE = 4_000
"""Characters: what is longer nobody reads here."""
MOST_LINES = 2_000
"""Of a text beside others; on its own it is shown whole."""


def finding_lines(folder: Folder, one: Finding) -> list[Cell]:
    """Return a finding in full, and the lines around it."""
    glyph, tone = sign(one)
    lines: list[Cell] = [(Part(one.place, Tone.BOLD),), (Part(f"{glyph} {one.message}", tone),)]
    text = folder.text(one.file)
    if text is None or one.line is None:
        return lines
    first = max(1, one.line - AROUND)
    around = "\n".join(text.text.splitlines()[first - 1 : one.line + AROUND])
    return [*lines, (), *_numbered(around, first, (one,), file=one.file, told=False)]


def property_lines(folder: Folder, place: int, name: str) -> list[Cell]:
    """Return all there is to read of a property: what it means, how it stands, and its file."""
    one = folder.sections[place].get(name)
    if one is None:
        return [(Part(CONFIG, Tone.BOLD),), *file_lines(folder, CONFIG)]
    lines: list[Cell] = [(Part(one.name, Tone.BOLD), Part(f"  {one.says or ''}", Tone.DIM)), ()]
    found = concerning(folder, place, one)
    here = [f for f in found if f.file == CONFIG]
    if one.yaml and (here or one.file is None):
        lines += _numbered(one.yaml, one.line or 1, here)
        lines.append(())
    if one.file is not None:
        lines += [(Part(one.file, Tone.BOLD),), *file_lines(folder, one.file)]
    return lines


def file_lines(folder: Folder, name: str, most: int | None = MOST_LINES) -> list[Cell]:
    """Return a file of a pipeline, with what a check says of it where it says it."""
    file = folder.text(name)
    if file is None:
        return [(Part("It is no part of the pipeline.", Tone.DIM),)]
    lines: list[Cell] = []
    if file.trouble:
        lines.append((Part(f"✗ {file.trouble}", Tone.BAD),))
    found = [one for one in folder.findings if one.file == name]
    return lines + list(_numbered(file.text, 1, found, file=name, most=most))


def place_of(lines: Sequence[Cell], number: int) -> int | None:
    """Return the place of the line with a number."""
    said = f"{number:,}"
    return next((n for n, line in enumerate(lines) if line and line[0].text.strip() == said), None)


def sought(lines: Sequence[Cell]) -> int | None:
    """Return the place of the first line that tells of what is found, if one does."""
    return next((n for n, line in enumerate(lines) if line and isinstance(line[0], Told)), None)


class Told(Gutter):
    """Begins a line that tells of what is found."""

    __slots__ = ()


def _numbered(
    text: str,
    first: int,
    found: Sequence[Finding],
    *,
    file: str = CONFIG,
    most: int | None = None,
    told: bool = True,
) -> Iterator[Cell]:
    """Yield lines with their numbers, and below each what is found of it."""
    lines = text.splitlines()
    last = first + len(lines) - 1
    by_line: dict[int, list[Finding]] = {}
    for one in found:
        if one.line is not None and first <= one.line <= last:
            by_line.setdefault(one.line, []).append(one)
        else:
            yield _told(one, "")
    width = len(f"{last:,}")
    for number, line in enumerate(lines[:most], first):
        here = by_line.get(number, [])
        tone = Tone.DIM if not here else Tone.BAD if any(f.wrong for f in here) else Tone.SOFT
        yield (Gutter(f"{number:>{width},} ", tone), *_shortened(line, file))
        for one in here if told else ():
            yield _told(one, " " * (width + 1))
    if most is not None and len(lines) > most:
        yield (Part(f"… {len(lines) - most:,} more lines: V shows all", Tone.DIM),)


def _shortened(line: str, file: str) -> Cell:
    more = len(line) - MOST_IN_A_LINE
    if more <= 0:
        return coloured(line, file)
    return Part(line[:MOST_IN_A_LINE]), Part(f"… {more:,} more characters", Tone.DIM)


def _told(one: Finding, indent: str) -> Cell:
    glyph, tone = sign(one)
    return Told(f"{indent}{glyph} ", tone), Part(one.message, tone)
