"""One run in the table of runs: read when its files change, judged at every look."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from runs import (
    Liveness,
    RunPaths,
    RunState,
    Status,
    Totals,
    Waiting,
    current_step,
    lasting,
    loads,
    read,
    totals,
)
from runs.fold import waiting_from_json
from runs.lock import Holder, holder_of
from runs.times import moment
from runs.view import liveness_of
from tui.clean import clean
from tui.progress import Progress
from tui.snapshot import RunRow
from tui.stamps import UNREADABLE, Stamp, said_of, stamp_of

__all__ = ["Row"]

BEHIND = 10_000_000_000
"""Nanoseconds. A summary is written every two seconds: one that is older than its journal by more
is what a killed process left behind."""

QUIET_SECONDS = 5.0
"""A summary is written again within two seconds while somebody works on a run."""


class Row:
    """A run as it was seen last."""

    def __init__(self, run_dir: Path, *, archived: bool) -> None:
        """Take a run's folder; nothing is read before the first look."""
        self._run = RunPaths(run_dir)
        self._files = str(self._run.summary), str(self._run.journal)
        self._archived = archived
        self._stamps: tuple[Stamp | None, Stamp | None] | None = None
        self._state: RunState | None = None
        self._behind = False
        """Whether the journal is newer than the summary that was read."""
        self._told: RunRow | None = None
        self._status = Status.FAILED
        self._progress = Progress()
        self._trouble: str | None = None
        self._shown: RunRow | None = None

    def look(self, at: datetime, told: tuple[RunState, Totals] | None = None) -> RunRow | None:
        """Return the row now, the same object if nothing has changed; None if there is no run.

        Args:
            at: this moment.
            told: what the run's journal tells, if that was just read.
        """
        self._read(told, at)
        if self._told is None:
            return None
        row = self._judged(self._told, at)
        if row != self._shown:
            self._shown = row
        return self._shown

    def _read(self, told: tuple[RunState, Totals] | None, at: datetime) -> None:
        """Read what has changed; a bad file keeps the last good row, and says so."""
        if told is not None:
            state, total = told
            if state is not self._state:
                self._take(self._of_state(state, total), state.status)
            self._state, self._stamps = state, None
            return
        self._state = None
        summary, journal = stamps = stamp_of(self._files[0]), stamp_of(self._files[1])
        if stamps == self._stamps and not self._is_left_behind(at, journal):
            return
        self._stamps = stamps
        ahead = journal.mtime_ns - summary.mtime_ns if journal and summary else BEHIND
        self._behind = ahead > 0
        if ahead < BEHIND and not self._is_left_behind(at, journal):
            try:
                self._take(*self._of_summary())
            except (*UNREADABLE, ArithmeticError):
                pass  # the journal knows all of it
            else:
                return
        try:
            view = read(self._run.dir)
        except UNREADABLE as error:
            self._trouble = said_of(error)
            if self._told is None and journal is not None:
                self._told = _nothing_known(self._run, journal, archived=self._archived)
            return
        self._behind = False
        self._take(self._of_state(view.state, totals(view.state)), view.state.status)

    def _is_left_behind(self, at: datetime, journal: Stamp | None) -> bool:
        """Say whether the journal knows more than the summary, and nobody will sum it up."""
        if not self._behind or journal is None:
            return False
        return at.timestamp() - journal.mtime_ns / 1e9 > QUIET_SECONDS

    def _take(self, row: RunRow, status: Status) -> None:
        self._told, self._status, self._trouble = row, status, None

    def _judged(self, row: RunRow, at: datetime) -> RunRow:
        """Return the row with what the lock and the clock say of it."""
        if self._status not in {Status.PENDING, Status.RUNNING}:
            return replace(row, trouble=self._trouble) if row.trouble != self._trouble else row
        try:
            alive = liveness_of(self._run, self._status, row.waiting, at)
        except OSError:
            return self._shown or row  # the lock went between two looks at it
        holder = holder_of(self._run.lock)
        judged = replace(row, liveness=alive)
        trouble = self._trouble or _contradicted(alive, holder, row.waiting, at)
        return replace(judged, left=self._progress.left(judged, holder, at), trouble=trouble)

    def _of_state(self, state: RunState, total: Totals) -> RunRow:
        return RunRow(
            dir=self._run.dir,
            name=clean(self._run.dir.name),
            pipeline=clean(state.spec.pipeline),
            liveness=_liveness(state.status),
            lane=state.spec.mode,
            emulate=state.spec.emulate,
            units=total.units,
            valid=total.valid,
            failed=total.failed,
            hard=total.hard,
            progress=total.progress,
            tokens=sum(total.tokens.get(kind, 0) for kind in ("input", "output")),
            cost_usd=total.cost_usd,
            step=_cleaned(current_step(state)),
            created=state.created,
            updated=state.updated,
            waiting=state.waiting,
            reason=_cleaned(state.error or state.paused_reason),
            archived=self._archived,
        )

    def _of_summary(self) -> tuple[RunRow, Status]:
        told: dict[str, Any] = loads(self._run.summary.read_bytes())
        status = Status(told["status"])
        row = RunRow(
            dir=self._run.dir,
            name=clean(self._run.dir.name),
            pipeline=clean(told["pipeline"]),
            liveness=_liveness(status),
            lane=clean(told["mode"]),
            emulate=bool(told["emulate"]),
            units=int(told["units"]),
            valid=int(told["valid"]),
            failed=int(told["failed"]),
            hard=int(told["hard"]),
            progress=float(told["progress"]),
            tokens=int(told["tokens"]),
            cost_usd=None if told["cost_usd"] is None else Decimal(str(told["cost_usd"])),
            step=_cleaned(told["step"]),
            created=moment(told["created"]),
            updated=moment(told["updated"]),
            waiting=waiting_from_json(told["waiting"]),
            reason=_cleaned(told["reason"]),
            archived=self._archived,
        )
        return row, status


def _liveness(status: Status) -> Liveness:
    """Return what a status says by itself; whether a running one goes on is judged each time."""
    return Liveness.DETACHED if status is Status.RUNNING else Liveness(status.value)


def _contradicted(
    alive: Liveness, holder: Holder | None, waiting: Waiting | None, at: datetime
) -> str | None:
    """Return what is wrong with a run that says it goes on; None if it does."""
    if alive is Liveness.STUCK and holder is not None:
        return f"Process {holder.pid} holds it and lives, but has not been heard of for a while."
    if alive is not Liveness.DETACHED:
        return None
    if holder is not None and holder.alive is None:
        return f"It says running, but nothing has been heard of {clean(holder.host)} for a while."
    if holder is not None:
        return f"It says running, but its process {holder.pid} is dead."
    if waiting is not None:
        late = lasting((at - waiting.until).total_seconds())
        return f"Nobody woke it: its next look is {late} late."
    return "It says running, but nobody works on it."


def _nothing_known(run: RunPaths, journal: Stamp, *, archived: bool) -> RunRow:
    """Return the row of a run whose files cannot be read."""
    changed = datetime.fromtimestamp(journal.mtime_ns / 1e9).astimezone()
    return RunRow(
        dir=run.dir,
        name=clean(run.dir.name),
        pipeline="",
        liveness=Liveness.FAILED,
        lane="",
        emulate=False,
        units=0,
        valid=0,
        failed=0,
        hard=0,
        progress=0.0,
        tokens=0,
        cost_usd=None,
        step=None,
        created=changed,
        updated=changed,
        waiting=None,
        reason=None,
        archived=archived,
    )


def _cleaned(text: str | None) -> str | None:
    return None if text is None else clean(text)
