"""Values that satisfy a JSON Schema: a pure function of the schema and a seed.

A walk down the schema draws a value by the keywords that say how one is built. Those that only
forbid (a second match of `oneOf`, `not`, `if`, …) are left to a validator: the first of several
draws that it accepts is the reply.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from random import Random
from typing import Any

import jsonschema_rs
import orjson

from providers.emulator.patterns import NoText, matching
from providers.emulator.shapes import DeadEnd, Schema, types, without_references
from providers.emulator.words import fitting, word

__all__ = ["Unsatisfied", "reply"]

DRAWS = 64
EASY_BELOW = 5
"""Levels of nesting from which a draw takes the shortest way out."""
DEAD_BELOW = 60
SPAN_UNASKED = 100
ITEMS_UNASKED = 3
OPTIONAL_IS_THERE = 0.8
NULL_IS_TAKEN = 0.15

ANY_TYPE = ("string", "string", "string", "integer", "boolean")
"""For what is left open: mostly text, but not only, since that may be what is forbidden."""
FORMATS = {
    "date": r"20[12]\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])",
    "date-time": r"20[12]\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ",
    "duration": r"PT[1-9]\dM",
    "email": r"[a-z]{4,8}@example\.org",
    "hostname": r"[a-z]{4,8}\.example\.org",
    "ipv4": r"192\.0\.2\.[1-9]\d",
    "time": r"([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ",
    "uri": r"https://example\.org/[a-z]{4,8}",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
}


class Unsatisfied(Exception):
    """It is no usable JSON Schema, or no value was found for it."""


def reply(schema: Schema | bool, seed: str | int | bytes) -> Any:
    """Return a value that satisfies the schema; the same for the same schema and seed.

    Raises:
        Unsatisfied: it is no valid schema, refers to something outside itself, or none of the
            values that were tried satisfies it.
    """
    accepts = _validator(orjson.dumps(schema)).is_valid
    chance = Random(seed)  # noqa: S311  nothing secret hangs on it
    for _ in range(DRAWS):
        try:
            value = _Draw(schema, chance).value(schema, depth=0)
        except (DeadEnd, NoText):
            continue
        if accepts(value):
            return value
    raise Unsatisfied("no value was found that satisfies the schema")


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    try:
        return jsonschema_rs.validator_for(
            orjson.loads(schema), validate_formats=True, offline=True
        )
    except ValueError as error:
        raise Unsatisfied(f"not a usable JSON Schema: {error}") from error


class _Draw:
    """One walk down a schema."""

    def __init__(self, root: Schema | bool, chance: Random) -> None:
        self._root = root
        self._chance = chance

    def value(self, schema: Any, depth: int) -> Any:
        if depth > DEAD_BELOW:
            raise DeadEnd
        flat = without_references(schema, self._root, lambda parts: self._branch(parts, depth))
        if "const" in flat:
            return flat["const"]
        if "enum" in flat:
            return self._one_of(flat["enum"])
        match self._type(flat, depth):
            case "object":
                return self._object(flat, depth)
            case "array":
                return self._array(flat, depth)
            case "string":
                return self._string(flat)
            case "integer" | "number" as kind:
                return self._number(flat, whole=kind == "integer")
            case "boolean":
                return self._chance.random() < 0.5  # noqa: PLR2004  a coin
            case _:
                return None

    def _one_of(self, values: Sequence[Any]) -> Any:
        if not values:
            raise DeadEnd
        return self._chance.choice(values)

    def _branch(self, branches: Sequence[Any], depth: int) -> Any:
        if depth < EASY_BELOW:
            return self._chance.choice(branches)
        return min(branches, key=_effort)

    def _type(self, schema: Schema, depth: int) -> str:
        names = types(schema) or list(ANY_TYPE)
        if len(names) > 1 and "null" in names:
            if depth >= EASY_BELOW or self._chance.random() < NULL_IS_TAKEN:
                return "null"
            names.remove("null")
        return self._chance.choice(names)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        names = [name for name in properties if self._is_there(name, schema, depth)]
        names += [name for name in schema.get("required", ()) if name not in properties]
        spare = [name for name in properties if name not in names]
        for _ in range(self._least_properties(schema, depth) - len(names)):
            names.append(spare.pop() if spare else f"{word(self._chance)}_{len(names)}")
        return {name: self.value(properties.get(name, others), depth + 1) for name in names}

    def _is_there(self, name: str, schema: Schema, depth: int) -> bool:
        if name in schema.get("required", ()):
            return True
        properties = schema["properties"]
        crowded = schema.get("maxProperties", math.inf) < len(properties)
        if crowded or depth >= EASY_BELOW or properties[name] is False:
            return False
        return self._chance.random() < OPTIONAL_IS_THERE

    def _least_properties(self, schema: Schema, depth: int) -> int:
        least: int = schema.get("minProperties", 0)
        is_map = isinstance(schema.get("additionalProperties"), Mapping)
        if schema.get("properties") or not is_map or depth >= EASY_BELOW:
            return least
        most = min(schema.get("maxProperties", math.inf), least + ITEMS_UNASKED)
        return self._chance.randint(max(least, min(1, int(most))), int(most))

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        first: Sequence[Any] = schema.get("prefixItems", ())
        others = schema.get("items", True)
        drawn: list[Any] = []
        for index in range(self._length(schema, depth)):
            part = first[index] if index < len(first) else others
            drawn.append(self._item(part, depth, unlike=drawn if schema.get("uniqueItems") else ()))
        return drawn

    def _length(self, schema: Schema, depth: int) -> int:
        least: int = schema.get("minItems", 0)
        if depth >= EASY_BELOW:
            return least
        first = len(schema.get("prefixItems", ()))
        end = first if schema.get("items") is False else max(least, first) + ITEMS_UNASKED
        most = int(min(schema.get("maxItems", math.inf), end))
        return self._chance.randint(min(max(least, first, 1), most), most)

    def _item(self, schema: Any, depth: int, *, unlike: Sequence[Any]) -> Any:
        for _ in range(DRAWS):
            item = self.value(schema, depth + 1)
            if item not in unlike:
                return item
        raise DeadEnd

    def _string(self, schema: Schema) -> str:
        pattern = schema.get("pattern") or FORMATS.get(schema.get("format", ""))
        if pattern is not None:
            return matching(pattern, self._chance)
        return fitting(self._chance, schema.get("minLength", 0), schema.get("maxLength"))

    def _number(self, schema: Schema, *, whole: bool) -> int | float:
        low, high = _bounds(schema)
        step = schema.get("multipleOf", 1 if whole else None)
        if step is None:
            drawn = self._chance.uniform(low, high)
            rounded = round(drawn, 2)
            return rounded if low <= rounded <= high else drawn
        if whole and not float(step).is_integer():
            step = 1
        least, most = math.ceil(low / step), math.floor(high / step)
        if least > most:
            raise DeadEnd
        value = self._chance.randint(least, most) * step
        # 3 * 0.1 is not 0.3: ten digits forget the difference.
        return int(value) if whole else round(value, 10)


def _bounds(schema: Schema) -> tuple[float, float]:
    """Return the least and the greatest number to draw; exclusive ones are the validator's."""
    lows = [schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema]
    highs = [schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema]
    if lows and highs:
        return max(lows), min(highs)
    if lows:
        return max(lows), max(lows) + SPAN_UNASKED
    if highs:
        return min(highs) - SPAN_UNASKED, min(highs)
    return 0, SPAN_UNASKED


def _effort(branch: Any) -> int:
    """Rank a branch by how deep it may lead."""
    if not isinstance(branch, Mapping) or "$ref" in branch:
        return 2
    if "const" in branch or "enum" in branch:
        return 0
    return int(bool({"object", "array"}.intersection(types(branch))) or not types(branch))
