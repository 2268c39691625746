"""What is said in a corner is said once."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from runs import (
    Batch,
    Batches,
    BatchState,
    Chunks,
    Liveness,
    Parcel,
    RunSpec,
    RunState,
    StepSpec,
    totals,
    waits,
)
from tests.tui.shown import NOW, row
from tui.diff import RunEnded
from tui.notices import Notices, ended
from tui.snapshot import RunDetail, Snapshot


def batch(key: str, minutes: float, **more: Any) -> Batch:
    """Return a batch that was handed in so many minutes ago."""
    since = NOW - timedelta(minutes=minutes)
    known: dict[str, Any] = {"state": BatchState.SUBMITTED, "submitted_at": since, **more}
    parcels = (Parcel("chunk_000", 1, 10),)
    return Batch(key, "write", "anthropic", "claude", parcels, 10, 100, "0", since, **known)


def opened(*batches: Batch) -> Snapshot:
    """Return what is shown of a run with these batches."""
    known = Batches({})
    for one in batches:
        known = known.changed(one)
    steps = (StepSpec("write", "chunk", "anthropic", "claude-haiku"),)
    spec = RunSpec("P", "batch", 10, steps, {}, emulate=False)
    state = RunState(
        spec, files=(), units=10, chunks=Chunks(()), created=NOW, updated=NOW, seq=1, batches=known
    )
    detail = RunDetail(
        row("P_1"), state, (), totals(state), tuple(waits(known, NOW)), (), Decimal(0), ()
    )
    return Snapshot(1, NOW, (detail.row,), detail)


def test_a_batch_that_takes_its_time_is_told_once():
    notices = Notices()
    assert list(notices.of(opened(batch("a", 0.5)), ())) == []
    over = batch("o", 30, state=BatchState.COLLECTED, ended_at=NOW - timedelta(minutes=18))
    late = opened(over, batch("a", 9))
    assert list(notices.of(late, ())) == [
        "Waiting for anthropic: 1 batch, 9 min so far, as a rule 12 min."
    ]
    assert list(notices.of(late, ())) == []
    assert list(notices.of(opened(batch("b", 2)), ())) == [
        "Waiting for anthropic: 1 batch, 2 min so far."
    ]


@pytest.mark.parametrize(
    ("liveness", "more", "said"),
    [
        (Liveness.COMPLETE, {"failed": 0, "valid": 360}, "P_1 is complete: all 360 passed."),
        (Liveness.COMPLETE, {"failed": 7}, "P_1 is complete: 214 passed, 7 failed."),
        (Liveness.PAUSED, {"reason": "cap: $5.00"}, "P_1 is paused: cap: $5.00."),
        (Liveness.CANCELLED, {}, "P_1 is cancelled."),
    ],
)
def test_an_end_is_told(liveness, more, said):
    shown = row("P_1", liveness, **more)
    assert ended(shown) == said
    event = RunEnded(shown.dir, liveness)
    assert list(Notices().of(Snapshot(2, NOW, (shown,)), [event])) == [said]
    assert list(Notices().of(replace(Snapshot(2, NOW, ())), [event])) == []
