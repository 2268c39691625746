"""Home: every run at a glance, those that are at work first."""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from runs import Liveness
from tui.keymap import Context
from tui.otto.director import Mood, Scene
from tui.otto.widget import FACES, Form, Sprite
from tui.page import Filter, Filtered, Line, bindings
from tui.paint import AT_WORK, Cell, Part, Tone, bar, big, cost, crumbs, share_of, span, state
from tui.snapshot import RunRow, Snapshot
from tui.splash import Splash
from tui.sums import sums
from tui.table import Column, Table

__all__ = ["COLUMNS", "EMPTY", "Home", "RunRows", "in_order", "totals"]

BAR = 10
COLUMNS = (
    Column("run", 29),
    Column("progress", BAR, rank=4),
    Column("", 4, right=True),
    Column("units", 6, right=True, rank=3),
    Column("valid", 6, right=True, rank=2),
    Column("failed", 6, right=True, rank=1),
    Column("cost", 10, right=True, rank=5),
    Column("left", 8, right=True, rank=6),
    Column("took", 8, right=True, rank=8),
    Column("lane", 8, rank=7),
    Column("started", 11, rank=9),
    Column("state", 22, wide=True),
)
SORTS: tuple[tuple[str, Callable[[RunRow], float]], ...] = (
    ("newest", lambda row: -row.created.timestamp()),
    ("cost", lambda row: -float(row.cost_usd or 0)),
    ("failed", lambda row: -row.failed),
    ("progress", lambda row: row.progress),
)
SPINS_PER_SECOND = 4
KIND = re.compile(r"^(state|lane|pipeline):")
"""As one says of units what a word is about; here every word is looked for everywhere."""
TALL = 30
"""As many rows has a screen on which there is room for Otto whole."""
ASLEEP = Scene(Mood.ASLEEP, "No runs yet.")
EMPTY: tuple[Cell, ...] = (
    (Part("No runs yet.", Tone.BOLD),),
    (
        Part("octobatch run NpcDialog --emulate", Tone.ACCENT),
        Part(" makes one, and costs nothing."),
    ),
    (Part("It will be seen here while it is at work.", Tone.DIM),),
)


@dataclass(frozen=True)
class RunRows:
    """The rows of runs that are shown."""

    runs: Sequence[RunRow]
    now: datetime
    frame: int = 0

    def __len__(self) -> int:
        return len(self.runs)

    def key(self, place: int) -> Hashable:
        return self.runs[place].dir

    def place(self, key: Hashable) -> int | None:
        return next((place for place, run in enumerate(self.runs) if run.dir == key), None)

    def cells(self, place: int) -> Sequence[Cell]:
        """Return a run, a cell for each of `COLUMNS`."""
        run = self.runs[place]
        return (
            (Part(run.name, Tone.BOLD if run.liveness in AT_WORK else Tone.PLAIN),),
            _bar(run),
            (Part(share_of(run)),),
            (Part(big(run.units)),),
            (Part(big(run.valid)),),
            _failed(run),
            _cost(run),
            (Part(f"~{span(run.left)}" if run.left is not None else "", Tone.DIM),),
            (Part(span(self._took(run)), Tone.DIM),),
            (Part(run.lane, Tone.DIM),),
            (Part(f"{run.created.astimezone():%m-%d %H:%M}", Tone.DIM),),
            state(run, self.frame),
        )

    def _took(self, run: RunRow) -> timedelta:
        return (self.now if run.liveness in AT_WORK else run.updated) - run.created


def _bar(run: RunRow) -> Cell:
    match run.liveness:
        case Liveness.COMPLETE:
            lost = run.failed / max(1, run.units)
            return bar(BAR, (1 - lost, Tone.GOOD), (lost, Tone.BAD if run.hard else Tone.SOFT))
        case Liveness.FAILED:
            return bar(BAR, (run.progress, Tone.BAD))
        case Liveness.ACTIVE | Liveness.DEFERRED:
            return bar(BAR, (run.progress, Tone.GOOD))
        case _:
            return bar(BAR, (run.progress, Tone.DIM))


def _cost(run: RunRow) -> Cell:
    said = cost(run.cost_usd, emulated=run.emulate)
    return (Part(said, Tone.DIM if run.emulate else Tone.PLAIN),)


def _failed(run: RunRow) -> Cell:
    if not run.failed:
        return (Part("·", Tone.DIM),)
    return (Part(big(run.failed), Tone.BAD if run.hard else Tone.SOFT),)


