"""How things are written: words, numbers and bars, each with a tone besides."""

import re
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from runs import Liveness
from tui.clean import clean
from tui.snapshot import RunRow, StepView

__all__ = [
    "AT_WORK",
    "Cell",
    "Part",
    "Tone",
    "bar",
    "big",
    "cost",
    "crumbs",
    "logged",
    "share",
    "share_of",
    "sized",
    "span",
    "state",
    "step_bar",
    "stopping",
]


class Tone(StrEnum):
    """What a piece of text means; a theme gives it a colour."""

    PLAIN = "plain"
    DIM = "dim"
    BOLD = "bold"
    GOOD = "good"
    SOFT = "soft"
    """A model said what does not pass."""
    BAD = "bad"
    """A fault on the way."""
    LIVE = "live"
    """Under way."""
    ACCENT = "accent"


class Part(NamedTuple):
    """A piece of text in one tone."""

    text: str
    tone: Tone = Tone.PLAIN


Cell: TypeAlias = tuple[Part, ...]

AT_WORK = frozenset({Liveness.ACTIVE, Liveness.DEFERRED, Liveness.STUCK})
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FULL, PARTLY, EMPTY = "━", "╍", "─"
A_MINUTE, AN_HOUR, A_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TINY = Decimal("0.0001")
_STAMP = re.compile(r"\d{4}-(\d\d-\d\dT\d\d:\d\d:\d\d)[\d.]*Z ")
THOUSAND, MILLION = 1_000, 1_000_000


def big(number: int) -> str:
    """Return a number in five characters at most: 999, 9,999, 12.3k, 4.5M."""
    if number < 10 * THOUSAND:
        return f"{number:,}"
    if number < MILLION - THOUSAND / 2:
        return f"{number / THOUSAND:.{1 if number < 100 * THOUSAND else 0}f}k"
    return f"{number / MILLION:.{1 if number < 100 * MILLION else 0}f}M"


def cost(usd: Decimal | None, *, emulated: bool = False) -> str:
    """Return what something has cost: in brackets if nothing was paid, a dash if nobody knows."""
    if usd is None:
        return "–"  # noqa: RUF001
    digits = 2 if usd >= 1 or usd == 0 else 4 if usd >= TINY else 6
    words = f"${usd:,.{digits}f}"
    return f"({words})" if emulated else words


def span(time: timedelta) -> str:
    """Return a span of time in one or two units: 42 s, 9 min, 1 h 20, 2 d 3 h."""
    seconds = max(0, int(time.total_seconds()))
    if time < A_MINUTE:
        return f"{seconds} s"
    minutes, hours = seconds // 60, seconds // 3600
    if time < AN_HOUR:
        return f"{minutes} min"
    if time < A_DAY:
        return f"{hours} h {minutes % 60:02}"
    return f"{hours // 24} d {hours % 24} h"


def sized(size: int) -> str:
    """Return a number of bytes in at most seven characters: 812 B, 12.3 kB, 4.5 MB."""
    number, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):  # noqa: B007 - the last one holds whatever is left
        if number < THOUSAND:
            break
        number /= THOUSAND
    return f"{size} B" if unit == "B" else f"{number:.1f} {unit}"


def logged(line: str) -> Cell:
    """Return a line of a log: when, in UTC and to the second, what, and what is known of it."""
    stamp = _STAMP.match(line)
    if stamp is None:
        return (Part(line),)
    what, _, more = line[stamp.end() :].partition(" ")
    return Part(f"{stamp[1]}Z ", Tone.DIM), Part(f"{what} ", Tone.BOLD), Part(more)


def crumbs(*places: str) -> Cell:
    """Return where one is."""
    return (
        Part("octobatch", Tone.ACCENT),
        *(Part(f" › {clean(place)}", Tone.BOLD) for place in places),  # noqa: RUF001
        Part("   "),
    )


