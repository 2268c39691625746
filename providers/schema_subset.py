"""Put a JSON Schema in the subset that a vendor enforces while the model writes.

What cannot be enforced but only narrows a value (`minLength`) is told to the model in the
description; the verdict checks it anyway. What would change the shape of replies (conditions,
recursion, free-form objects) cannot be adapted: the caller then asks in another way.

A schema that does not say what a value is, as `{"properties": ...}`, is read as it is meant: an
object. An object that does not say whether more keys may come is read as having no more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson

from providers.schema_parts import CannotAdapt, inferred, telling

__all__ = ["Subset"]

# Deeper ones would end in a refusal by the vendor, or in Python's.
MAX_DEPTH = 32

WORDS = ("title", "description")
ANNOTATIONS = frozenset(
    {"$anchor", "$comment", "$schema", "default", "deprecated", "discriminator", "examples"}
    | {"readOnly", "writeOnly", *WORDS}
)
DEFINITIONS = ("$defs", "definitions")
SHAPES = frozenset(
    {"additionalProperties", "const", "enum", "items", "prefixItems", "properties"}
    | {"required", "type"}
)
_NUMBERS = frozenset(
    {"exclusiveMaximum", "exclusiveMinimum", "format", "maximum", "minimum", "multipleOf"}
)
NARROWING: Mapping[str, frozenset[str]] = {
    "array": frozenset({"maxItems", "minItems", "uniqueItems"}),
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "object": frozenset({"maxProperties", "minProperties"}),
    "string": frozenset(
        {"contentEncoding", "contentMediaType", "format", "maxLength", "minLength", "pattern"}
    ),
}
NARROWS = frozenset(chain.from_iterable(NARROWING.values()))


@dataclass(frozen=True, slots=True)
class Subset:
    """What of JSON Schema a vendor enforces."""

    keeps: Callable[[str, Any], bool]
    """Whether a keyword that only narrows values is enforced, when it says this."""
    lists: frozenset[str]
    """The types whose values may be listed by `enum`."""
    tuples: bool
    """Whether `prefixItems` is enforced."""
    closed: bool
    """Whether every object must forbid the keys that it does not describe."""

    def adapt(self, schema: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the schema within the subset, or None when it would lose what it means."""
        rest = {key: schema[key] for key in schema if key not in {"$id", *DEFINITIONS}}
        try:
            walk = _Walk(self, _definitions(schema))
            adapted = walk.node(rest, depth=0)
        except CannotAdapt:
            return None
        return {**adapted, "$defs": walk.adapted} if walk.adapted else adapted


