"""How a run goes on, beside it: bars on a terminal, a line now and then in a pipe."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from flows.console import screen
from runs import Counts, Run, step_counts
from tasks import session

__all__ = ["beside"]

LOOK_SECONDS = 0.2
LINE_SECONDS = 5.0


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
        TextColumn("[yellow]{task.fields[failed]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        rows = {
            step.name: bars.add_task(step.name, total=run.state.units, failed="")
            for step in run.state.steps
        }
        while True:
            for name, (counts, due) in _funnel(run).items():
                failed = f"{counts.lost:,} failed" if counts.lost else ""
                bars.update(rows[name], completed=_through(counts), total=due, failed=failed)
            await asyncio.sleep(LOOK_SECONDS)


async def _lines(run: Run, console: Console) -> None:
    said, began = "", time.monotonic()
    while True:
        steps = step_counts(run.state).items()
        line = ", ".join(
            f"{name} {counts.units_passed:,} ok, {counts.lost:,} failed" for name, counts in steps
        )
        if line != said:
            console.print(
                f"{time.monotonic() - began:6.0f} s  {line}", markup=False, highlight=False
            )
            said = line
        await asyncio.sleep(LINE_SECONDS)


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
