"""Work on a run in the background: its terminal may be closed."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import runs
from flows import pipes
from flows.errors import BadRequest
from runs import Liveness, RunPaths

__all__ = ["detach"]

_PYTHON = sys.executable
LOOK_SECONDS = 0.1
TOLD = 2000
"""Of what a process has said that ended at once, so many characters are told."""


def detach(run_dir: Path, said: Mapping[str, Any], *, notify: str | None) -> int:
    """Have a process of its own work on a run, and return once it does.

    Raises:
        BadRequest: it ended before.
    """
    paths = RunPaths(run_dir)
    words = [_PYTHON, "-m", "flows.run", str(run_dir), "--quiet", "--yes", *_words(said)]
    if notify is not None:
        words += ["--notify", notify]
    before = runs.read(run_dir).state.epoch
    with paths.orchestrator_log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and what was typed
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    while (view := runs.read(run_dir)).state.epoch == before and process.poll() is None:
        time.sleep(LOOK_SECONDS)
    if view.liveness is not Liveness.ACTIVE and process.poll() not in {None, 0, 1}:
        log = paths.orchestrator_log.read_text(errors="replace")[-TOLD:].strip()
        raise BadRequest(f"{run_dir.name} could not be worked on in the background:\n{log}")
    pipes.say(
        f"{run_dir.name} is worked on in the background (process {process.pid}). "
        f"octobatch watch {run_dir.name} shows how it goes on; "
        f"octobatch pause {run_dir.name} stops it."
    )
    return 0


def _words(said: Mapping[str, Any]) -> list[str]:
    """Return options as they are typed."""
    words: list[str] = []
    for name, value in said.items():
        if name == "lane":
            words.append(f"--{value}")
        elif name == "skip_canary":
            words.append("--no-canary")
        elif value is True:
            words.append(f"--{name.replace('_', '-')}")
        else:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words
