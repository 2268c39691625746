"""How a run goes on, beside it: bars on a terminal, a line now and then in a pipe."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from flows.console import screen
from runs import Counts, Run, Wait, step_counts, waits
from tasks import session

__all__ = ["beside"]

LOOK_SECONDS = 0.2
LINE_SECONDS = 5.0
HEARTBEAT_SECONDS = 60.0
"""Who waits for batches in a pipe is told so often what for, though nothing changes."""


async def beside(work: Coroutine[Any, Any, Any], run_dir: Path, *, quiet: bool) -> Any:
    """Await `work` while showing how its run goes on; whoever closes the pipe misses only that."""
    showing = asyncio.create_task(_nothing() if quiet else _show(run_dir))
    try:
        return await work
    finally:
        showing.cancel()
        with contextlib.suppress(asyncio.CancelledError, BrokenPipeError):
            await showing


async def _nothing() -> None: ...


async def _show(run_dir: Path) -> None:
    console = screen(stderr=True)
    while (held := session.find(run_dir)) is None:  # noqa: ASYNC110 - a screen looks, nobody tells it
        await asyncio.sleep(LOOK_SECONDS)
    await (_bars(held.run, console) if console.is_terminal else _lines(held.run, console))


async def _bars(run: Run, console: Console) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[cyan]{task.fields[out]}"),
        TextColumn("[yellow]{task.fields[failed]}"),
        TimeElapsedColumn(),
    )
    bars = Progress(*columns, console=console)
    rows = {
        step.name: bars.add_task(step.name, total=run.state.units, failed="", out="")
        for step in run.state.steps
    }
    with Live(bars, console=console, transient=True) as live:
        while True:
            in_batches = _in_batches(run)
            for name, (counts, due) in _funnel(run).items():
                failed = f"{counts.lost:,} failed" if counts.lost else ""
                out = f"{units:,} in batches" if (units := in_batches[name]) else ""
                done = _through(counts)
                bars.update(rows[name], completed=done, total=due, failed=failed, out=out)
            live.update(Group(bars, *(Text(f"  {wait}", style="dim") for wait in _waits(run))))
            await asyncio.sleep(LOOK_SECONDS)


async def _lines(run: Run, console: Console) -> None:
    said, began = "", time.monotonic()
    next_beat = began + HEARTBEAT_SECONDS
    while True:
        lines = [line] if (line := _standing(run)) != said else []
        if time.monotonic() >= next_beat:
            lines += [str(wait) for wait in _waits(run)]
        if lines:
            said, next_beat = line, time.monotonic() + HEARTBEAT_SECONDS
        for one in lines:
            console.print(
                f"{time.monotonic() - began:6.0f} s  {one}", markup=False, highlight=False
            )
        await asyncio.sleep(LINE_SECONDS)


def _standing(run: Run) -> str:
    """Return how far a run is, in a line that changes with it."""
    in_batches = _in_batches(run)
    return ", ".join(
        f"{name} {counts.units_passed:,} ok, {counts.lost:,} failed"
        + (f", {in_batches[name]:,} in batches" if in_batches[name] else "")
        for name, counts in step_counts(run.state).items()
    )


def _in_batches(run: Run) -> Counter[str]:
    """Return how many units of each step are in batches."""
    units: Counter[str] = Counter()
    for batch in run.state.batches.open:
        units[batch.step] += batch.requests
    return units


def _waits(run: Run) -> list[Wait]:
    return waits(run.state.batches, datetime.now(UTC))


def _funnel(run: Run) -> dict[str, tuple[Counts, int]]:
    """Return the counts of each step, and how many units it will have as far as that is known."""
    by_step, funnel = step_counts(run.state), dict[str, tuple[Counts, int]]()
    due = run.state.units
    for step in run.state.steps:
        counts = by_step[step.name]
        due = max(due, counts.units)
        funnel[step.name] = counts, due
        due = 0 if step.scope == "fan_out" else due - counts.lost
    return funnel


def _through(counts: Counts) -> int:
    """Return how many units have been through a step, those that came back only once."""
    return max(0, counts.passed + counts.lost + counts.returned - counts.again)
