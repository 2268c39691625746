"""What Otto says: one line, never more than is known, and no key that does nothing. Pure."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from runs import Liveness, lasting
from runs.counts import ANSWERED
from tui.diff import ChunkMoved, Event, Outcome, Retried, UnitsFailed
from tui.fold import fold
from tui.keymap import Context, keys_of
from tui.paint import big, cost, span, stopping
from tui.snapshot import Reason, RunDetail, RunRow, StepView

__all__ = ["CELLS", "Trouble", "all_passed", "asleep", "balanced", "hurt", "idle", "news"]
__all__ += ["some_failed", "trouble", "wait", "worry", "worst"]

CELLS = 52
"""No line is wider: with his face before it, it stands on a screen of 60 columns."""
LEAST_ASKED, MUCH = 20, 0.15
"""From so many on a share counts, and from so large a share it is worth a word."""
HALF_OR_SO = 0.4
"""From here on "1 in so many" would be too coarse."""
NAMES = MappingProxyType({"anthropic": "Claude", "openai": "OpenAI", "gemini": "Gemini"})


class Trouble(NamedTuple):
    """A step that lets few units through."""

    step: str
    does: str
    """What it does to them: rejects, asks again, fails."""
    share: float
    """Of units, or of askings, 0 to 1."""
    times: int
    """How often it did so."""


def worst(run: RunDetail) -> Trouble | None:
    """Return the greatest trouble there is, if it is any."""
    there = [trouble for step in run.steps for trouble in _troubles(step)]
    return max(there, key=lambda one: one.share, default=None)


def trouble(run: RunDetail) -> str | None:
    """Return the step that gives most trouble: by how it went lately, or by what failed in all."""
    if (bad := worst(run)) is not None:
        return bad.step
    lost = max(run.steps, key=lambda step: step.counts.lost, default=None)
    return lost.name if lost is not None and lost.counts.lost else None


def _troubles(step: StepView) -> list[Trouble]:
    counts = step.counts
    rejected = counts.lost - counts.hard + counts.returned
    settled = counts.passed - counts.skipped + counts.lost + counts.returned
    parts = (
        ("rejects", rejected, settled),
        ("fails", counts.hard, settled),
        ("asks again", counts.retries, counts.attempts),
    )
    return [
        Trouble(step.name, does, part / whole, part)
        for does, part, whole in parts
        if whole >= LEAST_ASKED and part / whole >= MUCH
    ]


# --- a line for each mood


def hurt(row: RunRow, *, read_only: bool) -> str:
    """Return what ended a run, or who is missed."""
    match row.liveness:
        case Liveness.FAILED:
            why = _sentence(row.reason or row.trouble or "its log may say why")
            said = f"Stopped{_at(row)}: {why}"
        case Liveness.STUCK:
            return _line(_sentence(row.trouble or "Its process lives, but is not heard of"))
        case _:
            said = _sentence(row.trouble or "Nobody works on it; remote work may be fine")
    return _line(said, _goes_on(read_only=read_only))


def asleep(row: RunRow, *, read_only: bool) -> str:
    """Return why nothing is to happen."""
    match row.liveness:
        case Liveness.PENDING:
            return _line(f"Not begun yet: {_units(row.units)}.")
        case Liveness.CANCELLED:
            passed = f", {big(row.valid)} passed" if row.valid else ""
            return _line(f"Given up{_at(row)}{passed}.")
        case _:
            why = _sentence(row.reason) if row.reason else ""
            passed = f", {big(row.valid)} passed" if row.valid else ""
            said = f"Paused{_at(row)}{passed}."
            return _line(said, why, _goes_on(read_only=read_only))


def all_passed(row: RunRow) -> str:
    """Return that all is well, if nothing is missing either."""
    if row.valid < row.units or not row.units:
        return _line(f"Done: {big(row.valid)} of {_units(row.units)}.")
    took = f"{span(row.updated - row.created)}{_paid(row.cost_usd, emulated=row.emulate)}."
    return _line("All done! Everything passed.", took)


def some_failed(run: RunDetail) -> str:
    """Return how many failed, and what most of them broke."""
    row, why = run.row, next(iter(run.reasons), None)
    done = f"Done: {big(row.valid)} of {big(row.units)}"
    if why is not None:
        for said in (f"Most often at {why.step}: {_said(why)}", f"{why.step}: {_said(why)}"):
            if cell_len(f"{done}. {said}") <= CELLS:
                return _line(f"{done}. {said}")
    return _line(f"{done}, {big(row.failed)} failed.")


def worry(run: RunDetail) -> str:
    """Return which step lets few units through, and why."""
    bad = worst(run)
    assert bad is not None, "somebody worries"
    often = f"1 in {round(1 / bad.share)}" if bad.share < HALF_OR_SO else f"{bad.share:.0%}"
    said = f"{bad.step} {bad.does} {often}"
    by_answer = bad.does != "fails"
    mine = (why for why in run.reasons if why.step == bad.step)
    why = next((why for why in mine if (why.failure in ANSWERED) is by_answer), None)
    explains = why is not None and why.units >= bad.times / 2  # most were sent back otherwise
    return _line(f"{said}: {_said(why)}" if why is not None and explains else f"{said}.")


def wait(run: RunDetail) -> str:
    """Return for whom one waits, for how long, and how long that takes as a rule."""
    if (word := stopping(run.row)) is not None:
        return _line(f"{word.capitalize()}{_at(run.row)}…")
    until = run.row.waiting.until if run.row.waiting is not None else None
    look = f"Next look {until:%H:%M} UTC." if until is not None else ""
    if not run.waits:
        return _line(look or "Waiting to be woken.")
    longest = max(run.waits, key=lambda one: one.age)
    who = NAMES.get(longest.provider, longest.provider)
    who = f"{who}, emulated" if run.row.emulate else who
    usual = f" (usual {_short(longest.usual, longest.age)})" if longest.usual is not None else ""
    return _line(f"Waiting for {who}, {lasting(longest.age)}{usual}.", look)


def idle(run: RunDetail) -> str:
    """Return that it goes on, and how many calls are under way."""
    flying = sum(step.in_flight for step in run.steps)
    return _line("Otto is orchestrating…", f"{big(flying)} under way." if flying else "")


def news(events: Iterable[Event]) -> str | None:
    """Return what has happened most; None if nothing has that one could tell."""
    moved, failed, again = Counter[tuple[str, str]](), Counter[str](), Counter[str]()
    through = 0
    for event in events:
        match event:
            case ChunkMoved(step=step, to=str(to), units=units):
                moved[step, to] += units
            case ChunkMoved(outcome=Outcome.PASSED, units=units):
                through += units
            case UnitsFailed(step=step, n=n):
                failed[step] += n
            case Retried(step=step, n=n):
                again[step] += n
            case _:
                continue
    if moved:
        ((step, to), units) = moved.most_common(1)[0]
        return _line(f"{step} → {to} ×{big(units)}")  # noqa: RUF001
    if through:
        return _line(f"{_units(through)} through all steps.")
    for counted, what in ((failed, "failed"), (again, "asked again")):
        for step, n in counted.most_common(1):
            return _line(f"{big(n)} {what} at {step}.")
    return None


# --- words


def balanced(line: str, width: int) -> str:
    """Return a line on as few rows as a width allows, all about as wide."""
    widest = list(fold(line, width))
    least = max(1, cell_len(line) // max(1, len(widest)))
    narrower = (list(fold(line, less)) for less in range(least, width))
    best = next((one for one in narrower if len(one) <= len(widest) and _keeps_words(one)), widest)
    return "\n".join(row.rstrip() for row in best)


def _keeps_words(rows: list[str]) -> bool:
    return all(row.endswith(" ") for row in rows[:-1])


def _line(*sentences: str) -> str:
    """Return as many sentences as there is room for; the first is there, cut if need be."""
    first, *more = (" ".join(sentence.split()) for sentence in sentences)
    if cell_len(first) > CELLS:
        return set_cell_size(first, CELLS - 1).rstrip(" .,:") + "…"
    for sentence in more:
        if sentence and cell_len(f"{first} {sentence}") <= CELLS:
            first = f"{first} {sentence}"
    return first


def _goes_on(*, read_only: bool) -> str:
    """Return what goes on with the run: a key if it does so today, else a command."""
    for key in keys_of(Context.RUN, read_only=read_only):
        if key.action == "go_on" and not key.later:
            return f"{key.name} goes on."
        if key.action == "go_on":
            return f"→ {key.instead}"
    return ""


def _sentence(text: str) -> str:
    """Return somebody else's words, with a dot behind them."""
    text = " ".join(text.split())
    return text if text.endswith(("…", ".", "!", "?")) else f"{text}."


def _said(why: Reason) -> str:
    return _sentence(why.message or why.rule or why.failure)


def _at(row: RunRow) -> str:
    return f" at {row.step}" if row.step else ""


def _units(number: int) -> str:
    return f"{big(number)} unit{'s' * (number != 1)}"


def _paid(usd: Decimal | None, *, emulated: bool) -> str:
    return f", {cost(usd, emulated=emulated)}" if usd is not None else ""


def _short(seconds: float, like: float) -> str:
    """Return a span of time without its unit where that is the one of another."""
    said, other = lasting(seconds), lasting(like)
    number, _, unit = said.partition(" ")
    return number if other.partition(" ")[2] == unit else said
