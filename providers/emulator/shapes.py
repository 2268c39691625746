"""What a JSON Schema comes to once its references are followed and its branches chosen."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["DeadEnd", "Schema", "types", "without_references"]

Schema = Mapping[str, Any]

MOST_TURNS = 50
LEADING_ON = ("$ref", "allOf", "anyOf", "oneOf")
TIGHTER: Mapping[str, Callable[[Any, Any], Any]] = {
    **dict.fromkeys(("minimum", "exclusiveMinimum"), max),
    **dict.fromkeys(("minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum"), min),
    **dict.fromkeys(("maxLength", "maxItems", "maxProperties"), min),
}
IMPLIED = {
    "object": ("properties", "required", "additionalProperties", "minProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems", "uniqueItems"),
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


class DeadEnd(Exception):
    """No value can be drawn this way; another draw may find one."""


def without_references(schema: Any, root: Any, choose: Callable[[Sequence[Any]], Any]) -> Schema:
    """Return one flat schema: `$ref` followed, `allOf` joined, one of `anyOf` and `oneOf` taken.

    Raises:
        DeadEnd: nothing satisfies it, or it refers to itself without end.
    """
    for _ in range(MOST_TURNS):
        if schema is False:
            raise DeadEnd
        if not isinstance(schema, Mapping):
            return {}
        if schema.keys().isdisjoint(LEADING_ON):
            return schema
        rest = dict(schema)
        if "$ref" in rest:
            schema = _both(rest, _target(rest.pop("$ref"), root))
        elif parts := rest.pop("allOf", None):
            for part in parts:
                rest = _both(rest, part)
            schema = rest
        else:
            branches = rest.pop("anyOf", None) or rest.pop("oneOf")
            schema = _both(rest, choose(branches))
    raise DeadEnd


def types(schema: Schema) -> list[str]:
    """Return the types a flat schema allows, as it names or implies them; none if it is open."""
    declared = schema.get("type")
    if declared is not None:
        return [declared] if isinstance(declared, str) else list(declared)
    return [name for name, keys in IMPLIED.items() if any(key in schema for key in keys)][:1]


def _target(reference: str, root: Any) -> Any:
    target = root
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        try:
            target = target[int(key) if isinstance(target, list) else key]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise DeadEnd from error
    return target


def _both(one: Any, other: Any) -> dict[str, Any]:
    """Return a schema for values that satisfy both, as far as the keywords can be joined."""
    if one is False or other is False:
        raise DeadEnd
    if not isinstance(other, Mapping):
        return dict(one)
    joined = {**one, **other}
    for key in one.keys() & other.keys():
        joined[key] = _joined(key, one[key], other[key])
    return joined


def _joined(key: str, one: Any, other: Any) -> Any:
    if key in TIGHTER:
        return TIGHTER[key](one, other)
    match key:
        case "properties":
            names = one.keys() & other.keys()
            shared = {name: {"allOf": [one[name], other[name]]} for name in names}
            return {**one, **other, **shared}
        case "required":
            return [*one, *(name for name in other if name not in one)]
        case "enum":
            return [value for value in one if value in other]
        case "allOf":
            return [*one, *other]
        case "type":
            return _shared_types({"type": one}, {"type": other})
        case _:
            return other


def _shared_types(one: Schema, other: Schema) -> list[str]:
    def widened(schema: Schema) -> set[str]:
        names = set(types(schema))
        return names | {"integer"} if "number" in names else names

    shared = widened(one) & widened(other)
    if not shared:
        raise DeadEnd
    return sorted(shared - {"integer"} if "number" in shared else shared)
