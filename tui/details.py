"""A pipeline in words: its steps as boxes and rows, their properties, what a check says of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.folder import CONFIG
from tui.boxes import Box, joined, room
from tui.findings import Finding
from tui.fold import Gutter
from tui.folders import Folder
from tui.paint import Cell, Part, Tone
from tui.sections import Property, Section
from tui.syntax import coloured
from tui.table import Column

__all__ = [
    "FLOW",
    "PROPERTIES",
    "FindingRows",
    "FlowRows",
    "PropertyRows",
    "boxes",
    "checked",
    "concerning",
    "file_lines",
    "finding_cell",
    "finding_columns",
    "finding_lines",
    "place_of",
    "property_lines",
    "sought",
    "text_of",
]

FLOW = (
    Column("step", 22),
    Column("does", 22, wide=True),
    Column("template", 18, rank=2),
    Column("schema", 16, rank=3),
    Column("rules", 5, right=True, rank=4),
    Column("back to", 12, rank=5),
    Column("check", 7, rank=1),
)
PROPERTIES = (Column("property", 17), Column("value", 12, wide=True))
FINDINGS = (
    Column("", 1),
    Column("where", 30, rank=1),
    Column("what the check says", 30, wide=True),
)
WRONG, DOUBTFUL = Part("✗", Tone.BAD), Part("!", Tone.SOFT)
MOST_PLACE = 34
"""Cells for where a finding is."""
AROUND = 3
"""Lines before and behind that of a finding."""
MOST_IN_A_LINE = 4_000
"""Characters: what is longer nobody reads here."""
MOST_LINES = 2_000
"""Of a text beside others; on its own it is shown whole."""


def checked(wrong: int, doubtful: int) -> Cell:
    """Return what a check came to, in a glyph and words."""
    told: list[Part] = []
    if wrong:
        told.append(Part(f"✗ {wrong:,} wrong", Tone.BAD))
    if doubtful:
        told.append(Part(f"! {doubtful:,} doubtful", Tone.SOFT))
    if len(told) > 1:
        told.insert(1, Part(" "))
    return tuple(told) or (Part("✓ fine", Tone.GOOD),)


def _check(wrong: int, doubtful: int) -> Cell:
    """Return what a check came to, in glyphs and numbers."""
    told = [Part(f"✗ {wrong}", Tone.BAD)] if wrong else []
    told += [Part(f"{' ' if wrong else ''}! {doubtful}", Tone.SOFT)] if doubtful else []
    return tuple(told) or (Part("✓", Tone.GOOD),)


def boxes(folder: Folder, width: int, chosen: int) -> list[Cell]:
    """Return the lines of the flow as boxes, the whole first; none if they do not fit."""
    sections = folder.sections
    if not room(len(sections), width):
        return []
    drawn = [
        Box(section.name, _flag(folder.of(place)), _in_a_box(section, place), place == chosen)
        for place, section in enumerate(sections)
    ]
    return joined(drawn, width)


def _in_a_box(section: Section, place: int) -> tuple[Cell, ...]:
    said = {one.name: one.value for one in section.properties}
    if place == 0:
        told = (
            said.get("items_source", "items named at the start"),
            said.get("units", "each item is a unit").removeprefix("strategy: "),
            f"chunks of {said.get('chunk_size', '100')}",
            said.get("description", ""),
        )
        return tuple((Part(one, Tone.DIM),) for one in told)
    return (
        (Part(section.asks, Tone.LIVE),),
        (Part(said.get("template") or said.get("expressions") or said.get("script") or ""),),
        (Part(said.get("output_schema", "")), *_counted(section)),
        (Part(_turns(said), Tone.SOFT),),
    )


def _counted(section: Section) -> Cell:
    rules = _rules(section)
    if not rules:
        return ()
    joint = " · " if section.get("output_schema") else ""
    return (Part(f"{joint}{rules} rule{'s' * (rules > 1)}", Tone.DIM),)


def _rules(section: Section) -> int:
    rules = section.get("rules")
    return rules.entries if rules is not None else 0


def _turns(said: dict[str, str]) -> str:
    """Return where units go that do not simply go on."""
    if "retry_step" in said:
        return f"↩ {said['retry_step']}"
    if "loop_until" in said:
        return f"↻ until {said['loop_until']}"
    return f"if {said['when']}" if "when" in said else ""


def _flag(found: Sequence[Finding]) -> Part:
    if any(one.wrong for one in found):
        return Part(" ✗", Tone.BAD)
    return Part(" !", Tone.SOFT) if found else Part("")


def _mark(found: Sequence[Finding]) -> Part:
    flag = _flag(found)
    return Part(f"{flag.text.strip() or ' '} ", flag.tone)


@dataclass(frozen=True)
class FlowRows:
    """The whole and its steps as rows of a table."""

    folder: Folder

    def __len__(self) -> int:
        return len(self.folder.sections)

    def key(self, place: int) -> int:
        return place

    def place(self, key: object) -> int | None:
        return key if isinstance(key, int) and key < len(self) else None

    def cells(self, place: int) -> tuple[Cell, ...]:
        """Return a section, a cell for each of `FLOW`."""
        section, found = self.folder.sections[place], self.folder.of(place)
        said = {one.name: one.value for one in section.properties}
        wrong = sum(one.wrong for one in found)
        rules = _rules(section)
        if place == 0:
            does = (Part(said.get("description", "the pipeline as a whole"), Tone.DIM),)
        else:
            does = (Part(section.asks, Tone.LIVE),)
        name = (Part("" if place == 0 else "▸ ", Tone.DIM), Part(section.name, Tone.BOLD))
        return (
            name,
            does,
            (Part(said.get("template", said.get("items_source", ""))),),
            (Part(said.get("output_schema", "")),),
            (Part(f"{rules}") if rules else Part("·", Tone.DIM),),
            (Part(said.get("retry_step", "")),),
            _check(wrong, len(found) - wrong),
        )


@dataclass(frozen=True)
class PropertyRows:
    """The properties of a section as rows of a table; the last one is the file they stand in."""

    folder: Folder
    at: int
    """The section's place."""

    @property
    def section(self) -> Section:
        return self.folder.sections[self.at]

    def __len__(self) -> int:
        return len(self.section.properties) + 1

    def key(self, place: int) -> str:
        own = self.section.properties
        return own[place].name if place < len(own) else CONFIG

    def place(self, key: object) -> int | None:
        return next((place for place in range(len(self)) if self.key(place) == key), None)

    def cells(self, place: int) -> tuple[Cell, ...]:
        """Return a property, a cell for each of `PROPERTIES`."""
        own = self.section.properties
        if place == len(own):
            lines = self.folder.config.text.count("\n")
            found = concerning(self.folder, self.at, None)
            said = (Part(f"{lines:,} lines", Tone.DIM),)
            return (_mark(found), Part(CONFIG, Tone.DIM)), said
        one = own[place]
        found = concerning(self.folder, self.at, one)
        tone = Tone.DIM if one.source else Tone.PLAIN
        source = Part(f"  {one.source}", Tone.DIM) if one.source else Part("")
        return (_mark(found), Part(one.name, tone)), (Part(one.value, tone), source)


