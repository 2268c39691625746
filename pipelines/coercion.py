"""Take a reply's values as they were meant: the text "5" where the schema wants a number.

What changes is the value that is kept. A value that is valid is never made invalid: all that can
happen to it is that a whole 5.0 becomes 5.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote

from pipelines.replies import extract
from pipelines.schemas import Schema
from pipelines.values import Unfit, clean

__all__ = ["Coerced", "Options", "coerce", "unwrap"]

_EMBELLISHMENT = "shadow "
"""What models like to put before the name of an archetype."""
MAX_SHOWN = 60
MAX_STEPS = 300_000
"""Hostile replies to a schema that branches and recurs would otherwise take for ever."""


class Coerced(NamedTuple):
    """A value as it was meant, and what that changed."""

    value: Any
    notes: tuple[str, ...]


def coerce(value: Any, schema: Schema) -> Coerced:
    """Return `value` with everything converted that `schema` asks for and that is plainly meant."""
    valid = schema.accepts(value)
    if valid and not _has_whole(value):
        return Coerced(value, ())
    work = _Coercion(schema)
    coerced = work.coerce(value, schema.document, "#", "$")
    if valid and not schema.accepts(coerced):
        return Coerced(value, ())
    return Coerced(coerced, tuple(work.notes))


def unwrap(fields: dict[str, Any], required: frozenset[str]) -> dict[str, Any]:
    """Return a reply freed of a `response` around it, when what is required is found in there."""
    wrapped = fields.get("response")
    missing = required - fields.keys()
    if not isinstance(wrapped, str) or not missing:
        return fields
    try:
        inner = extract(wrapped).fields
    except Unfit:
        return fields
    if not missing & inner.keys():
        return fields
    outer = {name: value for name, value in fields.items() if name != "response"}
    return {**inner, **outer}


class Options:
    """What may be chosen from, found by name but for case, blanks and embellishment."""

    def __init__(self, options: Sequence[Any]) -> None:
        texts = [option for option in options if isinstance(option, str)]
        self._exact = frozenset(texts)
        # Of options that differ in case only, the first.
        self._named = {option.casefold(): option for option in reversed(texts)}

    def nearest(self, text: str) -> str:
        """Return the option that `text` names; `text` itself when it is or names none."""
        if text in self._exact:
            return text
        name = text.strip().casefold().removeprefix(_EMBELLISHMENT).split(" | ")[0].strip()
        return self._named.get(name, text)


@dataclass
class _Coercion:
    schema: Schema
    notes: list[str] = field(default_factory=list[str])
    steps: int = 0
    options: dict[int, Options] = field(default_factory=dict[int, Options])
    """By identity of the schema's part."""

    def coerce(
        self, value: Any, node: Any, at: str, path: str, refs: frozenset[str] = frozenset()
    ) -> Any:
        """Return `value` as `node` wants it: the schema's part at `at`, come to through `refs`."""
        self.steps += 1
        if not isinstance(node, dict) or self.steps > MAX_STEPS:
            return value
        if "$ref" in node:
            value = self._follow(value, node["$ref"], path, refs)
        for place, part in enumerate(node.get("allOf", ())):
            value = self.coerce(value, part, f"{at}/allOf/{place}", path, refs)
        for keyword in ("anyOf", "oneOf"):
            if keyword in node:
                value = self._choose(value, node[keyword], f"{at}/{keyword}", path, refs)
        if "type" in node:
            value = self._convert(value, node, path)
        if isinstance(value, str) and ("enum" in node or "const" in node):
            value = self._option(value, node, path)
        if isinstance(value, dict):
            return self._object(value, node, at, path)
        if isinstance(value, list):
            return self._array(value, node, at, path)
        return value

    def _follow(self, value: Any, ref: str, path: str, refs: frozenset[str]) -> Any:
        # Other references, to anchors and to names, are the validator's to follow.
        if ref in refs or not (ref == "#" or ref.startswith("#/")):
            return value
        pointer = unquote(ref)
        target = self.schema.part(pointer)
        return self.coerce(value, target, pointer, path, refs | {ref})

    def _choose(
        self, value: Any, branches: list[Any], at: str, path: str, refs: frozenset[str]
    ) -> Any:
        """Keep a value that a branch takes, else convert it for the first that takes it then."""
        accepts = self.schema.accepts_at
        # It goes through the whole value for each branch.
        self.steps += len(branches) * _size(value)
        if self.steps > MAX_STEPS:
            return value
        if any(accepts(f"{at}/{place}", value) for place in range(len(branches))):
            return value
        for place, branch in enumerate(branches):
            kept = len(self.notes)
            converted = self.coerce(value, branch, f"{at}/{place}", path, refs)
            if accepts(f"{at}/{place}", converted):
                return converted
            del self.notes[kept:]
        return value

    def _convert(self, value: Any, node: Mapping[str, Any], path: str) -> Any:
        types = node["type"] if isinstance(node["type"], list) else [node["type"]]
        if isinstance(value, float) and "integer" in types and "number" not in types:
            return _whole(value)
        if any(_is(value, kind) for kind in types):
            return value
        for kind in types:
            converter = _CONVERTERS.get((type(value), kind))
            converted = None if converter is None else converter(value, node)
            if converted is not None:
                self._note(path, value, converted)
                return converted
        return value

    def _option(self, value: str, node: Mapping[str, Any], path: str) -> str:
        options = self.options.get(id(node))
        if options is None:
            given = [node["const"]] if "const" in node else node["enum"]
            options = self.options[id(node)] = Options(given)
        option = options.nearest(value)
        if option != value:
            self._note(path, value, option)
        return option

    def _object(self, value: dict[str, Any], node: dict[str, Any], at: str, path: str) -> Any:
        coerced: dict[str, Any] = {}
        for key, item in value.items():
            for part, keyword in self._parts(key, node):
                item = self.coerce(item, part, f"{at}/{keyword}", f"{path}.{key}")  # noqa: PLW2901
            coerced[key] = item
        return coerced

    def _parts(self, key: str, node: dict[str, Any]) -> list[tuple[Any, str]]:
        """Return what `node` says of the field `key`, each with its place."""
        parts: list[tuple[Any, str]] = []
        if key in node.get("properties", ()):
            parts.append((node["properties"][key], f"properties/{_escaped(key)}"))
        for pattern, part in node.get("patternProperties", {}).items():
            if self.schema.matches(pattern, key):
                parts.append((part, f"patternProperties/{_escaped(pattern)}"))
        return parts or [(node.get("additionalProperties"), "additionalProperties")]

    def _array(self, value: list[Any], node: dict[str, Any], at: str, path: str) -> Any:
        first = node.get("prefixItems", [])
        coerced: list[Any] = []
        for place, item in enumerate(value):
            own = place < len(first)
            part, keyword = (
                (first[place], f"prefixItems/{place}") if own else (node.get("items"), "items")
            )
            coerced.append(self.coerce(item, part, f"{at}/{keyword}", f"{path}[{place}]"))
        return coerced

    def _note(self, path: str, value: Any, converted: Any) -> None:
        self.notes.append(f"{path}: {_shown(value)} taken as {_shown(converted)}")


