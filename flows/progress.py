"""How a run goes on, beside it: bars on a terminal, a line now and then in a pipe."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

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
from flows.funnel import funnel
from runs import RunState, waits
from tasks import session

__all__ = ["beside", "show"]

Look: TypeAlias = Callable[[], RunState]

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
    while (held := session.find(run_dir)) is None:  # noqa: ASYNC110 - a screen looks, nobody tells it
        await asyncio.sleep(LOOK_SECONDS)
    run = held.run
    await show(lambda: run.state)


async def show(look: Look) -> None:
    """Show how a run goes on, until cancelled; `look` returns how it stands."""
    console = screen(stderr=True)
    await (_bars(look, console) if console.is_terminal else _lines(look, console))


async def _bars(look: Look, console: Console) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[cyan]{task.fields[out]}"),
        TextColumn("[yellow]{task.fields[failed]}"),
        TimeElapsedColumn(),
    )
    bars = Progress(*columns, console=console)
    state = look()
    rows = {
        step.name: bars.add_task(step.name, total=state.units, failed="", out="")
        for step in state.steps
    }
    with Live(bars, console=console, transient=True) as live:
        while True:
            state = look()
            for row in funnel(state):
                failed = f"{row.counts.lost:,} failed" if row.counts.lost else ""
                out = f"{row.in_batches:,} in batches" if row.in_batches else ""
                bars.update(
                    rows[row.step], completed=row.through, total=row.due, failed=failed, out=out
                )
            live.update(Group(bars, *(Text(f"  {wait}", style="dim") for wait in _waits(state))))
            await asyncio.sleep(LOOK_SECONDS)


async def _lines(look: Look, console: Console) -> None:
    said, began = "", time.monotonic()
    next_beat = began + HEARTBEAT_SECONDS
    while True:
        state = look()
        lines = [line] if (line := _standing(state)) != said else []
        if time.monotonic() >= next_beat:
            lines += _waits(state)
        if lines:
            said, next_beat = line, time.monotonic() + HEARTBEAT_SECONDS
        for one in lines:
            console.print(
                f"{time.monotonic() - began:6.0f} s  {one}", markup=False, highlight=False
            )
        await asyncio.sleep(LINE_SECONDS)


def _standing(state: RunState) -> str:
    """Return how far a run is, in a line that changes with it."""
    return ", ".join(
        f"{row.step} {row.counts.units_passed:,} ok, {row.counts.lost:,} failed"
        + (f", {row.in_batches:,} in batches" if row.in_batches else "")
        for row in funnel(state)
    )


def _waits(state: RunState) -> list[str]:
    """Return what a run waits for: the batches it has at providers, and room for more."""
    told = [str(wait) for wait in waits(state.batches, datetime.now(UTC))]
    return [*told, *(f"for room: {why}" for why in state.no_room)]
