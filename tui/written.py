"""What stands in a file of YAML where, line by line, as it is written there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipelines import PipelineError
from pipelines.strict_yaml import Document, Keys, read_yaml

__all__ = ["Written", "written"]

COMMENT = "#"


@dataclass(frozen=True)
class Written:
    """A file of YAML: what it says, and its lines."""

    lines: Sequence[str]
    document: Document
    """What could be read of it."""
    readable: int
    """How many of its lines that are, from the first on."""

    def part(self, keys: Keys) -> tuple[int, Sequence[str]]:
        """Return the lines at `keys`, with the comments above them, and the number of the first."""
        begin = self.document.lines[keys]
        end = next(self._behind(keys, begin), self.readable + 1)
        indent = _indent(self.lines[begin - 1])
        while end - 1 > begin and self._apart(end - 1, indent):
            end -= 1
        while begin > 1 and self._is_comment(begin - 1, indent):
            begin -= 1
        return begin, self.lines[begin - 1 : end - 1]

    def at(self, line: int) -> Keys | None:
        """Return the way to what begins on a line; None if nothing does."""
        return self._first.get(line)

    @cached_property
    def _first(self) -> Mapping[int, Keys]:
        ways = reversed(self._ways)  # of several on a line, the first
        return {self.document.lines[keys]: keys for keys in ways if keys}

    def _behind(self, keys: Keys, begin: int) -> Iterator[int]:
        """Yield the lines of what stands behind a part: ways are in the order of the file."""
        for place in range(self._places[keys] + 1, len(self._ways)):
            other = self._ways[place]
            if other[: len(keys)] != keys and (line := self.document.lines[other]) > begin:
                yield line

    @cached_property
    def _ways(self) -> Sequence[Keys]:
        return list(self.document.lines)

    @cached_property
    def _places(self) -> Mapping[Keys, int]:
        return {keys: place for place, keys in enumerate(self._ways)}

    def _apart(self, line: int, indent: int) -> bool:
        """Say whether a line at the end of a part is none of it: empty, or said of what follows."""
        text = self.lines[line - 1]
        return not text.strip() or (self._is_comment(line, indent) or _indent(text) < indent)

    def _is_comment(self, line: int, indent: int) -> bool:
        text = self.lines[line - 1]
        return text.lstrip().startswith(COMMENT) and _indent(text) <= indent


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def written(path: Path, text: str) -> Written:
    """Return what a file says; where it cannot be read, what stands before its first mistake."""
    lines = text.splitlines()
    readable, unreadable = 0, len(lines) + 1
    document = _read(path, lines)
    if document is not None:
        return Written(lines, document, len(lines))
    document = Document(None, {})
    while unreadable - readable > 1:
        middle = (readable + unreadable) // 2
        if (found := _read(path, lines[:middle])) is not None:
            readable, document = middle, found
        else:
            unreadable = middle
    return Written(lines, document, readable)


def _read(path: Path, lines: Sequence[str]) -> Document | None:
    try:
        return read_yaml(path, "\n".join(lines))
    except (PipelineError, ValueError, RecursionError):
        return None
