"""Runs for `benchmarks/tui.py`, made up at once: journals, chunks and replies as real ones have."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from runs import Counts, RunPaths, RunSpec, StepSpec, dumps
from runs.fold import created, opened, round_closed, status_set
from runs.journal import encode, replay
from runs.snapshot import write_snapshot
from runs.state import Status
from runs.times import stamp

__all__ = ["STEPS", "make_run"]

STEPS = ("draw", "write", "judge", "mend")
FAILING = 3
"""Units that fail at the second step, of a chunk."""


def make_run(folder: Path, chunks: int, chunk_size: int, *, closed: int, ended: bool) -> Path:
    """Make a run whose first `closed` chunks are through all steps; the rest wait for the first."""
    at = datetime.fromtimestamp(time.time(), UTC)
    steps = tuple(StepSpec(step, "chunk", "openai", "gpt-6-luna") for step in STEPS)
    spec = RunSpec("Bench", "realtime", chunk_size, steps, {}, emulate=True)
    run = RunPaths(folder)
    folder.mkdir(parents=True)
    for number in range(chunks):
        _write_chunk(run, f"chunk_{number:03d}", number, chunk_size, closed=number < closed)
    events = _events(spec, chunks, chunk_size, closed, ended=ended)
    with run.journal.open("wb") as journal:
        for seq, event in enumerate(events, start=1):
            epoch = 0 if seq == 1 else 1
            journal.write(encode({"seq": seq, "epoch": epoch, "at": stamp(at), **event}))
    write_snapshot(run, replay(run.journal), at=at)
    return folder


def close_next(run: RunPaths, chunk: str, seq: int, chunk_size: int) -> None:
    """Let a chunk close its first step, as the run's holder would."""
    line = {"seq": seq, "epoch": 1, "at": stamp(datetime.now(UTC))}
    event = round_closed(chunk, STEPS[0], _counts(chunk_size, 0))
    with run.journal.open("ab") as journal:
        journal.write(encode({**line, **event}))


def _events(
    spec: RunSpec, chunks: int, chunk_size: int, closed: int, *, ended: bool
) -> Iterator[dict[str, object]]:
    yield created(spec, chunks * chunk_size, ())
    yield opened(pid=1, host="bench", flow_run=None)
    yield status_set(Status.RUNNING, reason=None, error=None, waiting=None)
    for number in range(closed):
        left = chunk_size
        for step in STEPS:
            lost = FAILING if step == STEPS[1] else 0
            yield round_closed(f"chunk_{number:03d}", step, _counts(left, lost))
            left -= lost
    if ended:
        yield status_set(Status.COMPLETE, reason=None, error=None, waiting=None)


def _counts(entered: int, lost: int) -> Counts:
    return Counts(
        entered=entered,
        valid=entered - lost,
        failed={"validation": lost} if lost else {},
        attempts=entered + lost,
        tokens={"input": 200 * entered, "output": 60 * entered},
        cost_usd=Decimal("0.000052") * entered,
        seconds=1.0,
    )


def _write_chunk(run: RunPaths, name: str, number: int, size: int, *, closed: bool) -> None:
    chunk = run.chunk(name)
    chunk.dir.mkdir()
    ids = [f"harbour-{number:05d}-{place:04d}" for place in range(size)]
    lines = [dumps({"unit_id": i, "mood": "sad", "about": "x" * 80}) + b"\n" for i in ids]
    chunk.input.write_bytes(b"".join(lines))
    if not closed:
        return
    records = (
        {
            "unit_id": unit_id,
            "step": STEPS[1],
            "failure_stage": "validation",
            "errors": [{"path": "$.tone", "rule": "kind", "message": "not kind"}],
            "round": 1,
            "attempt": 2,
            "raw_response": "{}",
        }
        for unit_id in ids[:FAILING]
    )
    chunk.failures(STEPS[1]).write_bytes(b"".join(dumps(row) + b"\n" for row in records))
