"""A long JSON array in an object, read element by element from a file."""

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["elements"]

BLOCK_BYTES = 1 << 20
SPACE = re.compile(r"[ \t\n\r]*")


def elements(path: Path, name: str) -> Iterator[Any]:
    """Return the elements of the array that the file's object has by a name.

    Raises:
        ValueError: it is no JSON, or no object with that array and nothing else.
    """
    with path.open("rb") as file:
        text = _Text(file)
        text.expect("{")
        if text.value() != name:
            raise ValueError(f"{name}: Field required")
        text.expect(":")
        text.expect("[")
        if text.next() != "]":
            yield text.value()
            while text.next() == ",":
                text.expect(",")
                yield text.value()
        text.expect("]")
        if text.next() == ",":
            raise ValueError(f"nothing but {name!r} is permitted")
        text.expect("}")
        if text.next():
            raise ValueError("Extra data")


class _Text:
    """What of a file is read and not yet understood."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoded = codecs.getincrementaldecoder("utf-8")().decode
        self._text = ""
        self._at = 0
        self._raw_decode = json.JSONDecoder().raw_decode

    def next(self) -> str:
        """Return the next character that says something; none at the end."""
        while True:
            self._at = _behind_space(self._text, self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(BLOCK_BYTES):
                return ""

    def expect(self, character: str) -> None:
        if self.next() != character:
            raise ValueError(f"expected {character!r}")
        self._at += 1

    def value(self) -> Any:
        self.next()
        while True:
            try:
                value, at = self._raw_decode(self._text, self._at)
            except json.JSONDecodeError:
                # Twice as much each time: a long value is not read over and over.
                if not self._more(max(BLOCK_BYTES, len(self._text) - self._at)):
                    raise
                continue
            # A number may go on behind what is read.
            if at == len(self._text) and self._more(BLOCK_BYTES):
                continue
            self._at = at
            return value

    def _more(self, size_bytes: int) -> bool:
        block = self._file.read(size_bytes)
        self._text = self._text[self._at :] + self._decoded(block, final=not block)
        self._at = 0
        return bool(block)


def _behind_space(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at
