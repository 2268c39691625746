"""OpenAI's chat completions as values: the body that is sent, the body that comes back."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from providers.neutral import Reply, Request, Stop, Usage
from providers.openai_schema import strict
from providers.rows import Abilities
from providers.wire_parts import count, given, items, mapping, remembered, telling_schema, text

__all__ = ["from_wire", "to_wire"]

_STOPS = {"length": Stop.TRUNCATED, "content_filter": Stop.BLOCKED}

_adapted = remembered(strict)


def to_wire(request: Request, abilities: Abilities) -> dict[str, Any]:
    """Return the body of a chat completion. Settings that the model would refuse are left out."""
    ignored = abilities.ignored(request)
    system, response_format = _asking_for_schema(request, abilities)
    messages = [{"role": "system", "content": system}] if system is not None else []
    messages += [{"role": role, "content": said} for role, said in request.turns]
    settings = {
        "max_completion_tokens": request.max_tokens,
        "temperature": None if "temperature" in ignored else request.temperature,
        "reasoning_effort": None if "reasoning" in ignored else request.reasoning,
        "seed": None if "seed" in ignored else request.seed,
        "response_format": response_format,
    }
    return {"model": request.model, "messages": messages, **given(settings)}


def _asking_for_schema(
    request: Request, abilities: Abilities
) -> tuple[str | None, dict[str, Any] | None]:
    """Return the system prompt and the response_format that make the reply fit the schema."""
    if request.schema is None:
        return request.system, None
    schema = orjson.dumps(request.schema)
    adapted = _adapted(schema)
    if adapted is not None and abilities.json_schema:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", request.schema_name)[:64]
        form = {"name": name, "strict": True, "schema": adapted}
        return request.system, {"type": "json_schema", "json_schema": form}
    # JSON mode knows no schema, and is refused when no message speaks of JSON: say both.
    return telling_schema(request.system, schema), {"type": "json_object"}


def from_wire(body: Mapping[str, Any]) -> Reply:
    """Read a chat completion. What is missing, or is not what it should be, is empty or None."""
    choices = items(body.get("choices"))
    choice = mapping(choices[0] if choices else None)
    message = mapping(choice.get("message"))
    refusal = text(message.get("refusal"))
    stop = _STOPS.get(str(choice.get("finish_reason")), Stop.DONE)
    return Reply(
        text=refusal or text(message.get("content")) or "",
        stop=Stop.REFUSED if refusal else stop,
        usage=_usage(mapping(body.get("usage"))),
        model=text(body.get("model")),
        request_id=text(body.get("id")),
    )


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    if not usage:
        return None
    read = mapping(usage.get("prompt_tokens_details"))
    made = mapping(usage.get("completion_tokens_details"))
    return Usage(
        input=count(usage.get("prompt_tokens")),
        cached=count(read.get("cached_tokens")),
        cache_write=count(read.get("cache_write_tokens")),
        output=count(usage.get("completion_tokens")),
        reasoning=count(made.get("reasoning_tokens")),
    )
