"""A run in each of Otto's moods, without a run."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from runs import (
    Batches,
    Chunk,
    Chunks,
    Counts,
    Liveness,
    RunSpec,
    RunState,
    Stage,
    StepSpec,
    Totals,
    Wait,
    Waiting,
)
from tests.tui.shown import NOW, Shown, row
from tui.diff import ChunkMoved, Event, Outcome, RunEnded
from tui.otto.director import Mood
from tui.snapshot import Reason, RunDetail, Snapshot, StepView

NAMES = ("generate", "score", "verify", "rewrite", "export")
WAITS = (Wait("anthropic", 2, 180, 9 * 60.0, 12 * 60.0, 3 * 60.0),)
TONE = Reason("score", "schema_validation", "enum", "tone not in enum", 40)


def step(name: str, **more: Any) -> StepView:
    """Return a step through which 214 of 360 units have gone."""
    known: dict[str, Any] = {
        "name": name,
        "scope": "chunk",
        "provider": "anthropic",
        "model": "claude-haiku",
        "counts": Counts(entered=214, valid=210, attempts=222, failed={"validation": 4}),
        "due": 360,
        "in_flight": 0,
        "retrying": 0,
        "processing": 0,
        "pending": 0,
        "since": None,
        "finished": False,
    }
    return StepView(**{**known, **more})


def detail(
    liveness: Liveness = Liveness.ACTIVE,
    *,
    names: tuple[str, ...] = NAMES,
    chunks: tuple[Chunk, ...] = (),
    steps: tuple[StepView, ...] | None = None,
    waits: tuple[Wait, ...] = (),
    reasons: tuple[Reason, ...] = (),
    **more: Any,
) -> RunDetail:
    """Return a run that is open."""
    one = row("NpcDialog_20261123_132501", liveness, **more)
    specs = tuple(StepSpec(name, "chunk", "anthropic", "claude-haiku") for name in names)
    state = RunState(
        RunSpec(one.pipeline, one.lane, 10, specs, {}, emulate=one.emulate),
        files=(),
        units=one.units,
        chunks=Chunks(chunks),
        created=one.created,
        updated=one.updated,
        seq=1,
        batches=Batches({}),
    )
    whole = Totals(
        units=one.units,
        valid=one.valid,
        failed=one.failed,
        hard=one.hard,
        attempts=400,
        tokens={"input": 218_000, "output": 75_000},
        cost_usd=one.cost_usd,
        retry_usd=Decimal(0),
        possible_usd=Decimal(0),
        progress=one.progress,
    )
    log = (
        "13:55:02 POLL chunk_005 2 batches at work",
        "13:55:13 COLLECT chunk_000 60 results",
        "13:55:24 VALIDATE chunk_001 4 asked again",
        "13:55:31 CLOSE chunk_001 generate",
    )
    shown = tuple(map(step, names)) if steps is None else steps
    return RunDetail(one, state, shown, whole, waits, reasons, Decimal("0.081"), log)


def chunks() -> tuple[Chunk, ...]:
    """Return chunks as a run has them that is half through."""
    return tuple(
        Chunk(
            f"chunk_{n:03d}",
            30,
            NAMES[0],
            NAMES[2 - n // 4],
            28,
            stage=Stage.SUBMITTED if n % 3 == 0 else Stage.PENDING,
            counts={NAMES[0]: Counts(entered=30, valid=28, failed={"validation": 2}, attempts=33)},
        )
        for n in range(12)
    )


MOVED = ChunkMoved("chunk_003", "score", "verify", 12, Outcome.ADVANCED)
REJECTING = Counts(entered=160, valid=120, failed={"schema_validation": 40}, attempts=170)
ALL: dict[str, Any] = {"valid": 360, "failed": 0, "progress": 1.0, "left": None, "step": None}


def _worried() -> RunDetail:
    steps = tuple(step(name) for name in NAMES)
    steps = (steps[0], replace(steps[1], counts=REJECTING), *steps[2:])
    return detail(steps=steps, reasons=(TONE,), chunks=chunks())


def moods() -> dict[Mood, tuple[RunDetail, tuple[Event, ...]]]:
    """Return for each mood a run, and what has just happened to it."""
    party = detail(Liveness.COMPLETE, **ALL)
    some: dict[str, Any] = {**ALL, "valid": 353, "failed": 7}
    return {
        Mood.HURT: (detail(Liveness.FAILED, step="drift", reason="429 quota", left=None), ()),
        Mood.ASLEEP: (detail(Liveness.PAUSED, reason="cap: $5.00 of $5.00", left=None), ()),
        Mood.PARTY: (party, (RunEnded(party.row.dir, Liveness.COMPLETE),)),
        Mood.CONTENT: (party, ()),
        Mood.SHRUG: (detail(Liveness.COMPLETE, reasons=(TONE,), **some), ()),
        Mood.WORRY: (_worried(), ()),
        Mood.WAIT: (
            detail(
                Liveness.DEFERRED,
                waits=WAITS,
                waiting=Waiting(NOW + timedelta(minutes=15), "2 batches"),
                chunks=chunks(),
            ),
            (),
        ),
        Mood.BUSY: (detail(chunks=chunks()), (MOVED,)),
        Mood.IDLE: (detail(chunks=chunks()), ()),
    }


class Played(Shown):
    """A source that shows one run, and what happens to it."""

    def __init__(self, run: RunDetail, events: tuple[Event, ...] = ()) -> None:
        super().__init__(run.row)
        self.snapshot = replace(self.snapshot, run=run)
        self._events = events

    def start(self) -> None:
        assert self._publish is not None
        self._publish(self.snapshot, self._events)

    def happens(self, run: RunDetail, *events: Event) -> None:
        """Have read what has happened."""
        self.snapshot = Snapshot(self.snapshot.number + 1, NOW, (run.row,), run)
        self._events = events
        self.start()
