"""What every wire format needs: reading JSON that may be anything, asking for a schema."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson

__all__ = ["count", "given", "items", "mapping", "remembered", "telling_schema", "text"]


def mapping(value: Any) -> Mapping[str, Any]:
    """Return the value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return the value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """Return the value if it is a string."""
    return value if isinstance(value, str) else None


def count(value: Any) -> int:
    """Return the value if it is a number of tokens, else 0."""
    return value if isinstance(value, int) else 0


def given(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are not left to the vendor."""
    return {name: value for name, value in settings.items() if value is not None}


def telling_schema(system: str | None, schema: bytes) -> str:
    """Return a system prompt that asks for JSON that fits a schema."""
    told = f"Answer with one JSON object that satisfies this JSON Schema:\n{schema.decode()}"
    return told if system is None else f"{system}\n\n{told}"


def remembered(
    enforced: Callable[[Mapping[str, Any]], dict[str, Any] | None],
) -> Callable[[bytes], dict[str, Any] | None]:
    """Return `enforced` for a schema in JSON, so that each is adapted once.

    One schema serves all units of a step. Callers must not change what they get.
    """

    @lru_cache(maxsize=256)
    def adapted(schema: bytes) -> dict[str, Any] | None:
        return enforced(orjson.loads(schema))

    return adapted
