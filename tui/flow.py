"""A pipeline as it flows: boxes joined by arrows where they fit, rows where they do not."""

from collections.abc import Callable, Sequence
from datetime import datetime

from rich.cells import cell_len

from tui.boxes import Box, joined, room
from tui.paint import Cell, Part, Tone, big, span, step_bar
from tui.snapshot import StepView
from tui.table import Column

__all__ = ["COLUMNS", "StepRows", "boxes"]


COLUMNS = (
    Column("step", 14),
    Column("progress", 16, wide=True),
    Column("valid/in", 13, right=True),
    Column("again", 6, right=True, rank=2),
    Column("failed", 6, right=True, rank=1),
    Column("now", 34, rank=4),
    Column("model", 20, rank=3),
)


class StepRows:
    """The steps of a run as rows of a table."""

    def __init__(self, steps: Sequence[StepView], now: datetime, bar: Callable[[], int]) -> None:
        """Take the steps; and how wide a bar may be, which is asked as it is drawn."""
        self.steps = steps
        self._now = now
        self._bar = bar

    def __len__(self) -> int:
        return len(self.steps)

    def key(self, place: int) -> str:
        return self.steps[place].name

    def place(self, key: object) -> int | None:
        return next((place for place, step in enumerate(self.steps) if step.name == key), None)

    def cells(self, place: int) -> tuple[Cell, ...]:
        """Return a step, a cell for each of `COLUMNS`."""
        step = self.steps[place]
        return (
            (_glyph(step), Part(step.name)),
            step_bar(step, self._bar()),
            _funnel(step),
            (Part(big(step.retrying), Tone.ACCENT) if step.retrying else Part("·", Tone.DIM),),
            _failed(step),
            _now(step, _since(step, self._now)),
            (Part(_model(step), Tone.DIM),),
        )


def boxes(steps: Sequence[StepView], width: int, chosen: str | None, now: datetime) -> list[Cell]:
    """Return the lines of the flow as boxes joined by arrows; none if they do not fit."""
    inner = room(len(steps), width)
    return joined([_box(step, inner, now, chosen=step.name == chosen) for step in steps], width)


def _box(step: StepView, inner: int, now: datetime, *, chosen: bool) -> Box:
    funnel, model = _funnel(step), _model(step)
    spare = inner - sum(cell_len(part.text) for part in funnel) - cell_len(model)
    if spare > 1:
        funnel, model = (*funnel, Part(" " * spare), Part(model, Tone.DIM)), ""
    trouble, since = _trouble(step), _since(step, now)
    if since and not trouble:  # there is a line for it
        trouble, since = (Part(f"in batches for {since}", Tone.DIM),), ""
    trouble = trouble or (Part(model, Tone.DIM),)
    lines = (funnel, step_bar(step, inner), trouble, _now(step, since))
    return Box(step.name, Part(" ⚑" if step.finished else "", Tone.BOLD), lines, chosen)


def _glyph(step: StepView) -> Part:
    if step.finished:
        return Part("⚑ ", Tone.GOOD)
    at_work = step.in_flight or step.processing or step.counts.units
    return Part("▶ ", Tone.LIVE) if at_work else Part("· ", Tone.DIM)


def _funnel(step: StepView) -> Cell:
    """Return how many are valid of how many have come; those are valid at the step before."""
    return (
        Part(big(step.counts.units_passed), Tone.GOOD if step.counts.units_passed else Tone.DIM),
        Part(f"/{big(max(step.due, step.counts.units))}", Tone.DIM),
    )


def _failed(step: StepView) -> Cell:
    soft, hard = step.counts.lost - step.counts.hard, step.counts.hard
    parts = [Part(big(n), tone) for n, tone in ((soft, Tone.SOFT), (hard, Tone.BAD)) if n]
    if len(parts) > 1:
        parts.insert(1, Part("+", Tone.DIM))
    return tuple(parts) or (Part("·", Tone.DIM),)


def _trouble(step: StepView) -> Cell:
    """Return what is asked again and what has failed, in words; nothing if all is well."""
    soft, hard = step.counts.lost - step.counts.hard, step.counts.hard
    told = (
        (step.retrying, "again", Tone.ACCENT),
        (soft, "failed", Tone.SOFT),
        (hard, "hard", Tone.BAD),
        (step.counts.returned, "back", Tone.DIM),
    )
    parts = [Part(f"{big(n)} {word}", tone) for n, word, tone in told if n]
    return tuple(part for one in parts for part in (Part("  "), one))[1:]


def _since(step: StepView, now: datetime) -> str:
    """Return for how long a batch has been out; nothing if none is."""
    return span(now - step.since) if step.since is not None else ""


def _now(step: StepView, since: str) -> Cell:
    """Return what is under way."""
    if step.processing:
        pending = f" / {big(step.pending)} pending" if step.pending else ""
        return (
            Part(f"{big(step.processing)} processing", Tone.LIVE),
            Part(f"{pending}, {since}" if since else pending, Tone.DIM),
        )
    if step.in_flight:
        return (Part(f"{big(step.in_flight)} in flight", Tone.LIVE),)
    if step.pending:
        return (Part(f"{big(step.pending)} pending", Tone.DIM),)
    return (Part("done" if step.finished else "", Tone.DIM),)


def _model(step: StepView) -> str:
    return step.model or ("local" if step.scope == "expression" else step.scope)
