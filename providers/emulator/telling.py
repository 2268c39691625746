"""Schemas that a request does not enforce but tells the model, somewhere in the prompt."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from providers.emulator.jsons import dumps, loads
from providers.emulator.replies import Unsatisfied, reply

__all__ = ["told_schema"]

TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})


@lru_cache(maxsize=256)
def told_schema(prompt: str) -> dict[str, Any] | None:
    """Return the first JSON Schema that the prompt quotes, as a good model would."""
    start = prompt.find("{")
    while start >= 0:
        try:
            value, _ = json.JSONDecoder().raw_decode(prompt, start)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and _is_schema(value) and _is_usable(dumps(value)):
            return value
        start = prompt.find("{", start + 1)
    return None


def _is_schema(value: Mapping[str, Any]) -> bool:
    branches = any(isinstance(value.get(key), list) for key in ("allOf", "anyOf", "oneOf"))
    refers = str(value.get("$ref", "")).startswith("#")
    names = value.get("type")
    typed = isinstance(names, str) and names in TYPES
    return branches or refers or typed or isinstance(value.get("properties"), dict)


@lru_cache(maxsize=256)
def _is_usable(schema: bytes) -> bool:
    # Data may look like a schema. Nobody refuses a request for what it quotes.
    try:
        reply(loads(schema), seed=0)
    except (Unsatisfied, TypeError):
        return False
    return True
