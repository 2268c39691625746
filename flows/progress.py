"""How a run goes on, beside it: bars on a terminal, a line now and then in a pipe."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from runs import step_counts
from tasks import session
from tasks.session import Session

__all__ = ["StepProgress", "beside", "progress_of"]

REDRAW_SECONDS = 0.2
LINE_SECONDS = 5.0


class StepProgress(NamedTuple):
    """One step of a run under way, over all chunks."""

    entered: int
    """Units that came this far; those still to come are not known to."""
    valid: int
    failed: int

    @property
    def done(self) -> int:
        return self.valid + self.failed


def progress_of(held: Session) -> dict[str, StepProgress]:
    """Return how far each step is: closed rounds, and what the open ones have so far."""
    steps = {
        name: [counts.entered, counts.passed, counts.lost]
        for name, counts in step_counts(held.run.state).items()
    }
    for tally in held.tallies.values():
        row = steps[tally.step]
        row[0] += tally.units
        row[1] += tally.valid
        row[2] += tally.failed
    return {name: StepProgress(*row) for name, row in steps.items()}


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
    console = Console(stderr=True)
    while (held := session.find(run_dir)) is None:  # noqa: ASYNC110 - a screen looks, nobody tells it
        await asyncio.sleep(REDRAW_SECONDS)
    await (_bars(held, console) if console.is_terminal else _lines(held, console))


async def _bars(held: Session, console: Console) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[yellow]{task.fields[failed]}"),
        TimeElapsedColumn(),
    )
    units = held.run.state.units
    with Progress(*columns, console=console, transient=True) as bars:
        rows: dict[str, TaskID] = {
            step.name: bars.add_task(step.name, total=units, failed="")
            for step in held.pipeline.steps
        }
        while True:
            lost = 0
            for name, step in progress_of(held).items():
                failed = f"{step.failed} failed" if step.failed else ""
                bars.update(rows[name], completed=step.done, total=units - lost, failed=failed)
                lost += step.failed
            await asyncio.sleep(REDRAW_SECONDS)


async def _lines(held: Session, console: Console) -> None:
    said, began = None, time.monotonic()
    while True:
        steps = progress_of(held)
        line = ", ".join(
            f"{name} {step.done:,} ({step.failed:,} failed)" for name, step in steps.items()
        )
        if line != said:
            console.print(
                f"{time.monotonic() - began:6.0f} s  {line}", markup=False, highlight=False
            )
            said = line
        await asyncio.sleep(LINE_SECONDS)