def share(row: RunRow) -> float:
    """Return how far a run is, 0 to 1; one that is at its end is through, whatever failed."""
    return 1.0 if row.liveness is Liveness.COMPLETE else row.progress


def share_of(row: RunRow) -> str:
    """Return how far a run is, in whole percent."""
    return f"{int(share(row) * 100)}%"


def bar(width: int, *shares: tuple[float, Tone]) -> Cell:
    """Return a bar, its shares (0 to 1, one behind the other) in their tones.

    What is there at all has one cell at least, and nothing is full before it is.
    """
    parts: list[Part] = []
    left = width
    for share, tone in shares:
        cells = min(left, max(int(share * width + 0.5), 1 if share > 0 else 0))
        if cells == width and share < 1:
            cells -= 1
        if cells:
            parts.append(Part((PARTLY if tone in _MOVING else FULL) * cells, tone))
            left -= cells
    return (*parts, Part(EMPTY * left, Tone.DIM)) if left else tuple(parts)


_MOVING = frozenset({Tone.LIVE, Tone.ACCENT})


def step_bar(step: StepView, width: int) -> Cell:
    """Return how far a step is: what passed, is under way, asked again, and failed in both ways."""
    due = max(step.due, step.counts.units, 1)
    soft, hard = step.counts.lost - step.counts.hard, step.counts.hard
    return bar(
        width,
        (step.counts.units_passed / due, Tone.GOOD),
        ((step.in_flight + step.processing) / due, Tone.LIVE),
        (step.retrying / due, Tone.ACCENT),
        (soft / due, Tone.SOFT),
        (hard / due, Tone.BAD),
    )


def state(row: RunRow, frame: int = 0) -> Cell:
    """Return the state of a run in a glyph and a word, and what there is to know of it."""
    glyph, word, tone = _states(row, SPINNER[frame % len(SPINNER)])
    more = _more(row)
    return (Part(f"{glyph} {word}", tone), *((Part(f" {more}", Tone.DIM),) if more else ()))


def stopping(row: RunRow) -> str | None:
    """Return how an active run is about to stop; None if it goes on."""
    if row.liveness is not Liveness.ACTIVE or not row.reason:
        return None
    return "cancelling" if row.reason == Liveness.CANCELLED else "pausing"


def _states(row: RunRow, spinner: str) -> tuple[str, str, Tone]:
    if row.liveness is Liveness.ACTIVE:
        if word := stopping(row):
            return spinner, word, Tone.SOFT
        return spinner, "active", Tone.GOOD
    if row.liveness is Liveness.COMPLETE and row.failed:
        return "✓", f"complete, {big(row.failed)} failed", Tone.BAD if row.hard else Tone.SOFT
    glyph, tone = _STATES[row.liveness]
    return glyph, row.liveness.value, tone


_STATES = {
    Liveness.PENDING: ("·", Tone.DIM),
    Liveness.DEFERRED: ("◷", Tone.LIVE),
    Liveness.DETACHED: ("◌", Tone.SOFT),
    Liveness.STUCK: ("!", Tone.BAD),
    Liveness.PAUSED: ("‖", Tone.SOFT),
    Liveness.COMPLETE: ("✓", Tone.GOOD),
    Liveness.FAILED: ("✗", Tone.BAD),
    Liveness.CANCELLED: ("⊘", Tone.DIM),
}


def _more(row: RunRow) -> str:
    if row.trouble and row.liveness is not Liveness.DETACHED:
        return row.trouble
    match row.liveness:
        case Liveness.DEFERRED if row.waiting is not None:
            return f"next look {row.waiting.until:%H:%M} UTC"
        case Liveness.DETACHED:
            return "remote work may be fine, R goes on"
        case Liveness.ACTIVE:
            return f"at {row.step}" if row.step else ""
        case Liveness.PAUSED | Liveness.FAILED:
            return row.reason or ""
        case _:
            return ""
