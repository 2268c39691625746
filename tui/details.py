"""A pipeline in words: its steps as boxes and rows, their properties, what a check says of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.folder import CONFIG
from tui.boxes import Box, joined, room
from tui.findings import Finding
from tui.folders import Folder
from tui.paint import Cell, Part, Tone
from tui.places import concerning
from tui.sections import Section
from tui.table import Column

__all__ = [
    "FLOW",
    "PROPERTIES",
    "FindingRows",
    "FlowRows",
    "PropertyRows",
    "boxes",
    "checked",
    "finding_cell",
    "finding_columns",
    "sign",
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


def sign(one: Finding) -> Part:
    """Return the glyph of a finding, in its tone."""
    return WRONG if one.wrong else DOUBTFUL


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


def finding_columns(found: Sequence[Finding]) -> tuple[Column, ...]:
    """Return columns in which findings fit."""
    width = min(MOST_PLACE, max((len(one.place) for one in found), default=0))
    return Column("where", width, rank=1), Column("what the check says", 36, wide=True)


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
        return (Part(one.place),), (sign(one), Part(f" {one.message}"))


def finding_cell(one: Finding) -> Cell:
    """Return a finding in a line."""
    return (sign(one), Part(f" {one.place} ", Tone.DIM), Part(one.message))
