"""What there is to know of a run: in a line, and in a column beside it."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from shlex import quote

from runs import Liveness
from tui.fold import Gutter, fold, folded
from tui.paint import Cell, Part, Tone, big, cost, share_of, span
from tui.snapshot import RunDetail, RunRow, StepView

__all__ = ["facts", "totals", "what_to_type"]

MOST_REASONS, MOST_PIECES = 5, 3


def totals(run: RunDetail) -> tuple[Cell, ...]:
    """Return a run in a line."""
    row, whole, retrying = run.row, run.totals, sum(step.retrying for step in run.steps)
    tone = Tone.BAD if row.hard else Tone.SOFT
    spent = cost(run.totals.cost_usd, emulated=row.emulate)
    will_be = _will_be(run)
    of = f" of {will_be}" if will_be is not None else ""
    return (
        (Part(share_of(row), Tone.BOLD), Part(f" · {whole.valid:,}/{whole.units:,} valid")),
        (Part(f" · {big(row.failed)} failed", tone),) if row.failed else (),
        (Part(f" · {big(retrying)} asked again", Tone.ACCENT),) if retrying else (),
        (Part(" · "), Part(spent, Tone.BOLD), Part(of, Tone.DIM)),
        (Part(f" · ~{span(row.left)} left", Tone.DIM),) if row.left is not None else (),
    )


def facts(run: RunDetail, chosen: str | None, width: int) -> list[Cell]:
    """Return what there is to know of a run, in lines that are so wide at most."""
    row, tokens = run.row, run.totals.tokens
    soft, hard = run.totals.failed - run.totals.hard, run.totals.hard
    will_be = _will_be(run)
    lines: list[Cell] = [
        _fact("spent", cost(run.totals.cost_usd, emulated=row.emulate)),
        *([_fact("will be", will_be)] if will_be is not None else []),
        _fact("tokens", f"{big(tokens.get('input', 0))} in  {big(tokens.get('output', 0))} out"),
        _fact("took", span(row.updated - row.created)),
        _fact("lane", f"{row.lane}, emulated: ($) is not paid" if row.emulate else row.lane),
        *([_fact("failed", f"{big(soft)} by answers")] if soft else []),
        *([_fact("failed", f"{big(hard)} by faults")] if hard else []),
        *_in_doubt(run.totals.possible_usd, emulated=row.emulate),
        (),
    ]
    if (todo := what_to_type(row)) is not None:
        what, command = todo
        lines += [(Part(what, Tone.BOLD),)]
        lines += [(Part(f"  {piece}", Tone.ACCENT),) for piece in fold(command, width - 2)]
        lines += [()]
    if run.waits:
        lines += [(Part("waits for", Tone.BOLD),)]
        for wait in run.waits:
            lines += [(Part(f"  {piece}", Tone.LIVE),) for piece in fold(str(wait), width - 2)]
        lines += [()]
    if run.reasons:
        lines += [(Part("why units fail", Tone.BOLD),)]
        for why in run.reasons[:MOST_REASONS]:
            at = (Part(f"{why.step} ", Tone.ACCENT), Part(why.rule))
            lines.append((Part(f"{big(why.units):>3} ", Tone.SOFT), *at))
            pieces = islice(fold(why.message, width - 4), MOST_PIECES)
            lines += [(Part(f"    {piece}", Tone.DIM),) for piece in pieces]
        lines += [()]
    for step in run.steps:
        if step.name == chosen:
            lines += _facts_of(step, emulated=row.emulate)
    return folded(lines, width)


def what_to_type(row: RunRow) -> tuple[str, str] | None:
    """Return what can be done with a run that stands still, and by which command."""
    match row.liveness:
        case Liveness.PENDING | Liveness.PAUSED | Liveness.DETACHED | Liveness.FAILED:
            return "to go on", f"octobatch resume {quote(row.name)}"
        case Liveness.COMPLETE if row.failed:
            return "to try what failed again", f"octobatch run {quote(row.name)} --retry-failures"
        case _:
            return None


def _will_be(run: RunDetail) -> str | None:
    """Return what a run that is not complete will have cost; None if that cannot be told."""
    if run.row.liveness is Liveness.COMPLETE or run.estimate_usd is None:
        return None
    return f"~{cost(run.estimate_usd, emulated=run.row.emulate)}"


def _in_doubt(possible_usd: Decimal | None, *, emulated: bool) -> Iterator[Cell]:
    """Yield what calls that brought no answer may have cost, if there are any."""
    if possible_usd is None:
        yield _fact("may add", "nobody knows what")
    elif possible_usd:
        yield _fact("may add", f"up to {cost(possible_usd, emulated=emulated)}")


def _facts_of(step: StepView, *, emulated: bool) -> Iterator[Cell]:
    """Yield what there is to know of a step."""
    counts = step.counts
    again = max(0, counts.attempts - (counts.units - counts.units_skipped))
    yield (Part("step ", Tone.BOLD), Part(step.name, Tone.ACCENT))
    yield _fact("asks", f"{step.provider}/{step.model}" if step.provider else step.scope)
    if counts.attempts:
        yield _fact(
            "asked", big(counts.attempts) + (f", {big(again)} of them again" if again else "")
        )
    if counts.returned:
        yield _fact("sent back", f"{big(counts.returned)}, {big(counts.mended)} mended")
    yield _fact("cost", cost(counts.cost_usd, emulated=emulated))


def _fact(name: str, said: str) -> Cell:
    return Gutter(f"{name:<9} ", Tone.DIM), Part(said)