def concerning(folder: Folder, place: int, one: Property | None) -> list[Finding]:
    """Return what is found of a property and of the file that it names; of none, what is left."""
    if one is not None:
        key, file = one.name, one.file
        told = folder.of(place)
        return [f for f in told if f.file == file or (f.file == CONFIG and f.key == key)]
    known = {prop.name for prop in folder.sections[place].properties}
    return [f for f in folder.of(place) if f.file == CONFIG and f.key not in known]


def finding_columns(found: Sequence[Finding]) -> tuple[Column, ...]:
    """Return columns in which findings fit."""
    width = min(MOST_PLACE, max((len(one.place) for one in found), default=0))
    return (
        Column("", 1),
        Column("where", max(width, 5), rank=1),
        Column("what the check says", 30, wide=True),
    )


@dataclass(frozen=True)
class FindingRows:
    """What a check says as rows of a table."""

    found: Sequence[Finding]

    def __len__(self) -> int:
        return len(self.found)

    def key(self, place: int) -> Finding:
        return self.found[place]

    def place(self, key: object) -> int | None:
        return next((place for place, one in enumerate(self.found) if one == key), None)

    def cells(self, place: int) -> tuple[Cell, ...]:
        """Return a finding, a cell for each of its columns."""
        one = self.found[place]
        return (WRONG if one.wrong else DOUBTFUL,), (Part(one.place),), (Part(one.message),)


def finding_cell(one: Finding) -> Cell:
    """Return a finding in a line."""
    return (WRONG if one.wrong else DOUBTFUL, Part(f" {one.place} ", Tone.DIM), Part(one.message))


def finding_lines(folder: Folder, one: Finding) -> list[Cell]:
    """Return a finding in full, and the lines around it."""
    glyph, tone = WRONG if one.wrong else DOUBTFUL
    lines: list[Cell] = [(Part(one.place, Tone.BOLD),), (Part(f"{glyph} {one.message}", tone),)]
    text = text_of(folder, one.file)
    if text is None or one.line is None:
        return lines
    first = max(1, one.line - AROUND)
    around = "\n".join(text.splitlines()[first - 1 : one.line + AROUND])
    return [*lines, (), *_numbered(around, first, (one,), file=one.file, told=False)]


def text_of(folder: Folder, name: str) -> str | None:
    """Return what a file of a pipeline says, as far as it was read."""
    file = folder.config if name == CONFIG else folder.files.get(name)
    return file.text if file is not None else None


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
    file = folder.config if name == CONFIG else folder.files.get(name)
    if file is None:
        return [(Part("It is not read here.", Tone.DIM),)]
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
    glyph, tone = WRONG if one.wrong else DOUBTFUL
    return Told(f"{indent}{glyph} ", tone), Part(one.message, tone)
