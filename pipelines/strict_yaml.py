"""Read YAML without its traps, and remember on which line everything stands.

Only what JSON could say is read: `no` is a word, `0123` is text, a date is text; tags, repeated
keys and alias bombs are refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from pipelines.errors import PipelineError, Problem
from pipelines.written import Written

__all__ = ["NUMBER", "Document", "Keys", "read_yaml"]

Keys: TypeAlias = tuple[str | int, ...]
"""The way from the top of a document to a value."""

MAX_NODES = 1_000_000
MAX_DEPTH = 50

_INT = r"[-+]?(0|[1-9][0-9]*)"
_FLOAT = rf"{_INT}(\.[0-9]+)?([eE][-+]?[0-9]+)?"
NUMBER = re.compile(_FLOAT)
"""What is read as a number."""
_TAG = "tag:yaml.org,2002:"
_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: plain values, and the line of each."""

    value: Any
    lines: Mapping[Keys, int]
    texts: Mapping[Keys, Written] = field(default_factory=dict[Keys, Written])
    """How each text was written, if that was asked for."""

    def line(self, keys: Keys) -> int | None:
        """Return the line of the value at `keys`, or of the nearest value around it."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys)


class _Loader(yaml.CSafeLoader):
    """The C parser with a resolver of its own: numbers as in JSON, true, false and null."""

    yaml_implicit_resolvers: Mapping[str, Any] = {}


for _tag, _pattern, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", _INT, list("-+0123456789")),
    ("float", _FLOAT, list("-+0123456789")),
):
    _Loader.add_implicit_resolver(_TAG + _tag, re.compile(rf"^(?:{_pattern})$"), _first)


def read_yaml(path: Path, text: str, *, texts: bool = False) -> Document:
    """Return what `text`, the content of `path`, says.

    Args:
        path: Where it is from.
        text: The YAML.
        texts: Whether it will be asked where in the file a character of a text is.

    Raises:
        PipelineError: it is not YAML, or uses what is refused here.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = ": ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else None
        raise PipelineError([Problem(path, line, message + _hint(text, line))]) from error
    except (yaml.YAMLError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise PipelineError([Problem(path, None, f"not readable as YAML: {reason}")]) from error
    finally:
        loader.dispose()
    builder = _Builder(path, text if texts else None)
    value = None if node is None else builder.build(node, ())
    if builder.problems:
        raise PipelineError(builder.problems)
    return Document(value, builder.lines, builder.texts)


@dataclass
class _Builder:
    path: Path
    source: str | None
    """The file's content, if it is to be remembered how texts were written."""
    lines: dict[Keys, int] = field(default_factory=dict[Keys, int])
    texts: dict[Keys, Written] = field(default_factory=dict[Keys, Written])
    problems: list[Problem] = field(default_factory=list[Problem])
    nodes: int = 0

    def build(self, node: yaml.Node, keys: Keys) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES or len(keys) > MAX_DEPTH:
            too = "deep" if len(keys) > MAX_DEPTH else "large; JSON lines have no such limit"
            raise PipelineError([*self.problems, self._problem(node, f"the document is too {too}")])
        self.lines.setdefault(keys, node.start_mark.line + 1)
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, keys)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self.build(item, (*keys, place)) for place, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
            if self.source is not None:
                self.texts[keys] = _written(node, self.source)
            return self._scalar(node, kind)
        self.problems.append(self._problem(node, f"the tag {node.tag!r} is not allowed"))
        return None

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != _TAG + "str":
                self.problems.append(self._problem(key_node, _not_text(key_node)))
                continue
            if key in built:
                first = self.lines[(*keys, key)]
                message = f"the key {key!r} is here twice; first on line {first}"
                self.problems.append(self._problem(key_node, message))
                continue
            self.lines[(*keys, key)] = key_node.start_mark.line + 1
            built[key] = self.build(value_node, (*keys, key))
        return built

    def _scalar(self, node: yaml.ScalarNode, kind: str) -> Any:
        try:
            return _SCALARS[kind](node.value)
        except (KeyError, ValueError):
            self.problems.append(self._problem(node, f"{node.value!r} is not a valid {kind}"))
            return None

    def _problem(self, node: yaml.Node, message: str) -> Problem:
        return Problem(self.path, node.start_mark.line + 1, message)


def _hint(text: str, line: int | None) -> str:
    """Return the likeliest remedy where `text` cannot be read as YAML."""
    written = "".join(text.splitlines()[line - 1 : line]) if line else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return "; YAML is indented by spaces, never by tabs"
    if ": " in written.partition(": ")[2]:
        return "; put a text that has `: ` in it in quotes"
    if "{{" in written:
        return "; put a text that begins with a bracket in quotes"
    return ""


def _not_text(key: yaml.Node) -> str:
    if isinstance(key, yaml.ScalarNode) and key.value:
        return f"the key {key.value} must be text: write '{key.value}'"
    return "a key must be text: put it in quotes"


def _written(node: yaml.ScalarNode, source: str) -> Written:
    start, end = node.start_mark, node.end_mark
    return Written(source[start.index : end.index], start.line + 1, start.column + 1)


_SCALARS: Mapping[str, Any] = {
    "str": str,
    "null": _WORDS.__getitem__,
    "bool": _WORDS.__getitem__,
    "int": int,
    "float": float,
}
