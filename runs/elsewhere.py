"""What the other runs of the data root have at providers: limits are an account's, not a run's."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from runs.find import is_run
from runs.fold import waiting_from_json
from runs.jsonl import loads
from runs.load import HOUR, Loads, loads_from_json
from runs.paths import RunPaths, runs_root
from runs.state import Status, Waiting
from runs.view import Liveness, liveness_of

__all__ = ["Elsewhere"]

AT_WORK = frozenset({Liveness.ACTIVE, Liveness.STUCK, Liveness.DEFERRED})


class _Told(NamedTuple):
    """What a run's summary says."""

    emulate: bool
    status: Status
    waiting: Waiting | None
    loads: Loads


class Elsewhere:
    """What the other runs of the data root have at providers.

    A summary is written when a batch is handed in, and else every two seconds at most: what is over
    may still be counted for so long. Runs that nobody works on, and nobody will wake, are not
    counted: nobody knows whether their batches are over, and a provider that has no room says so
    itself. Emulated runs and others never count for one another.
    """

    def __init__(self, own: Path, *, emulate: bool) -> None:
        self._own = own.resolve()
        self._emulate = emulate
        self._read: dict[Path, tuple[int, _Told | None]] = {}
        """What was read, and the time of the file that it was read from."""

    def look(self, at: datetime) -> Loads:
        """Return what there is now."""
        found = Loads()
        for run in _runs(self._own):
            if (told := self._told(run)) is None or told.emulate != self._emulate:
                continue
            lines = told.loads.lines if _at_work(run, told, at) else {}
            created = told.loads.created if at - _written(run) < HOUR else {}
            found = found.plus(Loads(lines, created))
        return found

    def _told(self, run: RunPaths) -> _Told | None:
        try:
            changed = run.summary.stat().st_mtime_ns
        except OSError:
            return None
        known = self._read.get(run.dir)
        if known is None or known[0] != changed:
            known = self._read[run.dir] = changed, _read(run.summary)
        return known[1]


def _runs(own: Path) -> list[RunPaths]:
    root = runs_root()
    if not root.is_dir():
        return []
    folders = (folder for folder in root.iterdir() if folder.name[0] not in "_.")
    return [RunPaths(folder) for folder in folders if folder != own and is_run(folder)]


def _read(summary: Path) -> _Told | None:
    """Return what concerns others of a summary; None if that is nothing."""
    try:
        row = loads(summary.read_bytes())
        told = loads_from_json(row)
        if not told.lines and not told.created:
            return None
        waiting = waiting_from_json(row["waiting"])
        return _Told(row["emulate"], Status(row["status"]), waiting, told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # damaged, or of another version: its own provider knows better


def _at_work(run: RunPaths, told: _Told, at: datetime) -> bool:
    return bool(told.loads.lines) and liveness_of(run, told.status, told.waiting, at) in AT_WORK


def _written(run: RunPaths) -> datetime:
    try:
        return datetime.fromtimestamp(run.summary.stat().st_mtime, UTC)
    except OSError:
        return datetime.min.replace(tzinfo=UTC)
