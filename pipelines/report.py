"""What a check has found so far: mistakes, and what is doubtful."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from pipelines.errors import Problem
from pipelines.folder import CONFIG
from pipelines.strict_yaml import Document, Keys

__all__ = ["Report"]


@dataclass(frozen=True, slots=True)
class Report:
    """The findings in one pipeline, and a part of its config.yaml that is being looked at."""

    folder: Path
    document: Document
    problems: list[Problem] = field(default_factory=list[Problem])
    doubts: list[Problem] = field(default_factory=list[Problem])
    keys: Keys = ()
    """The part that is being looked at."""
    prefix: str = ""
    """What names it in messages."""

    def within(self, keys: Keys, prefix: str = "") -> Self:
        """Return the same report, looking at a part of this part."""
        return replace(self, keys=(*self.keys, *keys), prefix=self.prefix + prefix)

    def wrong(self, keys: Keys, message: str) -> None:
        """Add a mistake in config.yaml."""
        self.problems.append(self._at(keys, message))

    def doubtful(self, keys: Keys, message: str) -> None:
        """Add something in config.yaml that is allowed, and probably not meant."""
        self.doubts.append(self._at(keys, message))

    def wrong_file(self, path: Path, line: int | None, message: str) -> None:
        """Add a mistake in another file."""
        self.problems.append(Problem(path, line, message))

    def doubtful_file(self, path: Path, line: int | None, message: str) -> None:
        """Add something doubtful in another file."""
        self.doubts.append(Problem(path, line, message))

    def wrong_within(self, keys: Keys, source: str, offset: int | None, message: str) -> None:
        """Add a mistake in a text of config.yaml, at its character `offset`, if that is known."""
        found = self._at(keys, message)
        written = self.document.texts.get((*self.keys, *keys))
        if written is not None and offset is not None:
            place = written.find(source, offset)
            if place is not None:
                found = Problem(found.path, place.line, found.message, place.column)
        self.problems.append(found)

    def _at(self, keys: Keys, message: str) -> Problem:
        line = self.document.line((*self.keys, *keys))
        return Problem(self.folder / CONFIG, line, f"{self.prefix}{message}")
