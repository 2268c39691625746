"""Adapt a JSON Schema to the subset that OpenAI enforces while the model writes (`strict`).

What cannot be enforced but only narrows a value (`minLength`) is told to the model in the
description; the verdict checks it anyway. What would change the shape of replies (keys that may be
missing, free-form objects, conditions) cannot be adapted: the caller then asks in another way.
"""

from collections.abc import Mapping
from typing import Any

from providers.schema_parts import CannotAdapt, inferred, parts, telling

__all__ = ["strict"]

# https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
MAX_DEPTH = 10
MAX_PROPERTIES = 5000
MAX_ENUM_VALUES = 1000
FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)

ENFORCED = frozenset(
    {"const", "description", "enum", "exclusiveMaximum", "exclusiveMinimum", "format"}
    | {"maxItems", "maximum", "minItems", "minimum", "multipleOf", "pattern", "title", "type"}
)
TOLD = frozenset({"maxLength", "maxProperties", "minLength", "minProperties", "uniqueItems"})
ANNOTATIONS = frozenset(
    {"$comment", "$id", "$schema", "default", "deprecated", "description", "examples"}
    | {"readOnly", "title", "writeOnly"}
)
APPLIED = frozenset(
    {"$defs", "additionalProperties", "anyOf", "definitions", "items", "oneOf"}
    | {"properties", "required"}
)


def strict(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the schema within the subset, or None when it would lose what it means."""
    try:
        adapted = _node(schema, depth=0)
    except CannotAdapt:
        return None
    return adapted if adapted.get("type") == "object" and _is_small(adapted) else None


def _node(schema: Any, depth: int) -> dict[str, Any]:
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        raise CannotAdapt
    if "$ref" in schema:
        return _reference(schema)
    if schema.keys() - ENFORCED - TOLD - ANNOTATIONS - APPLIED:
        raise CannotAdapt
    adapted = {key: value for key, value in schema.items() if key in ENFORCED}
    # oneOf only adds that no second branch matches, which the verdict checks.
    for branches in (schema[key] for key in ("anyOf", "oneOf") if key in schema):
        if "anyOf" in adapted:
            raise CannotAdapt
        adapted["anyOf"] = [_node(branch, depth) for branch in branches]
    if "anyOf" not in adapted:
        adapted |= _typed(schema, depth)
    for key in ("$defs", "definitions"):
        if key in schema:
            adapted[key] = {name: _node(part, depth=0) for name, part in schema[key].items()}
    return _telling(adapted, schema)


def _reference(schema: Mapping[str, Any]) -> dict[str, Any]:
    target = schema["$ref"]
    if schema.keys() - ANNOTATIONS - {"$ref"} or not str(target).startswith("#"):
        raise CannotAdapt
    return {"$ref": target}


def _typed(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    declared = schema.get("type", None) or inferred(schema)
    types = {declared} if isinstance(declared, str) else set(declared)
    match sorted(types - {"null"}):
        case ["object"]:
            return {"type": declared, **_object(schema, depth + 1)}
        case ["array"]:
            return {"type": declared, "items": _node(schema.get("items"), depth + 1)}
        case [] | [_]:
            return {"type": declared}
        case _:
            raise CannotAdapt


def _object(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = set(schema.get("required", ()))
    # Every key becomes required: fair only where the original lets null stand for "not there".
    optional = [part for name, part in properties.items() if name not in required]
    open_ended = schema.get("additionalProperties", False) is not False
    if not properties or open_ended or required - properties.keys():
        raise CannotAdapt
    if not all(_nullable(part) for part in optional):
        raise CannotAdapt
    return {
        "properties": {name: _node(part, depth) for name, part in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


def _nullable(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return False
    if "enum" in schema and None not in schema["enum"]:
        return False
    declared = schema.get("type", ())
    return (
        "null" in ({declared} if isinstance(declared, str) else declared)
        or (None in schema.get("enum", ()) and not declared)
        or any(_nullable(branch) for key in ("anyOf", "oneOf") for branch in schema.get(key, ()))
    )


def _telling(adapted: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Move what cannot be enforced into the description."""
    told = {key: schema[key] for key in schema if key in TOLD}
    if "format" in adapted and adapted["format"] not in FORMATS:
        told["format"] = adapted.pop("format")
    if "(?" in adapted.get("pattern", ""):
        told["pattern"] = adapted.pop("pattern")
    return telling(adapted, told)


def _is_small(schema: Mapping[str, Any]) -> bool:
    all_parts = list(parts(schema))
    properties = sum(len(part.get("properties", ())) for part in all_parts)
    values = sum(len(part.get("enum", ())) for part in all_parts)
    return properties <= MAX_PROPERTIES and values <= MAX_ENUM_VALUES