class Home(Filtered):
    """The table of runs."""

    CONTEXT = Context.HOME
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CONTEXT)]
    ORDERS = SORTS

    def __init__(self, *, greets: bool = False) -> None:
        """Show runs; Otto may say welcome when there are any."""
        super().__init__()
        self._snapshot: Snapshot | None = None
        self._frame = 0
        self._greets = greets

    def body(self) -> ComposeResult:
        yield Filter("filter runs by name, pipeline or state")
        yield Sprite()
        yield Line(id="empty")
        yield Table(COLUMNS, RunRows((), datetime.now().astimezone()), id="runs")

    def on_mount(self) -> None:
        self.query_one(Table).focus()
        self._spinner = self.set_interval(1 / SPINS_PER_SECOND, self._spin, pause=True)

    def show(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        spins = any(row.liveness is Liveness.ACTIVE for row in snapshot.rows)
        (self._spinner.resume if spins else self._spinner.pause)()
        self.heading.show(crumbs("runs"), *totals(snapshot.rows))
        self._show_empty(not snapshot.rows)
        if snapshot.rows and self._greets:
            self.mount(Splash(whole=self._has_room))
        self._greets = False
        rows = RunRows(self._wanted(snapshot.rows), snapshot.at, self._frame)
        self.query_one(Table).show(rows, self.by("run"))

    def _wanted(self, rows: Sequence[RunRow]) -> list[RunRow]:
        words = [KIND.sub("", word) for word in self.words.lower().split()]
        found = (row for row in rows if all(word in _text(row) for word in words))
        return in_order(self.in_order(found))

    def _show_empty(self, empty: bool) -> None:
        """Where there is no run, Otto sleeps, and says how one is made."""
        self.query_one("#empty").display = empty
        sprite = self.query_one(Sprite)
        sprite.display = empty and self._has_room
        sprite.play(ASLEEP)
        if not empty:
            return
        face = ((Part(FACES[Mood.ASLEEP], Tone.ACCENT), Part(" ")),)
        in_line = not sprite.display and self.octobatch.otto is not Form.OFF
        words = (*(face if in_line else ()), EMPTY[0])
        self.query_one("#empty", Line).show_lines([sum(words, ()), *EMPTY[1:]])

    @property
    def _has_room(self) -> bool:
        """Return whether Otto may be seen whole, and can be."""
        whole = self.octobatch.otto is Form.FULL and not self.app.no_color
        return whole and self.size.height >= TALL

    def action_otto(self) -> None:
        """Show more of Otto, or less; the greeting is over with it."""
        self.query(Splash).remove()
        self.octobatch.cycle_otto()
        self.again()

    def action_back(self) -> None:
        """Take away the greeting, if it is there; else what was typed."""
        if splashes := self.query(Splash):
            splashes.remove()
        else:
            super().action_back()

    def on_screen_suspend(self) -> None:
        self._spinner.pause()

    def _spin(self) -> None:
        """Turn the spinners; where there are none, nothing turns."""
        if self._snapshot is not None and self.is_current and not self.octobatch.frozen:
            self._frame += 1
            self.show(self._snapshot)

    @property
    def run_dir(self) -> Path | None:
        key = self.query_one(Table).key
        return key if isinstance(key, Path) else None

    def action_open(self) -> None:
        if self.run_dir is not None:
            self.octobatch.open_run(self.run_dir)

    def action_archived(self) -> None:
        self.octobatch.toggle_archived()

    def action_mark(self) -> None:
        table = self.query_one(Table)
        table.marked ^= {table.key}
        table.refresh()


def in_order(rows: Sequence[RunRow]) -> list[RunRow]:
    """Return runs, those at work first; else they stay as they are."""
    return sorted(rows, key=lambda row: row.liveness not in AT_WORK)


def _text(row: RunRow) -> str:
    failed = "failed" if row.failed else ""
    said = f"{row.name} {row.pipeline} {row.liveness} {row.lane} {row.reason or ''} {failed}"
    return said.lower()


def totals(rows: Sequence[RunRow]) -> tuple[Cell, ...]:
    """Return all runs in a line."""
    all_ = sums(rows)
    return (
        (Part(f"{all_.at_work} at work", Tone.GOOD if all_.at_work else Tone.DIM),),
        (Part(f" · {all_.complete} complete"),),
        (Part(f" · {all_.failed} failed", Tone.BAD),) if all_.failed else (),
        (Part(f" · {all_.paused} paused", Tone.SOFT),) if all_.paused else (),
        (Part(f" · {all_.detached} detached", Tone.SOFT),) if all_.detached else (),
        (Part(f" · {cost(all_.cost_usd)} · {big(all_.tokens)} tokens", Tone.DIM),),
        (Part(f" · {all_.pipelines} pipeline{'s' * (all_.pipelines != 1)}", Tone.DIM),),
    )
