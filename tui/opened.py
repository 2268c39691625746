"""The open run: its journal is followed, its log and its failures as they grow."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from runs import Follower, Liveness, RunPaths, RunState, Wait, totals, waits
from runs.times import Clock
from tui.clean import clean
from tui.reasons import Reasons
from tui.rows import Row
from tui.snapshot import RunDetail, Unread
from tui.stamps import UNREADABLE, said_of
from tui.steps import estimate_usd, step_views
from tui.tail import Tail

__all__ = ["Opened"]


class Opened:
    """One run as it was seen last, in every detail."""

    def __init__(self, run_dir: Path, clock: Clock) -> None:
        """Take a run's folder; nothing is read before the first look."""
        self.dir = run_dir
        self._run = run = RunPaths(run_dir)
        self._follower = Follower(run_dir, clock=clock)
        self._tail = Tail(run.run_log)
        self._reasons = Reasons(run)
        self._state: RunState | None = None
        self._shown: RunDetail | None = None
        self._trouble: str | None = None

    def look(self, row: Row, at: datetime) -> RunDetail | None:
        """Return the run now, the same object if nothing has changed; None if it never was read."""
        self._trouble = None
        before = self._state
        try:
            self._state = self._follower.look().state
        except UNREADABLE as error:
            self._trouble = said_of(error)
        state = self._state
        if state is None:
            return None
        if before is not None and before.created != state.created:
            self._reasons = Reasons(self._run)  # it was made anew
        was = self._shown
        same = was is not None and was.state is state
        total = was.totals if was is not None and same else totals(state)
        shown = row.look(at, (state, total))
        assert shown is not None, "a state makes a row"
        if self._trouble is not None:
            shown = replace(shown, trouble=self._trouble)
        log, reasons = self._tail.look(), self._reasons.look(state)
        told = _waits(state, at, was)
        if (
            was is not None
            and (same and was.log is log and was.reasons is reasons)
            and (was.row == shown and was.waits is told)
        ):
            return was
        if was is not None and same and was.row.liveness is shown.liveness:
            self._shown = replace(was, row=shown, log=log, reasons=reasons, waits=told)
        else:
            steps = step_views(state, active=shown.liveness is Liveness.ACTIVE)
            self._shown = RunDetail(
                row=shown,
                state=state,
                steps=steps,
                totals=total,
                waits=told,
                reasons=reasons,
                estimate_usd=estimate_usd(state, steps),
                log=log,
            )
        return self._shown

    @property
    def unread(self) -> Unread | None:
        """Return why it cannot be read, if it never could."""
        if self._state is not None or self._trouble is None:
            return None
        return Unread(self.dir, self._trouble)


def _waits(state: RunState, at: datetime, was: RunDetail | None) -> tuple[Wait, ...]:
    """Return what is waited for; the same object while it reads the same."""
    told = tuple(wait._replace(provider=clean(wait.provider)) for wait in waits(state.batches, at))
    if was is not None and [str(wait) for wait in was.waits] == [str(wait) for wait in told]:
        return was.waits
    return told
