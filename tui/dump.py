"""What the screens show, without a screen: lines of text, or a document for programs."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from runs import Chunk, Counts, open_rounds, passed_all
from tui.clean import clean
from tui.diff import Event
from tui.facts import facts
from tui.facts import totals as run_totals
from tui.flow import COLUMNS as STEPS
from tui.flow import StepRows
from tui.home import COLUMNS, EMPTY, RunRows, in_order
from tui.home import totals as all_totals
from tui.paint import Cell, Part, Tone, crumbs, share, state, stopping
from tui.reader import Reader
from tui.run import CHUNKS, ChunkRows, all_of
from tui.snapshot import Reason, RunDetail, RunRow, Snapshot, StepView
from tui.sums import sums
from tui.table import Column, Rows, aligned, fit, layout

__all__ = ["FORMAT", "document", "seen", "text"]

LOG_LINES = 10
FORMAT = 1
"""Of the document: a key that means something else, or is gone, makes it another."""


def seen(root: Path, run: Path | None) -> Snapshot:
    """Return what there is to show now; of a run with all that is to be read of it."""
    reader = Reader(root, _tell_nobody)
    reader.open(run)
    snapshot = reader.look()
    while (again := reader.look()).run is not None and again.run.reasons != _reasons(snapshot):
        snapshot = again
    return again


def _tell_nobody(snapshot: Snapshot, events: tuple[Event, ...]) -> None:
    """Take what is read; it is returned as well."""


def _reasons(snapshot: Snapshot) -> tuple[Reason, ...]:
    return snapshot.run.reasons if snapshot.run is not None else ()


def text(snapshot: Snapshot, width: int) -> list[Cell]:
    """Return what Home shows, or the page of the run that is open."""
    lines = _run(snapshot.run, snapshot, width) if snapshot.run else _home(snapshot, width)
    return [fit(line, width) for line in lines]


def document(snapshot: Snapshot) -> dict[str, Any]:
    """Return the same in numbers; docs/tui.md says what the keys mean."""
    told: dict[str, Any] = {"format": FORMAT, "at": snapshot.at}
    if snapshot.run is not None:
        return told | {"run": _detail_of(snapshot.run)}
    all_ = sums(snapshot.rows)
    rows = [_row_of(row) for row in in_order(snapshot.rows)]
    return told | {"totals": {**all_._asdict(), "cost_usd": _usd(all_.cost_usd)}, "runs": rows}


# --- as text


def _home(snapshot: Snapshot, width: int) -> Iterator[Cell]:
    yield _joined(crumbs("runs"), *all_totals(snapshot.rows))
    if not snapshot.rows:
        yield from EMPTY
        return
    yield from _table(COLUMNS, RunRows(in_order(snapshot.rows), snapshot.at), width)


def _run(run: RunDetail, snapshot: Snapshot, width: int) -> Iterator[Cell]:
    yield _joined(crumbs("runs", run.row.name), state(run.row))
    yield _joined(*run_totals(run))
    yield ()
    bar = next(wide for _, column, wide in layout(STEPS, width) if column.title == "progress")
    yield from _table(STEPS, StepRows(run.steps, snapshot.at, lambda: bar), width)
    yield ()
    yield from facts(run, None, width)
    yield from ((Part(line, Tone.DIM),) for line in run.log[-LOG_LINES:])
    yield ()
    yield from _table(CHUNKS, ChunkRows([*run.state.chunks.values()], run.state), width)


def _table(columns: Sequence[Column], rows: Rows, width: int) -> Iterator[Cell]:
    there = layout(columns, width)
    titles = [(Part(column.title, Tone.DIM),) for column in columns]
    for cells in (titles, *(rows.cells(place) for place in range(len(rows)))):
        line = [aligned(cells[place], wide, right=one.right) for place, one, wide in there]
        yield _joined(
            *((Part(" " if not number else "  "), *cell) for number, cell in enumerate(line))
        )


def _joined(*cells: Cell) -> Cell:
    return tuple(part for cell in cells for part in cell)


# --- as a document


def _row_of(row: RunRow) -> dict[str, Any]:
    return {
        "run": row.name,
        "dir": clean(str(row.dir)),
        "pipeline": row.pipeline,
        "state": stopping(row) or row.liveness.value,
        "trouble": row.trouble,
        "reason": row.reason,
        "lane": row.lane,
        "emulated": row.emulate,
        "archived": row.archived,
        "units": row.units,
        "valid": row.valid,
        "failed": row.failed,
        "hard": row.hard,
        "progress": share(row),
        "tokens": row.tokens,
        "cost_usd": _usd(row.cost_usd),
        "step": row.step,
        "created": row.created,
        "updated": row.updated,
        "next_look": row.waiting.until if row.waiting else None,
        "left_seconds": _seconds(row.left),
    }


def _detail_of(run: RunDetail) -> dict[str, Any]:
    now, last = open_rounds(run.state), run.state.steps[-1].name
    return {
        **_row_of(run.row),
        "estimate_usd": _usd(run.estimate_usd),
        "input_tokens": run.totals.tokens.get("input", 0),
        "output_tokens": run.totals.tokens.get("output", 0),
        "steps": [_step_of(step) for step in run.steps],
        "waits": [wait._asdict() for wait in run.waits],
        "reasons": [_reason_of(reason) for reason in run.reasons],
        "chunks": [
            _chunk_of(chunk, all_of(chunk, now), passed_all(chunk, last, now.get(chunk.name)))
            for chunk in run.state.chunks.values()
        ],
        "log": run.log,
    }


def _step_of(step: StepView) -> dict[str, Any]:
    counts = step.counts
    return {
        "step": step.name,
        "scope": step.scope,
        "provider": step.provider,
        "model": step.model,
        "in": max(step.due, counts.units),
        "valid": counts.units_passed,
        "failed": counts.lost,
        "hard": counts.hard,
        "in_flight": step.in_flight,
        "retrying": step.retrying,
        "processing": step.processing,
        "pending": step.pending,
        "since": step.since,
        "finished": step.finished,
        "asked": counts.attempts,
        "retries": counts.retries,
        "cost_usd": _usd(counts.cost_usd),
    }


def _reason_of(reason: Reason) -> dict[str, Any]:
    return {
        "step": reason.step,
        "class": reason.failure,
        "rule": reason.rule,
        "message": reason.message,
        "units": reason.units,
    }


def _chunk_of(chunk: Chunk, whole: Counts, valid: int) -> dict[str, Any]:
    return {
        "chunk": clean(chunk.name),
        "step": None if chunk.step is None else clean(chunk.step),
        "stage": chunk.stage.value,
        "round": chunk.round,
        "units": chunk.items,
        "valid": valid,
        "failed": chunk.lost,
        "asked": whole.attempts,
        "cost_usd": _usd(whole.cost_usd),
    }


def _usd(usd: Decimal | None) -> float | None:
    return None if usd is None else float(usd)


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()
