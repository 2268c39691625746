"""What each vendor takes for a schema that it enforces while the model writes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

__all__ = ["ANTHROPIC", "OPENAI", "Subset", "complaint"]

CONDITIONS = frozenset(
    {"contains", "dependentRequired", "dependentSchemas", "else", "if", "not", "patternProperties"}
    | {"propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"}
)
LENGTHS = frozenset({"maxLength", "maxProperties", "minLength", "minProperties", "uniqueItems"})
NUMBERS = frozenset(
    {"exclusiveMaximum", "exclusiveMinimum", "maxItems", "maximum", "minimum", "multipleOf"}
)


@dataclass(frozen=True, slots=True)
class Subset:
    """Every object in it names its keys and takes no others."""

    refused: frozenset[str]
    """Keywords that it knows nothing of."""
    all_required: bool = False
    typed: bool = False
    """Each part names its type, and the whole is an object."""
    least_items: float = float("inf")
    """The greatest `minItems`."""
    recursive: bool = True


OPENAI = Subset(
    refused=CONDITIONS | LENGTHS | {"allOf", "default", "oneOf"}, all_required=True, typed=True
)
ANTHROPIC = Subset(refused=CONDITIONS | LENGTHS | NUMBERS, least_items=1, recursive=False)


def complaint(schema: Mapping[str, Any], subset: Subset) -> str | None:
    """Return what is wrong with a schema, or None."""
    try:
        return _complaint(orjson.dumps(schema), subset)
    except TypeError:
        return None  # beyond orjson, and beyond the subset's business


@lru_cache(maxsize=256)
def _complaint(text: bytes, subset: Subset) -> str | None:
    # One schema serves thousands of requests.
    schema = orjson.loads(text)
    if subset.typed and schema.get("type") != "object":
        return f"schema must be a JSON Schema of 'type: \"object\"', got {schema.get('type')!r}"
    if not subset.recursive and _turns(schema, schema, ()):
        return "recursive schemas are not supported"
    return next(_complaints(schema, subset, "schema"), None)


def _complaints(part: Any, subset: Subset, at: str) -> Iterator[str]:
    if not isinstance(part, Mapping):
        yield f"{at} must be an object"
        return
    for check in CHECKS:
        if (wrong := check(part, subset)) is not None:
            yield f"{at}: {wrong}"
    for name, inner in _inner(part):
        yield from _complaints(inner, subset, f"{at}.{name}")


def _bad_keyword(part: Mapping[str, Any], subset: Subset) -> str | None:
    refused = sorted(part.keys() & subset.refused)
    return f"{refused[0]!r} is not permitted" if refused else None


def _bad_object(part: Mapping[str, Any], subset: Subset) -> str | None:
    if not _is_object(part):
        return None
    if part.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false"
    names, required = part.get("properties") or {}, part.get("required") or []
    if not isinstance(names, Mapping) or not isinstance(required, list):
        return "'properties' must be an object, and 'required' an array"
    missing = [name for name in names if name not in required]
    if subset.all_required and missing:
        return f"'required' must include every key in properties; missing {missing[0]!r}"
    return None


def _bad_type(part: Mapping[str, Any], subset: Subset) -> str | None:
    if not subset.typed or part.keys() & {"$ref", "anyOf", "type"}:
        return None
    return "schema must have a 'type' key"


def _bad_length(part: Mapping[str, Any], subset: Subset) -> str | None:
    least = part.get("minItems", 0)
    too_many = isinstance(least, int) and least > subset.least_items
    return f"'minItems' of {least} is not supported" if too_many else None


def _bad_reference(part: Mapping[str, Any], _: Subset) -> str | None:
    target = part.get("$ref", "#")
    inside = isinstance(target, str) and target.startswith("#")
    return None if inside else f"{target!r} lies outside the schema"


CHECKS: tuple[Callable[[Mapping[str, Any], Subset], str | None], ...] = (
    _bad_keyword,
    _bad_object,
    _bad_type,
    _bad_length,
    _bad_reference,
)


def _is_object(part: Mapping[str, Any]) -> bool:
    declared = part.get("type")
    return declared == "object" or (isinstance(declared, list) and "object" in declared)


def _inner(part: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in ("properties", "$defs", "definitions"):
        if isinstance(named := part.get(key), Mapping):
            yield from named.items()
    for key in ("anyOf", "allOf", "oneOf", "prefixItems"):
        if isinstance(branches := part.get(key), list):
            yield from ((f"{key}[{index}]", branch) for index, branch in enumerate(branches))
    if "items" in part:
        yield "items", part["items"]


def _turns(part: Any, root: Any, seen: tuple[str, ...]) -> bool:
    """Say whether following the references never ends."""
    if not isinstance(part, Mapping):
        return False
    if isinstance(target := part.get("$ref"), str):
        return target in seen or _turns(_at(root, target), root, (*seen, target))
    used = (inner for _, inner in _inner({**part, "$defs": None, "definitions": None}))
    return any(_turns(inner, root, seen) for inner in used)


def _at(root: Any, target: str) -> Any:
    part = root
    for name in target.removeprefix("#").split("/")[1:]:
        part = part.get(name) if isinstance(part, Mapping) else None
    return part
