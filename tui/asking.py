"""What `octobatch check` says of a pipeline: besides its files, it knows the models it names."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from pipelines import Problem

__all__ = ["Checked", "Question", "ask"]

WRONG = 2
"""How the command ends that has found something wrong; else with 0."""


class Checked(NamedTuple):
    """What the command has found."""

    problems: tuple[Problem, ...]
    doubts: tuple[Problem, ...]


class Question:
    """The command at work on a folder; nobody waits for it."""

    def __init__(self, folder: Path) -> None:
        """Start it.

        Raises:
            OSError: it cannot be started.
        """
        command = [str(Path(sys.executable).with_name("octobatch")), "check", "--json", str(folder)]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe may be full before it is read
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, and a path
                command, stdin=subprocess.DEVNULL, stdout=self._said, stderr=subprocess.DEVNULL
            )
        except OSError:
            self._said.close()
            raise

    def is_over(self) -> bool:
        """Say whether it has ended."""
        return self._process.poll() is not None

    def answer(self) -> Checked | None:
        """Return what it has said, when it is over; None if it cannot be understood."""
        self._said.seek(0)
        content = self._said.read()
        self._said.close()
        try:
            said = json.loads(content) if self._process.returncode in {0, WRONG} else None
            return Checked(*(_problems(said[key]) for key in Checked._fields)) if said else None
        except (ValueError, LookupError, TypeError):
            return None

    def drop(self) -> None:
        """Stop it: what it was asked about is not as it was."""
        self._process.kill()
        self._process.wait()
        self._said.close()


def ask(folder: Path) -> Question | None:
    """Return a question about a folder; None if there is nobody to ask."""
    try:
        return Question(folder)
    except OSError:
        return None


def _problems(rows: list[dict[str, Any]]) -> tuple[Problem, ...]:
    return tuple(
        Problem(Path(row["path"]), row["line"], str(row["message"]), row["column"]) for row in rows
    )