def _integer(text: str, _node: Mapping[str, Any]) -> int | None:
    try:
        whole = int(text)
    except ValueError:
        number = _number(text, _node)
        whole = None if number is None else _whole(number)
    return whole if isinstance(whole, int) and abs(whole) < 2**63 else None


def _number(text: str, _node: Mapping[str, Any]) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _boolean(text: str, _node: Mapping[str, Any]) -> bool | None:
    return {"true": True, "false": False}.get(text.strip().lower())


def _list(text: str, node: Mapping[str, Any]) -> list[Any]:
    try:
        parsed = clean(json.loads(text)).value
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, list):
        return parsed
    items = node.get("items")
    tagged = isinstance(items, dict) and "tag" in items.get("properties", ())
    return [{"tag": text}] if tagged else [text]


def _mapping(text: str, _node: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return extract(text).fields
    except Unfit:
        return None


def _text(number: float, _node: Mapping[str, Any]) -> str:
    return str(number)


def _whole(number: float) -> float | int:
    return int(number) if number.is_integer() and abs(number) < 2**63 else number


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])


def _has_whole(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_whole, value.values()))
    if isinstance(value, list):
        return any(map(_has_whole, value))
    return isinstance(value, float) and value.is_integer()


def _size(value: Any) -> int:
    """Return how many values `value` holds, itself among them."""
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


_TYPES: dict[str, Any] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "null": type(None),
    "number": int | float,
    "object": dict,
    "string": str,
}
_CONVERTERS: dict[tuple[type, str], Callable[[Any, Mapping[str, Any]], Any]] = {
    (str, "integer"): _integer,
    (str, "number"): _number,
    (str, "boolean"): _boolean,
    (str, "array"): _list,
    (str, "object"): _mapping,
    (int, "string"): _text,
    (float, "string"): _text,
}
