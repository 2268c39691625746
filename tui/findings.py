"""What a check says of a pipeline, and which step and key each of it concerns."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines import Problem
from pipelines.folder import CONFIG
from pipelines.strict_yaml import Document, Keys
from tui.clean import clean

__all__ = ["Finding", "Owners", "findings_of"]

STEPS = "pipeline"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or doubtful."""

    wrong: bool
    """Else it can be run, and was probably not meant."""
    file: str
    """From the pipeline's folder on."""
    line: int | None
    message: str
    step: int | None = None
    """The place of the step it concerns, from 0; None if that is the pipeline as a whole."""
    key: str | None = None
    """What of that is concerned; None if nobody can tell."""

    @property
    def place(self) -> str:
        """Return where it is."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


def findings_of(
    problems: Iterable[Problem], doubts: Iterable[Problem], owners: "Owners", folder: Path
) -> tuple[Finding, ...]:
    """Return what a check of a folder has found, what is wrong before what is doubtful."""
    kinds = ((True, problems), (False, doubts))
    return tuple(
        _finding(one, folder.resolve(), owners, wrong=wrong)
        for wrong, some in kinds
        for one in some
    )


def _finding(one: Problem, folder: Path, owners: "Owners", *, wrong: bool) -> Finding:
    path = one.path.relative_to(folder) if one.path.is_relative_to(folder) else one.path
    file = clean(path.as_posix() if path != Path() else folder.name)
    step, key = owners.of(one.line) if file == CONFIG else (None, None)
    return Finding(wrong, file, one.line, clean(one.message), step, key)


class Owners:
    """To which step and key the lines of config.yaml belong."""

    def __init__(self, document: Document, readable: int) -> None:
        """Take the file: a line belongs to what begins there, or before it, if it is readable."""
        self._readable = readable
        ways = reversed(list(document.lines.items()))
        first = {line: keys for keys, line in ways if keys}  # of several on a line
        self._lines = sorted(first)
        self._first = first

    def of(self, line: int | None) -> tuple[int | None, str | None]:
        """Return the place of the step, and the key; None where there is none."""
        if line is None or line > self._readable:
            return None, None
        place = bisect_right(self._lines, line) - 1
        return _named(self._first[self._lines[place]]) if place >= 0 else (None, None)


def _named(keys: Keys) -> tuple[int | None, str | None]:
    match keys:
        case (str(top), int(step), str(key), *_) if top == STEPS:
            return step, clean(key)
        case (str(top), int(step), *_) if top == STEPS:
            return step, None
        case (key, *_):
            return None, clean(str(key))
        case _:
            return None, None
