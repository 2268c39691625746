"""The closing summary of a run: what came out, what did not and why, what it cost, where it is."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
from rich.console import Group
from rich.table import Table
from rich.text import Text

from flows.console import screen
from flows.money import cap, cost_in_words, usd
from flows.pipes import out
from pipelines import Launch
from runs import (
    Counts,
    Liveness,
    RunView,
    Status,
    Told,
    Wait,
    read_jsonl,
    runs_root,
    step_counts,
    totals,
    waits,
)

__all__ = ["Reason", "Summary", "exit_of", "say", "summarise"]

TOP_REASONS = 5
COMMAND = "octobatch"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why units failed, and how many."""

    step: str
    failure: str
    rule: str
    message: str
    """Of one of them."""
    units: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in a few lines."""

    run: str
    status: Liveness
    why: str | None
    """Of a run that did not come to its end."""
    units: int
    valid: int
    failed: Mapping[str, int]
    steps: Mapping[str, Counts]
    reasons: tuple[Reason, ...]
    tokens: Mapping[str, int]
    cost_usd: Decimal | None
    retry_usd: Decimal | None
    """Of `cost_usd`: for asking again."""
    possible_usd: Decimal | None
    """Beside `cost_usd`: the most that calls without an answer may have cost."""
    max_cost: Decimal | None
    models: Mapping[str, str]
    """Who is asked at each step that asks, as `provider/model`."""
    limits: Mapping[str, Mapping[str, Any]]
    """What is asked of each `provider/model` at the moment, while somebody works on the run."""
    mode: str
    batches: Mapping[str, int]
    """How many there have been, by how far they came."""
    waits: tuple[Wait, ...]
    """What is waited for at providers."""
    no_room: tuple[str, ...]
    """Why batches that are ready are not handed in, while that is waited for."""
    next_look: datetime | None
    """When nobody works on it and somebody is to look at its batches again."""
    deadline: datetime | None
    """When batches are not waited for any more."""
    emulated: bool
    took: timedelta
    results: Path
    failures: Path
    told: tuple[Told, ...]
    """What scripts and post-processing did at the end."""
    next: str


def summarise(view: RunView) -> Summary:
    """Return the summary of a run as it stands on disk."""
    state, numbers = view.state, totals(view.state)
    by_step = step_counts(state)
    failed: Counter[str] = Counter()
    for counts in by_step.values():
        failed.update(counts.failed)
    records = read_jsonl(view.paths.failures) if view.paths.failures.exists() else ()
    return Summary(
        run=view.name,
        status=view.liveness,
        why=state.error or state.paused_reason,
        units=numbers.units,
        valid=numbers.valid,
        failed=dict(failed),
        steps=by_step,
        reasons=_reasons(records),
        tokens=numbers.tokens,
        cost_usd=numbers.cost_usd,
        retry_usd=numbers.retry_usd,
        possible_usd=numbers.possible_usd,
        max_cost=Launch.model_validate(state.launch).max_cost,
        models={s.name: f"{s.provider}/{s.model}" for s in state.steps if s.provider},
        limits=_limits(view),
        mode=state.spec.mode,
        batches=Counter(batch.state.value for batch in state.batches.values()),
        waits=tuple(waits(state.batches, datetime.now(UTC))),
        no_room=state.no_room if state.status is Status.RUNNING else (),
        next_look=state.waiting and state.waiting.until,
        deadline=state.deadline if state.status in {Status.RUNNING, Status.PAUSED} else None,
        emulated=state.spec.emulate,
        took=state.updated - state.created,
        results=view.paths.results,
        failures=view.paths.failures,
        told=state.told,
        next=_next(view, any(failed.values())),
    )


def _limits(view: RunView) -> Mapping[str, Mapping[str, Any]]:
    if view.liveness is not Liveness.ACTIVE:
        return {}
    return (view.state.progress or {}).get("limits", {})


def _reasons(records: Iterable[Mapping[str, Any]]) -> tuple[Reason, ...]:
    """Count units by step, class and first broken rule, most frequent first."""
    units: Counter[tuple[str, str, str]] = Counter()
    examples: dict[tuple[str, str, str], str] = {}
    for record in records:
        error = next(iter(record["errors"]), {"rule": "", "message": ""})
        key = (record["step"], record["failure_stage"], error["rule"])
        units[key] += 1
        examples.setdefault(key, error["message"])
    return tuple(Reason(*key, examples[key], n) for key, n in units.most_common(TOP_REASONS))


def _next(view: RunView, some_failed: bool) -> str:
    match view.liveness:
        case Liveness.COMPLETE if some_failed:
            return "read the failures: each has the reply, what is wrong with it, and the input"
        case Liveness.COMPLETE:
            return "read the results"
        case Liveness.CANCELLED:
            return "nothing: it was cancelled, what came is kept"
        case Liveness.ACTIVE | Liveness.STUCK if view.holder:
            return f"wait, or: {COMMAND} pause {_typed(view)}"
        case Liveness.DEFERRED | Liveness.DETACHED if view.state.waiting:
            at = f"{view.state.waiting.until:%H:%M}"
            return f"{COMMAND} run {_typed(view)} --tick at {at} UTC, or stay with it: --watch"
        case _ if (view.state.paused_reason or "").startswith("cap"):
            return f"go on with: {COMMAND} run {_typed(view)} --max-cost MORE"
        case _:
            return f"go on with: {COMMAND} run {_typed(view)}"


def _typed(view: RunView) -> str:
    """Return what means this run on the command line."""
    inside = view.paths.dir.parent == runs_root()
    return view.name if inside else shown(view.paths.dir)


_LIMITS = ("cap", "time", "canary", "pass rate")
"""How reasons begin that are limits somebody has set."""


def exit_of(view: RunView) -> int:
    """Return the exit code that says how the run stands."""
    state = view.state
    match state.status:
        case Status.COMPLETE:
            return 1 if totals(state).failed else 0
        case Status.RUNNING if state.waiting is not None:
            return 5
        case Status.PAUSED if (state.paused_reason or "").startswith(_LIMITS):
            return 3
        case Status.PAUSED if (state.paused_reason or "").startswith(("provider", "disk")):
            return 4
        case Status.FAILED:
            return 70
        case _:
            return 130


def say(view: RunView, *, as_json: bool) -> None:
    """Print the summary of a run on standard output, for people or as JSON."""
    summary = summarise(view)
    if as_json:
        out(orjson.dumps(summary, default=_plain, option=orjson.OPT_INDENT_2))
    else:
        screen().print(_drawn(summary))


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Told | Wait):
        return value._asdict()
    raise TypeError(type(value).__name__)


def _drawn(summary: Summary) -> Group:
    """Draw a summary for people; texts of models and pipelines are never markup."""
    return Group(
        Text(""),
        _headline(summary),
        _funnel(summary),
        *_sent_back(summary),
        *(_reasons_drawn(summary.reasons) if summary.reasons else ()),
        _facts(summary),
    )


def _headline(summary: Summary) -> Text:
    lost = sum(summary.failed.values())
    colour = {Liveness.COMPLETE: "yellow" if lost else "green", Liveness.FAILED: "red"}
    line = Text.assemble(
        (summary.run, "bold"),
        " is ",
        (summary.status.value, colour.get(summary.status, "cyan")),
        ": ",
    )
    line.append(f"{summary.valid:,} of {summary.units:,} units valid")
    if lost:
        line.append(f", {lost:,} failed", style="yellow")
    if remaining := summary.units - summary.valid - lost:
        line.append(f", {remaining:,} to go")
    return line.append(".").append(f" {visible(summary.why, most=1000)}" if summary.why else "")


def _funnel(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("step")
    columns = {
        heading: column
        for heading, column in _COLUMNS.items()
        if heading in _ALWAYS or any(map(column, summary.steps.values()))
    }
    for heading in columns:
        table.add_column(heading, justify="right")
    for heading in ("cost", "model", "failed by class"):
        table.add_column(heading, justify="right" if heading == "cost" else "left")
    for name, counts in summary.steps.items():
        classes = ", ".join(f"{n} {failure}" for failure, n in counts.failed.items())
        numbers = (f"{column(counts):,}" for column in columns.values())
        model = summary.models.get(name, "")
        cost = usd(counts.cost_usd) if model else ""
        table.add_row(Text(name), *numbers, cost, Text(model), Text(classes))
    return table


_COLUMNS: Mapping[str, Callable[[Counts], int]] = {
    "in": lambda counts: counts.units,
    "valid": lambda counts: counts.units_passed - counts.units_skipped,
    "skipped": lambda counts: counts.units_skipped,
    "failed": lambda counts: counts.lost,
    "sent back": lambda counts: counts.returned,
    "asked": lambda counts: counts.attempts,
}
_ALWAYS = frozenset({"in", "valid", "failed", "asked"})
"""The other columns are shown when there is something in them."""


def _sent_back(summary: Summary) -> Iterable[Text]:
    """Say of each step that sends units back what good that did."""
    for name, counts in summary.steps.items():
        if not counts.returned:
            continue
        seen, before, after = counts.units, counts.passed - counts.mended, counts.units_passed
        times = "once" if counts.returned == 1 else f"{counts.returned:,} times"
        yield Text(
            f"{name} sent units back {times}: {before:,} of {seen:,} passed at "
            f"first ({before / seen:.0%}), {after:,} in the end ({after / seen:.0%})"
        )


def _reasons_drawn(reasons: Iterable[Reason]) -> Iterable[Text]:
    yield Text("why units failed", style="dim")
    for reason in reasons:
        example = "e.g. " if reason.units > 1 else ""
        why = visible(f"{reason.rule}: {example}{reason.message}")
        yield Text(f"  {reason.units:,} at {reason.step}: {why}")


def _facts(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")  # a path that is cut cannot be pasted
    tokens = summary.tokens
    facts = {
        "tokens": f"{tokens.get('input', 0):,} in, {tokens.get('output', 0):,} out",
        "cost": _cost(summary),
        "time": f"{summary.took.total_seconds():.1f} s",
        "results": shown(summary.results),
        "failures": shown(summary.failures),
    }
    for name, fact in facts.items():
        table.add_row(name, Text(fact))
    for wait in summary.waits:
        table.add_row("waiting", Text(str(wait)))
    for why in summary.no_room:
        table.add_row("waiting", Text(f"for room: {why}"))
    if summary.deadline is not None:
        table.add_row("deadline", Text(f"{summary.deadline:%m-%d %H:%M} UTC, then in realtime"))
    for model, limit in summary.limits.items():
        table.add_row("asking", Text(f"{model}: {_limit(limit)}"))
    for said in summary.told:
        table.add_row(Text(visible(said.name, most=40)), _told(said))
    table.add_row("next", Text(summary.next))
    return table


def _told(said: Told) -> Text:
    return Text(visible(said.message), style="red" if said.failed else "")


def _cost(summary: Summary) -> str:
    words = [cost_in_words(summary.cost_usd, emulated=summary.emulated)]
    if summary.max_cost is not None:
        words.append(f"at most {cap(summary.max_cost)}")
    if summary.retry_usd:
        words.append(f"{usd(summary.retry_usd)} of it for asking again")
    if summary.possible_usd:
        words.append(f"calls without an answer may add up to {usd(summary.possible_usd)}")
    return "; ".join(words)


def _limit(limit: Mapping[str, Any]) -> str:
    """Return the state of a limiter (`providers.limit.State`, as a hint tells it) for people."""
    words = [f"{limit['in_flight']:,} in flight of {limit['window']:,} at once"]
    words += [
        f"{rate:,.0f} {kind}/min"
        for kind in ("requests", "tokens")
        if (rate := limit.get(f"{kind}_per_minute"))
    ]
    if limit["waiting"]:
        words.append(f"{limit['waiting']:,} waiting for {limit['waiting_for']}")
    if limit["reason"]:
        words.append(visible(limit["reason"]))
    return ", ".join(words)


def shown(path: Path) -> str:
    """Return a path as short as it can be typed from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def visible(text: str, most: int = 160) -> str:
    """Return text from outside in one line, its control characters made visible."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return line if len(line) <= most else f"{line[: most - 1]}…"