@dataclass(frozen=True, slots=True)
class _Walk:
    """Adapts one schema. Of its definitions only those that are used are kept."""

    subset: Subset
    named: Mapping[str, Any]
    """The definitions, by what refers to them."""
    adapted: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    entered: list[str] = field(default_factory=list[str])

    def node(self, schema: Any, depth: int) -> dict[str, Any]:
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
            raise CannotAdapt
        words = {key: schema[key] for key in WORDS if key in schema}
        match sorted(schema.keys() - ANNOTATIONS):
            case ["$ref"]:
                return self.reference(str(schema["$ref"]), depth)
            case ["anyOf" | "oneOf" as key]:
                # oneOf only adds that no second branch matches, which the verdict checks.
                return {**words, "anyOf": [self.node(part, depth + 1) for part in schema[key]]}
            case ["allOf"] if len(schema["allOf"]) == 1:
                # How words are put beside a $ref, which takes none.
                return {**words, **self.node(schema["allOf"][0], depth + 1)}
            case keys if set(keys) <= SHAPES | NARROWS:
                return telling({**words, **self.typed(schema, depth)}, self.told(schema))
            case _:
                raise CannotAdapt

    def reference(self, target: str, depth: int) -> dict[str, Any]:
        # One that is met while it is being adapted refers to itself.
        if target not in self.named or target in self.entered:
            raise CannotAdapt
        name = target.rpartition("/")[2]
        if name not in self.adapted:
            self.entered.append(target)
            self.adapted[name] = self.node(self.named[target], depth + 1)
            self.entered.remove(target)
        return {"$ref": f"#/$defs/{name}"}

    def typed(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        values = _listed(schema)
        branches = [
            self.branch(kind, schema, depth)
            for kind in _types(schema)
            if values is None or any(_is(kind, value) for value in values)
        ]
        if not branches:
            raise CannotAdapt
        return branches[0] if len(branches) == 1 else {"anyOf": branches}

    def branch(self, kind: str, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        branch: dict[str, Any] = {"type": kind}
        for key in schema:
            if key in NARROWING.get(kind, ()) and self.subset.keeps(key, schema[key]):
                branch[key] = schema[key]
        match kind:
            case "object":
                return branch | self.object(schema, depth + 1)
            case "array":
                return branch | self.array(schema, depth + 1)
            case _:
                return branch | self.enum(kind, _listed(schema))

    def enum(self, kind: str, values: list[Any] | None) -> dict[str, Any]:
        if values is None or kind not in self.subset.lists:
            return {}
        return {"enum": [value for value in values if _is(kind, value)]}

    def told(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        told = {
            key: value
            for key, value in schema.items()
            if key in NARROWS and not self.subset.keeps(key, value)
        }
        values = _listed(schema) or []
        truths = {value for value in values if isinstance(value, bool)}
        if len(truths) == 1 and "boolean" not in self.subset.lists:
            told["enum"] = orjson.dumps(values).decode()
        return told

    def object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties", {})
        required: list[str] = list(schema.get("required", ()))
        more = schema.get("additionalProperties")
        more = True if more == {} else more
        free_form = not properties and (more is None or more is True)
        if free_form or not properties.keys() >= set(required):
            raise CannotAdapt
        adapted: dict[str, Any] = {
            "properties": {name: self.node(part, depth) for name, part in properties.items()},
            "required": required,
            "additionalProperties": self.additional(more, depth),
        }
        return {key: value for key, value in adapted.items() if value not in ({}, [], None)}

    def additional(self, more: Any, depth: int) -> Any:
        if self.subset.closed:
            if more not in (None, False):
                raise CannotAdapt
            return False
        return self.node(more, depth) if isinstance(more, Mapping) else more

    def array(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if "prefixItems" not in schema:
            return {"items": self.node(schema.get("items"), depth)}
        if not self.subset.tuples:
            raise CannotAdapt
        first = [self.node(part, depth) for part in schema["prefixItems"]]
        match schema.get("items"):
            case None | True:
                return {"prefixItems": first}
            case False:
                most = min(len(first), schema.get("maxItems", len(first)))
                return {"prefixItems": first, "maxItems": most}
            case rest:
                return {"prefixItems": first, "items": self.node(rest, depth)}


def _definitions(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definitions, by what refers to them."""
    named = {
        f"#/{keyword}/{name}": part
        for keyword in DEFINITIONS
        for name, part in schema.get(keyword, {}).items()
    }
    if len({target.rpartition("/")[2] for target in named}) < len(named):
        raise CannotAdapt
    return named


def _types(schema: Mapping[str, Any]) -> list[str]:
    declared = schema.get("type") or inferred(schema)
    types = [declared] if isinstance(declared, str) else list(declared)
    return [kind for kind in types if kind != "integer" or "number" not in types]


def _listed(schema: Mapping[str, Any]) -> list[Any] | None:
    """Return the values that it lists; None when it lists none."""
    if "const" not in schema:
        return schema.get("enum")
    if "enum" in schema:
        raise CannotAdapt
    return [schema["const"]]


def _is(kind: str, value: Any) -> bool:
    match value:
        case None:
            return kind == "null"
        case bool():
            return kind == "boolean"
        case str():
            return kind == "string"
        case int():
            return kind in {"integer", "number"}
        case float():
            return kind == "number" or (kind == "integer" and value.is_integer())
        case _:
            raise CannotAdapt
