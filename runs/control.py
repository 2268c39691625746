"""Requests to whoever holds a run: a file in control/, deleted when it has been heeded."""

import time
import uuid
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from runs.files import write_whole
from runs.jsonl import dumps, loads
from runs.paths import RunPaths

__all__ = ["Request", "Verb", "request", "requests"]

PATIENCE_SECONDS = 10.0
STALE_SECONDS = 60.0
LOOK_SECONDS = 0.1


class Verb(StrEnum):
    """What a run may be asked to do."""

    PAUSE = "pause"
    CANCEL = "cancel"


class Request(NamedTuple):
    """A request, and the file that it stands in."""

    verb: Verb
    path: Path


def request(paths: RunPaths, verb: Verb, *, patience_seconds: float = PATIENCE_SECONDS) -> bool:
    """Ask the holder of a run for something; return whether it has heard.

    A request that nobody hears is taken back.
    """
    paths.control.mkdir(mode=0o700, exist_ok=True)
    path = paths.control / f"{uuid.uuid4().hex}.json"
    write_whole(path, [dumps({"verb": verb.value})])
    deadline = time.monotonic() + patience_seconds
    try:
        while path.exists() and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return not path.exists()
    finally:
        path.unlink(missing_ok=True)


def requests(paths: RunPaths) -> list[Request]:
    """Return what is asked of the holder of a run; what cannot be read is not asked.

    Nor is what was asked so long ago that nobody waits for it: who asked was killed meanwhile.
    """
    found: list[Request] = []
    for path in sorted(paths.control.glob("*.json")):
        try:
            # Whatever the clock says: of the future are those of before it was put back.
            if abs(time.time() - path.stat().st_mtime) < STALE_SECONDS:
                found.append(Request(Verb(loads(path.read_bytes())["verb"]), path))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found
