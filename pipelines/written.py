"""Where in a file a character of a text is: a text may be quoted there, or stand on many lines."""

from typing import NamedTuple

__all__ = ["Place", "Written"]

_ESCAPES = {"'": {"'": "''"}, '"': {'"': '\\"', "\\": "\\\\"}}
"""How quoted texts write characters that would mean something else, by the quote."""


class Place(NamedTuple):
    """A place in a file, counted from 1."""

    line: int
    column: int


class Written(NamedTuple):
    """A text as its file has it: quoted, or folded, or as it is."""

    source: str
    line: int
    """Where it begins."""
    column: int

    def find(self, text: str, offset: int) -> Place | None:
        """Return where character `offset` of `text`, which this was read as, is in the file.

        None when it cannot be told, since characters are written by their numbers.
        """
        at, escapes = self._start(), _ESCAPES.get(self.source[:1], {})
        for place, wanted in enumerate(text):
            if wanted.isspace():
                continue
            # Folding and quoting change white space only, and what is escaped.
            at = self._skip(at)
            if place >= offset:
                return self._place(at)
            said = escapes.get(wanted, wanted)
            if not self.source.startswith(said, at):
                return None
            at += len(said)
        return self._place(at)

    def _start(self) -> int:
        if self.source[:1] in {"|", ">"}:  # their first line says how they are folded
            return self.source.index("\n") if "\n" in self.source else len(self.source)
        return 1 if self.source[:1] in _ESCAPES else 0

    def _skip(self, at: int) -> int:
        while at < len(self.source) and self.source[at].isspace():
            at += 1
        return at

    def _place(self, at: int) -> Place:
        before = self.source[:at]
        down = before.count("\n")
        start = self.column if down == 0 else 1
        return Place(self.line + down, start + len(before) - (before.rfind("\n") + 1))
