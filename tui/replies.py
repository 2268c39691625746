"""What a model said, out of the body that its vendor sent: told by the body's shape."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from runs import loads

__all__ = ["said_in"]


def said_in(body: bytes) -> str | None:
    """Return the model's own text; None if the body has none that is known."""
    try:
        value = _mapping(loads(body))
    except ValueError:
        return None
    for choice in _items(value.get("choices")):  # chat completions
        message = _mapping(_mapping(choice).get("message"))
        return _text(message.get("refusal")) or _text(message.get("content"))
    for candidate in _items(value.get("candidates")):  # generateContent
        parts = _items(_mapping(_mapping(candidate).get("content")).get("parts"))
        return _joined(part for part in map(_mapping, parts) if part.get("thought") is not True)
    blocks = map(_mapping, _items(value.get("content")))  # messages
    return _joined(block for block in blocks if block.get("type") == "text")


def _joined(parts: Iterable[Mapping[str, Any]]) -> str | None:
    return "".join(_text(part.get("text")) or "" for part in parts) or None


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
