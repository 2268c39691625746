"""A run in Prefect's words: names and numbers, never the text of a unit.

Everything here is a pure function of how a run stands; `flows.story` sends it to the server.
"""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, groupby
from pathlib import Path
from typing import Literal, NamedTuple

from flows.funnel import Stretch, funnel
from flows.money import cost_in_words, usd
from flows.summary import Summary, summarise
from runs import Batch, Batches, BatchState, Liveness, RunState, RunView, Status, lasting, totals

__all__ = ["Piece", "batch_lines", "beginning", "ending", "report", "standing", "tags"]

NAMED = 3
"""So many batches are named in a line; of more, how many there are."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_KEY = re.compile(r"[^a-z0-9]+")


class Piece(NamedTuple):
    """An artifact."""

    key: str
    """Small letters, digits and dashes; the same for all runs of a pipeline."""
    type: Literal["progress", "table", "markdown"]
    data: float | str
    description: str
    """Markdown."""


def standing(state: RunState) -> list[Piece]:
    """Return how far each step is, and the funnel of them all."""
    stretches = funnel(state)
    _, funnel_key, *step_keys = _keys(state)
    bars = [
        Piece(key, "progress", _percent(one), _in_words(one))
        for key, one in zip(step_keys, stretches, strict=True)
    ]
    rows = json.dumps([_row(one, emulated=state.spec.emulate) for one in stretches])
    emulated = " Costs in brackets are emulated: nothing was paid." if state.spec.emulate else ""
    words = f"Units at each step, and what came of them.{emulated}"
    return [*bars, Piece(funnel_key, "table", rows, words)]


def report(view: RunView) -> Piece:
    """Return the closing report of a run, or how it stands when nobody works on it."""
    summary = summarise(view)
    key, *_ = _keys(view.state)
    parts = [
        f"# The run {_verb(view)}",
        _numbers(summary),
        _how(view, summary),
        *_why(view, summary),
        "## Where it is",
        _places(view, summary),
        "## What now",
        _next(view, summary),
    ]
    return Piece(key, "markdown", "\n\n".join(parts), _counted(summary))


def beginning(run_dir: Path, state: RunState) -> str:
    """Return what a flow run sets about, in a line."""
    numbers = totals(state)
    done = f", {over:,} of them done" if (over := numbers.units - numbers.open) else ""
    models = dict.fromkeys(f"{s.provider}/{s.model}" for s in state.steps if s.provider)
    asking = f", asking {', '.join(models)}" if models else ""
    emulated = " (emulated)" if state.spec.emulate else ""
    return (
        f"{_units(numbers.units)}{done}; {_lane(state)}{asking}{emulated}. Run directory: {run_dir}"
    )


def ending(view: RunView) -> str:
    """Return how a part of a flow run ended, in a line."""
    state, numbers = view.state, totals(view.state)
    cost = cost_in_words(numbers.cost_usd, emulated=state.spec.emulate)
    words = f"{numbers.valid:,} of {_units(numbers.units)} valid, {numbers.failed:,} failed; {cost}"
    if state.waiting is not None:
        return f"Waits until {state.waiting.until:%H:%M} UTC: {state.waiting.reason}. {words}"
    return f"{view.liveness.value.capitalize()}: {words}"


def batch_lines(before: Batches, after: Batches) -> list[str]:
    """Return what became of batches in between, in lines, in the order in which it came."""
    over = after.ended(len(after) - len(after.open) - (len(before) - len(before.open)))
    events = [
        event
        for batch in chain(after.open, over)
        for event in _events(before.get(batch.key), batch)
    ]
    events.sort(key=lambda event: event.at)
    alike = groupby(events, key=lambda event: (event.words, event.batch.step, event.batch.provider))
    return [_line(words, [event.batch for event in group]) for (words, *_), group in alike]


def tags(state: RunState) -> set[str]:
    """Return what a flow run is found by."""
    providers = {step.provider for step in state.steps if step.provider}
    emulated = {"emulated"} if state.spec.emulate else set[str]()
    return {"octobatch", state.spec.pipeline, state.spec.mode, *providers, *emulated}


def _keys(state: RunState) -> list[str]:
    """Return the keys of the report, of the funnel, and of each step; no two are the same."""
    taken: list[str] = []
    for name in ("report", "funnel", *(step.name for step in state.steps)):
        wanted = key = f"{_slug(state.spec.pipeline)}-{_slug(name)}"
        number = 1
        while key in taken:
            key, number = f"{wanted}-{number + 1}", number + 1
        taken.append(key)
    return taken


def _slug(name: str) -> str:
    """Return a name as part of a key: `NpcDialog` is `npc-dialog`."""
    return _NO_KEY.sub("-", _HUMP.sub("-", name).lower()).strip("-") or "x"


def _percent(one: Stretch) -> float:
    return round(100 * one.through / one.due, 1) if one.due else 0.0


def _in_words(one: Stretch) -> str:
    """Return what came of a step so far; a card shows some forty letters of it."""
    words = [f"{one.valid:,} valid", f"{one.counts.lost:,} failed"]
    if one.counts.units_skipped:
        words.append(f"{one.counts.units_skipped:,} skipped")
    if one.in_batches:
        words.append(f"{one.in_batches:,} in batches")
    return f"{_units(one.due)}: {', '.join(words)}"


def _row(one: Stretch, *, emulated: bool) -> dict[str, int | str]:
    counts = one.counts
    return {
        "step": one.step,
        "in": counts.units,
        "valid": one.valid,
        "skipped": counts.units_skipped,
        "failed": counts.lost,
        "asked again": one.asked_again,
        "in batches": one.in_batches,
        "cost": cost_in_words(counts.cost_usd, emulated=emulated, short=True) if one.model else "",
    }


def _counted(summary: Summary) -> str:
    failed = sum(summary.failed.values())
    return f"{summary.valid:,} of {summary.units:,} valid, {failed:,} failed"


def _numbers(summary: Summary) -> str:
    """Return a table of one row."""
    failed = sum(summary.failed.values())
    numbers = {
        "units": f"{summary.units:,}",
        "valid": f"{summary.valid:,}{_share(summary.valid, summary.units)}",
        "failed": f"{failed:,}{_share(failed, summary.units)}",
    }
    if to_go := summary.units - summary.valid - failed:
        numbers["to go"] = f"{to_go:,}{_share(to_go, summary.units)}"
    numbers["cost"] = cost_in_words(summary.cost_usd, emulated=summary.emulated, short=True)
    numbers["time"] = lasting(summary.took.total_seconds())
    return _table(tuple(numbers), [tuple(numbers.values())])


def _how(view: RunView, summary: Summary) -> str:
    """Say who was asked, and what the cost is made of."""
    models = ", ".join(map(_code, dict.fromkeys(summary.models.values())))
    said = [f"{_lane(view.state).capitalize()}{f', asking {models}' if models else ''}."]
    if summary.batches:
        states = ", ".join(f"{number:,} {state}" for state, number in summary.batches.items())
        said.append(f"Batches: {states}; looked at {_times(view.state.looks)}.")
    if summary.retry_usd:
        said.append(f"Asking again took {usd(summary.retry_usd)} of the cost.")
    if summary.possible_usd:
        said.append(f"Calls without an answer may add up to {usd(summary.possible_usd)} to it.")
    if summary.emulated:
        said.append("All of it was emulated: nothing was paid.")
    return " ".join(said)


def _why(view: RunView, summary: Summary) -> Iterator[str]:
    """Say what units failed for: by rule once the run is complete, else by class."""
    if not summary.failed:
        return
    yield "## Why units failed"
    if view.state.status is Status.COMPLETE:
        yield _table(
            ("units", "step", "class", "rule"),
            (
                (f"{one.units:,}", _code(one.step), one.failure, _code(one.rule))
                for one in summary.reasons
            ),
        )
    else:
        yield _table(("units", "class"), ((f"{n:,}", kind) for kind, n in summary.failed.items()))


def _places(view: RunView, summary: Summary) -> str:
    """Say where the run is, and what of it."""
    lines = [f"In {_code(str(view.paths.dir))}:\n"]
    if view.state.status is Status.COMPLETE:
        lines.append(f"- {_code(_inside(view, summary.results))}: what passed every step")
        if summary.failed:
            failures = _code(_inside(view, summary.failures))
            lines.append(f"- {failures}: what failed, each with its reply")
    lines.append(f"- {_code(_inside(view, view.paths.run_log))}: what was done, in words")
    return "\n".join(lines)


def _inside(view: RunView, path: Path) -> str:
    return str(path.relative_to(view.paths.dir))


def _next(view: RunView, summary: Summary) -> str:
    waiting = view.state.waiting
    if summary.status is Liveness.DEFERRED and waiting is not None:
        waits = "; ".join(map(str, summary.waits)) or "Room at its providers"
        return f"{waits}. It goes on by itself at **{waiting.until:%H:%M} UTC**."
    if view.state.status in {Status.PAUSED, Status.FAILED}:
        verb = "run" if view.state.deployment is None else "resume"
        return f"It does not go on by itself. To go on:\n\n    octobatch {verb} {summary.run}"
    return f"{summary.next[:1].upper()}{summary.next[1:]}."


def _verb(view: RunView) -> str:
    """Say whether a run goes on by itself."""
    match view.liveness:
        case Liveness.DEFERRED | Liveness.DETACHED if view.state.waiting:
            return f"waits until {view.state.waiting.until:%H:%M} UTC"
        case Liveness.ACTIVE:
            return "is being worked on"
        case other:
            return f"is {other.value}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _lane(state: RunState) -> str:
    return "in batches" if state.spec.mode == "batch" else "in realtime"


class _Event(NamedTuple):
    """Something that became of a batch."""

    at: datetime
    words: str
    batch: Batch


_ENDS = {
    BatchState.COLLECTED: "fetched from",
    BatchState.REFUSED: "not taken by",
    BatchState.UNCERTAIN: "perhaps at",
}


def _events(was: Batch | None, batch: Batch) -> Iterator[_Event]:
    handed_in = batch.submitted_at or batch.intended_at
    if batch.submitted_at is not None and (was is None or was.submitted_at is None):
        yield _Event(handed_in, "handed in at", batch)
    if batch.state in _ENDS and (was is None or was.state is not batch.state):
        yield _Event(batch.ended_at or handed_in, _ENDS[batch.state], batch)


def _line(words: str, batches: list[Batch]) -> str:
    """Return in a line what became of some batches of one step at one provider."""
    count, first = len(batches), batches[0]
    named = ", ".join(batch.short for batch in batches[:NAMED])
    more = f" and {count - NAMED:,} more" if count > NAMED else ""
    units = _units(sum(batch.requests for batch in batches))
    if first.state is BatchState.COLLECTED and words == _ENDS[first.state]:
        units += f", {sum(batch.answered for batch in batches):,} answered"
    what = f"{count:,} batch{'es' * (count != 1)} of {first.step} {words} {first.provider}"
    return f"{what}: {units} ({named}{more})"


def _units(number: int) -> str:
    return f"{number:,} unit{'s' * (number != 1)}"


def _share(part: int, whole: int) -> str:
    return f" ({part / whole:.1%})" if whole else ""


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, tuple("---" for _ in heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(text: str) -> str:
    """Return a name as it is, whatever Markdown would make of it."""
    plain = text.replace("`", "'").replace("|", "\\|")
    return f"`{plain}`"
