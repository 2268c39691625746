"""What anyone may read of a run without holding it: its state, and whether somebody works on it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from runs.errors import RunNotFound
from runs.lock import TOUCH_SECONDS, Holder, holder_of
from runs.paths import RunPaths
from runs.snapshot import latest
from runs.state import RunState, Status, Waiting
from runs.times import Clock, now

__all__ = ["GRACE", "Liveness", "RunView", "liveness", "liveness_of", "read"]

FRESH = timedelta(seconds=3 * TOUCH_SECONDS)
"""A touch may be late on a busy machine; three in a row are not."""
GRACE = timedelta(minutes=2)
"""How long after its time a deferred run may take to be woken."""


class Liveness(StrEnum):
    """Whether a run goes on by itself."""

    PENDING = "pending"
    """Nobody has worked on it yet."""
    ACTIVE = "active"
    """A process works on it."""
    DEFERRED = "deferred"
    """It waits for a batch, and will be woken."""
    DETACHED = "detached"
    """Nobody works on it, and nobody woke it in time: it has to be resumed."""
    STUCK = "stuck"
    """The process that holds it lives, but has not been heard of."""
    PAUSED = "paused"
    """It was stopped with work left."""
    COMPLETE = "complete"
    """It is at its end."""
    FAILED = "failed"
    """A fault of ours ended it."""
    CANCELLED = "cancelled"
    """Somebody gave it up."""


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as it stood when it was read."""

    paths: RunPaths
    state: RunState
    liveness: Liveness
    holder: Holder | None
    """The process that works on it, or was killed while it did."""

    @property
    def name(self) -> str:
        return self.paths.dir.name


def read(run_dir: Path, *, clock: Clock = now) -> RunView:
    """Return a run as it stands on disk; neither locks nor writes.

    Raises:
        RunNotFound: there is no run here.
        Damaged: the journal has a bad line among good ones.
        UnknownFormat: a newer version wrote it.
    """
    run = RunPaths(run_dir)
    if not run.journal.is_file():
        raise RunNotFound(f"{run_dir} is not a run: it has no {run.journal.name}.")
    state = latest(run)
    holder = holder_of(run.lock)
    alive = _liveness(run, holder, state.status, state.waiting, clock())
    return RunView(run, state, alive, holder)


def liveness_of(run: RunPaths, status: Status, waiting: Waiting | None, at: datetime) -> Liveness:
    """Return whether a run of which that much is known goes on by itself."""
    return _liveness(run, holder_of(run.lock), status, waiting, at)


def liveness(
    status: Status,
    waiting: Waiting | None,
    *,
    holder_alive: bool | None,
    silent_for: timedelta | None,
    now: datetime,
) -> Liveness:
    """Return whether a run goes on by itself.

    Args:
        status: where it stands.
        waiting: what it waits for, if it was deferred.
        holder_alive: whether the process that signed the lock lives; None when that cannot be told.
        silent_for: how long ago the lock was touched; None when nobody has signed it.
        now: this moment.
    """
    if status not in {Status.PENDING, Status.RUNNING}:
        return Liveness(status.value)
    if silent_for is not None and holder_alive is not False:
        if silent_for < FRESH:
            return Liveness.ACTIVE
        if holder_alive:
            return Liveness.STUCK
    if status is Status.PENDING:
        return Liveness.PENDING
    if waiting is not None and now < waiting.until + GRACE:
        return Liveness.DEFERRED
    return Liveness.DETACHED


def _liveness(
    run: RunPaths, holder: Holder | None, status: Status, waiting: Waiting | None, at: datetime
) -> Liveness:
    alive, silent_for = None, None
    if holder is not None:
        alive = holder.alive
        silent_for = at - datetime.fromtimestamp(run.lock.stat().st_mtime, UTC)
    return liveness(status, waiting, holder_alive=alive, silent_for=silent_for, now=at)
