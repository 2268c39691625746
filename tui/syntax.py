"""The colours of templates, YAML and JSON: by the line, so that a file of any size is cheap."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tui.paint import Cell, Part, Tone

__all__ = ["coloured"]

LONGEST = 2_000
"""Characters: what is longer is no line that somebody wrote."""
JINJA = re.compile(r"(?P<dim>\{#.*?#\})|(?P<accent>\{\{.*?\}\}|\{%.*?%\})")
YAML = re.compile(r"(?P<dim>(?:^|(?<=\s))#.*$)|(?P<live>^[\s-]*[A-Za-z_][\w ]*(?=:(?:\s|$)))")
JSON = re.compile(r'(?P<live>"(?:[^"\\]|\\.)*"(?=\s*:))')
_KINDS = {".jinja2": JINJA, ".j2": JINJA, ".yaml": YAML, ".yml": YAML, ".json": JSON}


def coloured(line: str, file: str) -> Cell:
    """Return a line of a file of this name in its colours."""
    kind = _KINDS.get(PurePosixPath(file).suffix)
    if kind is None or len(line) > LONGEST:
        return (Part(line),)
    return tuple(_parts(line, kind))


def _parts(line: str, kind: re.Pattern[str]) -> Iterator[Part]:
    at = 0
    for match in kind.finditer(line):
        if match.start() > at:
            yield Part(line[at : match.start()])
        yield Part(match.group(), Tone(str(match.lastgroup)))
        at = match.end()
    if at < len(line):
        yield Part(line[at:])
