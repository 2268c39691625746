"""What has happened between two snapshots, as events."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from runs import Batch, Chunk, Liveness, Stage
from tui.clean import clean
from tui.snapshot import Reason, RunDetail, RunRow, Snapshot

__all__ = [
    "BatchEnded",
    "BatchSubmitted",
    "ChunkMoved",
    "Event",
    "LaneChanged",
    "LookFailed",
    "Outcome",
    "Retried",
    "RunAppeared",
    "RunDeferred",
    "RunEnded",
    "Stale",
    "UnitsFailed",
    "diff",
]

ENDS = frozenset({Liveness.PAUSED, Liveness.COMPLETE, Liveness.FAILED, Liveness.CANCELLED})
STALE = frozenset({Liveness.DETACHED, Liveness.STUCK})


class Outcome(StrEnum):
    """What became of a chunk that moved."""

    ADVANCED = "advanced"
    """It went on, or round again from a step that it had been at."""
    RETURNED = "returned"
    """Some of its units were sent back to an earlier step."""
    PASSED = "passed"
    """It is at its end."""
    FAILED = "failed"
    """No unit of it is left."""
    FANNED_OUT = "fanned_out"
    """Its units became those of other chunks."""


@dataclass(frozen=True, slots=True)
class RunAppeared:
    """A run is there that was not."""

    run: Path


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run does not go on."""

    run: Path
    how: Liveness


@dataclass(frozen=True, slots=True)
class RunDeferred:
    """A run will be woken."""

    run: Path
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Stale:
    """A run should go on, and nobody is heard of who works on it."""

    run: Path
    how: Liveness


@dataclass(frozen=True, slots=True)
class ChunkMoved:
    """A chunk of the open run stands elsewhere."""

    chunk: str
    step: str
    to: str | None
    """None at the end of its way."""
    units: int
    """As many as moved."""
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class UnitsFailed:
    """Units of the open run have failed."""

    step: str
    n: int
    rule: str | None
    """What most of them broke first; None if that is not known yet."""


@dataclass(frozen=True, slots=True)
class Retried:
    """Units of the open run were asked again."""

    step: str
    n: int


@dataclass(frozen=True, slots=True)
class BatchSubmitted:
    """A batch of the open run is at its provider."""

    step: str
    provider: str
    requests: int


@dataclass(frozen=True, slots=True)
class BatchEnded:
    """A batch of the open run is not at its provider any more."""

    step: str
    provider: str
    requests: int


@dataclass(frozen=True, slots=True)
class LaneChanged:
    """A run goes on in another lane."""

    run: Path
    lane: str


@dataclass(frozen=True, slots=True)
class LookFailed:
    """Runs could not be looked at; it is tried again."""

    error: str


Event: TypeAlias = (
    RunAppeared
    | RunEnded
    | RunDeferred
    | Stale
    | ChunkMoved
    | UnitsFailed
    | Retried
    | BatchSubmitted
    | BatchEnded
    | LaneChanged
    | LookFailed
)


def diff(before: Snapshot | None, after: Snapshot) -> tuple[Event, ...]:
    """Return what has happened; nothing before the first snapshot, or in a run just opened."""
    if before is None:
        return ()
    return (*_rows(before, after), *_open(before.run, after.run))


def _rows(before: Snapshot, after: Snapshot) -> Iterator[Event]:
    if before.rows is after.rows:
        return
    known = {row.dir: row for row in before.rows}
    for row in after.rows:
        was = known.get(row.dir)
        if was is None:
            if not row.archived:
                yield RunAppeared(row.dir)
        elif was is not row:
            yield from _row(was, row)


def _row(was: RunRow, row: RunRow) -> Iterator[Event]:
    if was.lane != row.lane:
        yield LaneChanged(row.dir, row.lane)
    if was.liveness is row.liveness:
        return
    if row.liveness in ENDS:
        yield RunEnded(row.dir, row.liveness)
    elif row.liveness in STALE:
        yield Stale(row.dir, row.liveness)
    elif row.liveness is Liveness.DEFERRED:
        yield RunDeferred(row.dir, row.waiting and row.waiting.until)


def _open(before: RunDetail | None, after: RunDetail | None) -> Iterator[Event]:
    if before is None or after is None or before is after:
        return
    if (before.row.dir, before.state.created) != (after.row.dir, after.state.created):
        return  # it is another run, or was made anew
    for was, chunk in after.state.chunks.differing(before.state.chunks):
        if was is not None and was.step is not None:
            yield from _moved(was, was.step, chunk)
    yield from _counted(before, after)
    yield from _batches(before, after)


def _moved(was: Chunk, step: str, chunk: Chunk) -> Iterator[ChunkMoved]:
    if (chunk.step, chunk.rounds) == (step, was.rounds):
        return
    units = chunk.due
    if chunk.step is None:
        units = chunk.alive
    to = None if chunk.step is None else clean(chunk.step)
    yield ChunkMoved(clean(chunk.name), clean(step), to, units, _outcome(was, chunk))


def _outcome(was: Chunk, chunk: Chunk) -> Outcome:
    match chunk.stage:
        case Stage.VALIDATED:
            return Outcome.PASSED
        case Stage.FAILED:
            return Outcome.FAILED
        case Stage.FANNED_OUT:
            return Outcome.FANNED_OUT
        case _:
            return Outcome.RETURNED if chunk.rounds > was.rounds else Outcome.ADVANCED


def _counted(before: RunDetail, after: RunDetail) -> Iterator[Event]:
    """Tell what the counts of each step have grown by; a dead holder's hints may be taken back."""
    for was, step in zip(before.steps, after.steps, strict=True):
        if (n := step.counts.lost - was.counts.lost) > 0:
            yield UnitsFailed(step.name, n, _rule(before.reasons, after.reasons, step.name))
        if (n := step.counts.retries - was.counts.retries) > 0:
            yield Retried(step.name, n)


def _rule(before: tuple[Reason, ...], after: tuple[Reason, ...], step: str) -> str | None:
    """Return the rule of a step that more units broke than before, or else most units."""
    known = {(reason.step, reason.failure, reason.rule): reason.units for reason in before}

    def grown(reason: Reason) -> tuple[int, int]:
        was = known.get((reason.step, reason.failure, reason.rule), 0)
        return reason.units - was, reason.units

    mine = [reason for reason in after if reason.step == step]
    return max(mine, key=grown).rule if mine else None


def _batches(before: RunDetail, after: RunDetail) -> Iterator[Event]:
    if before.state.batches is after.state.batches:
        return
    were, are = _at_provider(before), _at_provider(after)
    for key in are.keys() - were.keys():
        batch = are[key]
        yield BatchSubmitted(clean(batch.step), clean(batch.provider), batch.requests)
    for key in were.keys() - are.keys():
        batch = were[key]
        yield BatchEnded(clean(batch.step), clean(batch.provider), batch.requests)


def _at_provider(detail: RunDetail) -> dict[str, Batch]:
    """Return the batches that a provider is known to have at work."""
    return {
        batch.key: batch
        for batch in detail.state.batches.open
        if batch.submitted_at is not None and batch.ended_at is None
    }
