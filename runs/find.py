"""Which run is meant: by name, prefix, path or `last`; and names for new ones."""

import difflib
import itertools
import re
from datetime import datetime
from pathlib import Path

from runs.errors import AmbiguousRun, RunNameError, RunNotFound
from runs.journal import created_at
from runs.paths import RunPaths, runs_root

__all__ = ["claim", "is_run", "list_runs", "resolve"]

NAME = re.compile(r"(?![_.-])[A-Za-z0-9._-]{1,64}")
LAST = "last"


def is_run(folder: Path) -> bool:
    """Say whether `folder` holds a run: one whose making was interrupted has no journal."""
    return RunPaths(folder).journal.is_file()


def list_runs() -> list[Path]:
    """Return the runs under the root, newest first; the archive (`_…`) is not among them."""
    root = runs_root()
    if not root.is_dir():
        return []
    folders = [folder for folder in root.iterdir() if folder.name[0] not in "_." and is_run(folder)]
    return sorted(folders, key=lambda folder: (created_at(folder), folder.name), reverse=True)


def resolve(target: str) -> Path:
    """Return the run that `target` means: a name, an unambiguous prefix, a path, or `last`.

    Raises:
        RunNotFound: none; the message names the nearest.
        AmbiguousRun: several begin so.
    """
    if target == LAST:
        return _last()
    if "/" in target:
        return _at(Path(target).expanduser().resolve())
    named = runs_root() / target
    if target and is_run(named):
        return named
    names = [run.name for run in list_runs()]
    candidates = [name for name in names if target and name.startswith(target)]
    if len(candidates) > 1:
        raise AmbiguousRun(target, tuple(candidates))
    if not candidates:
        raise RunNotFound(_no_run(target, names))
    return runs_root() / candidates[0]


def claim(name: str | None, pipeline: str, at: datetime) -> Path:
    """Make and return the folder of a new run, with this name or its pipeline's and the time.

    A name that is taken gets _2, _3, ….

    Raises:
        RunNameError: the name cannot be a run's.
    """
    stem = f"{pipeline}_{at:%Y%m%d_%H%M%S}" if name is None else name
    if not NAME.fullmatch(stem) or stem == LAST:
        raise RunNameError(
            f"{stem!r} cannot be the name of a run: use 1 to 64 letters, digits, '.', '_' and '-', "
            f"beginning with a letter or digit; {LAST!r} already means the newest run."
        )
    root = runs_root()
    root.mkdir(parents=True, exist_ok=True)
    for suffix in itertools.chain([""], (f"_{n}" for n in itertools.count(2))):
        folder = root / f"{stem}{suffix}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder
    raise AssertionError("the suffixes never end")


def _last() -> Path:
    runs = list_runs()
    if not runs:
        raise RunNotFound(f"There is no run in {runs_root()} yet.")
    return runs[0]


def _at(folder: Path) -> Path:
    if not is_run(folder):
        raise RunNotFound(f"{folder} is not a run: it has no {RunPaths(folder).journal.name}.")
    return folder


def _no_run(target: str, names: list[str]) -> str:
    said = f"No run in {runs_root()} is named {target!r} or begins so."
    if near := difflib.get_close_matches(target, names, n=1, cutoff=0.5):
        return f"{said} Did you mean {near[0]!r}?"
    return f"{said} The newest is {names[0]!r}." if names else f"{said} There is none yet."
