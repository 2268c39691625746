"""What can go wrong with a pipeline.

Exception
├── PipelineNotFound    there is no such pipeline
├── UnknownStep         the pipeline has no such step
├── PipelineError       its files are wrong; every mistake at once
├── TemplateError       a prompt cannot be rendered for one unit
└── SandboxError        rules could not be evaluated: it says nothing of any unit; come back later
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines.nearest import did_you_mean

__all__ = [
    "PipelineError",
    "PipelineNotFound",
    "Problem",
    "SandboxError",
    "TemplateError",
    "UnknownStep",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a pipeline's files."""

    path: Path
    line: int | None
    """Counted from 1; None when the mistake is the file as a whole."""
    message: str
    column: int | None = None
    """Counted from 1; None when the mistake is the line as a whole."""

    def __str__(self) -> str:
        places = (part for part in (self.line, self.column) if part is not None)
        return ":".join((str(self.path), *map(str, places))) + f": {self.message}"


class PipelineNotFound(Exception):
    """There is no pipeline of this name."""

    def __init__(self, target: str, root: Path, available: tuple[str, ...]) -> None:
        super().__init__(target, root, available)
        self.target = target
        self.root = root
        self.available = available

    def __str__(self) -> str:
        there = ", ".join(self.available) or "no pipeline at all"
        near = did_you_mean(self.target, self.available) or "."
        return f"There is no pipeline {self.target!r}{near} {self.root} holds: {there}."


class UnknownStep(Exception):
    """The pipeline has no step of this name."""


class PipelineError(Exception):
    """A pipeline's files are wrong."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class TemplateError(Exception):
    """A template cannot be rendered for a unit; the message names template and line."""


class SandboxError(Exception):
    """Nothing can be said of the rows: the worker died again, or refuses the program itself."""
