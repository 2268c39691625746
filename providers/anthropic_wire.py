"""Anthropic's messages as values: the body that is sent, the body that comes back."""

from collections.abc import Mapping
from typing import Any

import orjson

from providers.anthropic_schema import enforced
from providers.neutral import Reply, Request, Stop, Usage
from providers.rows import Abilities
from providers.wire_parts import count, given, items, mapping, remembered, telling_schema, text

__all__ = ["from_wire", "to_wire"]

# The API does without no max_tokens.
MAX_TOKENS = 4096

_STOPS = {
    "max_tokens": Stop.TRUNCATED,
    "model_context_window_exceeded": Stop.TRUNCATED,
    "refusal": Stop.REFUSED,
}

_adapted = remembered(enforced)


def to_wire(request: Request, abilities: Abilities) -> dict[str, Any]:
    """Return the body of a message. Settings that the model would refuse are left out."""
    ignored = abilities.ignored(request)
    system, form = _asking_for_schema(request, abilities)
    effort = None if "reasoning" in ignored else request.reasoning
    thinks = effort != "none"
    settings = {
        "system": system or None,
        "temperature": None if "temperature" in ignored else request.temperature,
        "thinking": None if thinks else {"type": "disabled"},
        "output_config": given({"effort": effort if thinks else None, "format": form}) or None,
    }
    return {
        "model": request.model,
        "max_tokens": request.max_tokens or abilities.default_max_tokens or MAX_TOKENS,
        "messages": [{"role": role, "content": said} for role, said in request.turns],
        **given(settings),
    }


def _asking_for_schema(
    request: Request, abilities: Abilities
) -> tuple[str | None, dict[str, Any] | None]:
    """Return the system prompt and the format that make the reply fit the schema."""
    if request.schema is None:
        return request.system, None
    schema = orjson.dumps(request.schema)
    adapted = _adapted(schema)
    if adapted is not None and abilities.json_schema:
        return request.system, {"type": "json_schema", "schema": adapted}
    return telling_schema(request.system or None, schema), None


def from_wire(body: Mapping[str, Any]) -> Reply:
    """Read a message. What is missing, or is not what it should be, is empty or None."""
    stop = _STOPS.get(str(body.get("stop_reason")), Stop.DONE)
    said = _said(body.get("content"))
    return Reply(
        text=_refusal(body) if stop is Stop.REFUSED and not said else said,
        stop=stop,
        usage=_usage(mapping(body.get("usage"))),
        model=text(body.get("model")),
        request_id=text(body.get("id")),
    )


def _said(content: Any) -> str:
    # Thoughts are blocks too, and come first.
    blocks = [mapping(block) for block in items(content)]
    return "".join(text(block.get("text")) or "" for block in blocks if block.get("type") == "text")


def _refusal(body: Mapping[str, Any]) -> str:
    details = mapping(body.get("stop_details"))
    return text(details.get("explanation")) or text(details.get("category")) or ""


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    if not usage:
        return None
    cached = count(usage.get("cache_read_input_tokens"))
    cache_write = count(usage.get("cache_creation_input_tokens"))
    return Usage(
        # What was read from the cache, or written to it, is not in `input_tokens`.
        input=count(usage.get("input_tokens")) + cached + cache_write,
        cached=cached,
        cache_write=cache_write,
        output=count(usage.get("output_tokens")),
        reasoning=count(mapping(usage.get("output_tokens_details")).get("thinking_tokens")),
    )
