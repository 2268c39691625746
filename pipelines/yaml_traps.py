"""Words that YAML 1.1, which most readers speak, takes for something else than we do."""

from collections.abc import Iterator
from typing import NamedTuple

import yaml

from pipelines.strict_yaml import NUMBER

__all__ = ["Trap", "traps"]

MOST_SCALARS = 20_000

_TAG = "tag:yaml.org,2002:"
_MEANINGS = {
    "bool": "true or false",
    "float": "a number",
    "int": "a number",
    "null": "nothing",
    "timestamp": "a date",
    "merge": "an order to merge",
    "value": "a default",
}
_ALIKE = frozenset({"", "~", "false", "null", "true"})
_MOST = "to most readers of YAML "
_QUOTE = "put it in quotes if it is text, or write true, false, null or a plain number"
_WRITE_OUT = "write it out, or put it in quotes"


class Trap(NamedTuple):
    """A scalar that is not read alike everywhere."""

    line: int
    message: str


def traps(text: str) -> Iterator[Trap]:
    """Yield the traps in the beginning of `text`; where it is no YAML they end."""
    seen = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if not isinstance(event, yaml.ScalarEvent):
                continue
            seen += 1
            if seen > MOST_SCALARS:
                return
            # Only what is neither quoted nor tagged means what it looks like.
            if event.implicit[0] and (message := _said(event.value)):
                yield Trap(event.start_mark.line + 1, message)
    except yaml.YAMLError:
        return


def _said(value: str) -> str | None:
    theirs = _theirs(value)
    if NUMBER.fullmatch(value):
        if theirs in {"int", "float"}:
            return None
        return f"{value} is the number {float(value):g} here, and {_MOST}text: {_WRITE_OUT}"
    if value in _ALIKE or theirs == "text":
        return None
    return f"{value!r} is text here, and {_MOST}{_MEANINGS[theirs]}: {_QUOTE}"


def _theirs(value: str) -> str:
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(value[:1], ()):
        if pattern.match(value):
            return str(tag).removeprefix(_TAG)
    return "text"
