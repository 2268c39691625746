"""What it takes to put a JSON Schema in a vendor's subset, whatever the subset."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["CannotAdapt", "inferred", "parts", "telling"]

TYPE_NAMES = {
    bool: "boolean",
    float: "number",
    int: "integer",
    str: "string",
    type(None): "null",
}


class CannotAdapt(Exception):
    """The schema says something that the subset cannot."""


def inferred(schema: Mapping[str, Any]) -> str | list[str]:
    """Return the type that a schema means without saying it.

    Raises:
        CannotAdapt: it may mean anything.
    """
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    types = sorted({TYPE_NAMES.get(type(value), "object") for value in values})
    if types and "object" not in types:
        return types[0] if len(types) == 1 else types
    for key, name in (("properties", "object"), ("items", "array"), ("prefixItems", "array")):
        if key in schema:
            return name
    raise CannotAdapt


def telling(adapted: dict[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Add to the description what cannot be enforced."""
    if told:
        sentence = ", ".join(f"{key}: {value}" for key, value in told.items())
        adapted["description"] = f"{adapted.get('description', '')} ({sentence})".lstrip()
    return adapted


def parts(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the schema and all that it consists of."""
    yield schema
    for key in ("properties", "$defs", "definitions"):
        for part in schema.get(key, {}).values():
            yield from parts(part)
    for part in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        yield from parts(part)
