"""MANIFEST.json and its summary: written whole, read back, or rebuilt from the journal."""

from datetime import datetime
from pathlib import Path

from runs import manifest
from runs.errors import Damaged
from runs.files import write_whole
from runs.journal import Replayed, replay
from runs.paths import RunPaths
from runs.state import RunState
from runs.times import stamp

__all__ = ["keep_damaged", "latest", "replayed", "write_snapshot", "write_summary"]


def write_snapshot(run: RunPaths, replayed: Replayed, *, at: datetime) -> None:
    """Put the manifest and its summary in place; the journal must be synced up to there."""
    write_whole(run.manifest, [manifest.to_json(replayed, at=at)])
    write_summary(run, replayed.state, at=at)


def write_summary(run: RunPaths, state: RunState, *, at: datetime) -> None:
    """Put the summary in place."""
    write_whole(run.summary, [manifest.summary(run.dir.name, state, at=at)])


def latest(run: RunPaths) -> RunState:
    """Return the state of a run now.

    Raises:
        RunNotFound, Damaged, UnknownFormat: as `replay` does.
    """
    return replayed(run).state


def replayed(run: RunPaths) -> Replayed:
    """Return a run now: by its snapshot and the journal after it, or by the whole journal.

    Raises:
        RunNotFound, Damaged, UnknownFormat: as `replay` does.
    """
    snapshot = _read(run.manifest)
    if snapshot is None or run.journal.stat().st_size < snapshot.end:
        return replay(run.journal)
    try:
        return replay(run.journal, snapshot.state, offset=snapshot.end)
    except Damaged:
        # A manifest of other lines than these; or to tell the true line number.
        return replay(run.journal)


def keep_damaged(path: Path, *, at: datetime) -> Path | None:
    """Move a manifest that cannot be read out of the way of a new one; return its new place."""
    if not path.exists() or _read(path) is not None:
        return None
    aside = path.with_name(f"{path.name}.damaged-{stamp(at)}")
    path.replace(aside)
    return aside


def _read(path: Path) -> Replayed | None:
    try:
        return manifest.from_json(path.read_bytes())
    except (OSError, ValueError):
        return None
