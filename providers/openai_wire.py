"""OpenAI's chat completions as values: the body that is sent, the body that comes back."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from providers import registry
from providers.neutral import Reply, Request, Stop, Usage
from providers.openai_schema import strict

__all__ = ["from_wire", "to_wire"]

_STOPS = {"length": Stop.TRUNCATED, "content_filter": Stop.BLOCKED}


def to_wire(request: Request) -> dict[str, Any]:
    """Return the body of a chat completion. Settings that the model would refuse are left out."""
    ignored = registry.abilities("openai", request.model).ignored(request)
    system, response_format = _asking_for_schema(request)
    messages = [{"role": "system", "content": system}] if system is not None else []
    messages += [{"role": role, "content": text} for role, text in request.turns]
    settings = {
        "max_completion_tokens": request.max_tokens,
        "temperature": None if "temperature" in ignored else request.temperature,
        "reasoning_effort": None if "reasoning" in ignored else request.reasoning,
        "seed": None if "seed" in ignored else request.seed,
        "response_format": response_format,
    }
    return {
        "model": request.model,
        "messages": messages,
        **{name: value for name, value in settings.items() if value is not None},
    }


def _asking_for_schema(request: Request) -> tuple[str | None, dict[str, Any] | None]:
    """Return the system prompt and the response_format that make the reply fit the schema."""
    if request.schema is None:
        return request.system, None
    text = orjson.dumps(request.schema)
    adapted = _adapted(text)
    if adapted is not None and registry.abilities("openai", request.model).json_schema:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", request.schema_name)[:64]
        form = {"name": name, "strict": True, "schema": adapted}
        return request.system, {"type": "json_schema", "json_schema": form}
    # JSON mode knows no schema, and is refused when no message speaks of JSON: say both.
    told = f"Answer with one JSON object that satisfies this JSON Schema:\n{text.decode()}"
    system = told if request.system is None else f"{request.system}\n\n{told}"
    return system, {"type": "json_object"}


@lru_cache(maxsize=256)
def _adapted(schema: bytes) -> dict[str, Any] | None:
    # One schema serves all units of a step. Callers must not change what they get.
    return strict(orjson.loads(schema))


def from_wire(body: Mapping[str, Any]) -> Reply:
    """Read a chat completion. What is missing, or is not what it should be, is empty or None."""
    choices = body.get("choices")
    choice = _mapping(choices[0] if isinstance(choices, list) and choices else None)
    message = _mapping(choice.get("message"))
    refusal = _text(message.get("refusal"))
    stop = _STOPS.get(str(choice.get("finish_reason")), Stop.DONE)
    return Reply(
        text=refusal or _text(message.get("content")) or "",
        stop=Stop.REFUSED if refusal else stop,
        usage=_usage(_mapping(body.get("usage"))),
        model=_text(body.get("model")),
        request_id=_text(body.get("id")),
    )


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    if not usage:
        return None
    read = _mapping(usage.get("prompt_tokens_details"))
    made = _mapping(usage.get("completion_tokens_details"))
    return Usage(
        input=_count(usage.get("prompt_tokens")),
        cached=_count(read.get("cached_tokens")),
        cache_write=_count(read.get("cache_write_tokens")),
        output=_count(usage.get("completion_tokens")),
        reasoning=_count(made.get("reasoning_tokens")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
