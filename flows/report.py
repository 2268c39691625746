"""A run in Prefect's words: names and numbers, never the text of a unit.

Everything here is a pure function of how a run stands; `flows.story` sends it to the server.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
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
        f"# {_code(summary.run)} {_verb(view)}",
        _numbers(summary),
        _how(view, summary),
        *_why(view, summary),
        "## Where it is",
        "\n".join(f"- {name}: {_code(path)}" for name, path in _places(view, summary)),
        "## What now",
        _next(view, summary),
    ]
    return Piece(key, "markdown", "\n\n".join(parts), _counted(summary))


def beginning(view_name: str, run_dir: str, state: RunState) -> str:
    """Return what a flow run sets about, in a line."""
    numbers = totals(state)
    done = "" if numbers.open == numbers.units else f", {numbers.units - numbers.open:,} done"
    asks = ", ".join(dict.fromkeys(f"{s.provider}/{s.model}" for s in state.steps if s.provider))
    return (
        f"{view_name}: {numbers.units:,} units{done}; {_lane(state)}"
        f"{f', asking {asks}' if asks else ''}{_emulated(state)}. Everything is in {run_dir}"
    )


def ending(view: RunView) -> str:
    """Return how a part of a flow run ended, in a line."""
    numbers, state = totals(view.state), view.state
    cost = cost_in_words(numbers.cost_usd, emulated=state.spec.emulate)
    counts = f"{numbers.valid:,} of {numbers.units:,} units valid, {numbers.failed:,} failed"
    return f"{view.name} {_verb(view)}: {counts}; {cost}"


def batch_lines(before: Batches, after: Batches) -> list[str]:
    """Return in lines what became of batches in between."""
    over = list(after.ended(len(after) - len(after.open) - (len(before) - len(before.open))))
    changed = [
        (before.get(batch.key), batch)
        for batch in chain(after.open, reversed(over))
        if before.get(batch.key) != batch
    ]
    handed_in = [now for was, now in changed if now.batch_id and not (was and was.batch_id)]
    ends = {
        BatchState.COLLECTED: "fetched from",
        BatchState.REFUSED: "not taken by",
        BatchState.UNCERTAIN: "perhaps at (nobody can tell)",
    }
    lines = _said_of(handed_in, "handed in at")
    for state, words in ends.items():
        lines += _said_of([now for _, now in changed if now.state is state], words)
    return lines


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
    if one.due == 0:
        return 100.0 if one.counts.units == 0 else 0.0
    return round(100 * one.through / one.due, 1)


def _in_words(one: Stretch) -> str:
    """Return what came of a step so far; a card shows some forty letters of it."""
    words = [f"{one.valid:,} valid", f"{one.counts.lost:,} failed"]
    if one.counts.units_skipped:
        words.append(f"{one.counts.units_skipped:,} skipped")
    if one.in_batches:
        words.append(f"{one.in_batches:,} in batches")
    return f"{', '.join(words)}; of {one.due:,} units"


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


def _places(view: RunView, summary: Summary) -> Iterator[tuple[str, str]]:
    if view.state.status is Status.COMPLETE:
        yield "Results", _code(str(summary.results))
        if summary.failed:
            yield "Failures, each with its reply", _code(str(summary.failures))
    yield "Everything", _code(str(view.paths.dir))


def _next(view: RunView, summary: Summary) -> str:
    waiting = view.state.waiting
    if summary.status is Liveness.DEFERRED and waiting is not None:
        waits = "; ".join(map(str, summary.waits)) or "Room at its providers"
        return f"{waits}. It goes on by itself at **{waiting.until:%H:%M} UTC**."
    if view.state.status in {Status.PAUSED, Status.FAILED}:
        return f"It does not go on by itself. To go on:\n\n    octobatch run {summary.run}"
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


def _emulated(state: RunState) -> str:
    return " (emulated)" if state.spec.emulate else ""


def _said_of(batches: Iterable[Batch], words: str) -> list[str]:
    """Return a line for each step and provider."""
    groups: dict[tuple[str, str], list[Batch]] = {}
    for batch in batches:
        groups.setdefault((batch.step, batch.provider), []).append(batch)
    return [_line(step, provider, words, group) for (step, provider), group in groups.items()]


def _line(step: str, provider: str, words: str, batches: list[Batch]) -> str:
    count = len(batches)
    named = ", ".join(batch.short for batch in batches[:NAMED])
    more = f" and {count - NAMED:,} more" if count > NAMED else ""
    units = sum(batch.requests for batch in batches)
    what = f"{count:,} batch{'es' * (count != 1)} of {step} {words} {provider}: {units:,} units"
    if batches[0].state is BatchState.COLLECTED and words.startswith("fetched"):
        what += f", {sum(batch.answered for batch in batches):,} answered"
    return f"{what} ({named}{more})"


def _share(part: int, whole: int) -> str:
    return f" ({part / whole:.1%})" if whole else ""


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, tuple("---" for _ in heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(text: str) -> str:
    """Return a name as it is, whatever Markdown would make of it."""
    return f"`{text.replace('`', chr(39)).replace('|', chr(92) + '|')}`"
