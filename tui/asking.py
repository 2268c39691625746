"""What `octobatch check` says of a pipeline: besides its files, it knows the models it names."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from pipelines import Problem

__all__ = ["Checked", "checked"]

MOST_SECONDS = 30.0
WRONG = 2
"""How the command ends that has found something wrong; else with 0."""


class Checked(NamedTuple):
    """What the command has found."""

    problems: tuple[Problem, ...]
    doubts: tuple[Problem, ...]


def checked(folder: Path) -> Checked | None:
    """Return what the command says of a folder; None if it cannot be asked."""
    command = [str(Path(sys.executable).with_name("octobatch")), "check", "--json", str(folder)]
    try:
        done = subprocess.run(  # noqa: S603 - our own command, and a path
            command,
            capture_output=True,
            check=False,
            timeout=MOST_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        said = json.loads(done.stdout) if done.returncode in {0, WRONG} else None
        return Checked(*(_problems(said[key]) for key in Checked._fields)) if said else None
    except (OSError, ValueError, LookupError, TypeError, subprocess.SubprocessError):
        return None


def _problems(rows: list[dict[str, Any]]) -> tuple[Problem, ...]:
    return tuple(
        Problem(Path(row["path"]), row["line"], str(row["message"]), row["column"]) for row in rows
    )
