"""OpenAI's Responses, seen from the server's side: once, without tools or memory."""

from collections.abc import Iterator, Mapping
from typing import Any

from providers.emulator.model import REASONING_TOKENS, Asked, Said, Stop
from providers.emulator.openai import (
    BAD_KEY,
    EFFORTS,
    enforced,
    error,
    headers,
    key,
    patience,
    quoted,
    rates,
    unknown,
)
from providers.emulator.reading import choice, count, fields, only, setting, texts, words
from providers.emulator.vendors import BadRequest, Sent, Trouble

__all__ = [
    "BAD_KEY",
    "BAD_SCHEMA",
    "error",
    "headers",
    "key",
    "patience",
    "rates",
    "read",
    "written",
]

BAD_SCHEMA = Trouble(400, code="invalid_json_schema", param="text.format.schema")
FIELDS = words(
    """
    access_programs background background_options context_management conversation image include
    input instructions max_output_tokens max_tool_calls metadata model moderation
    parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options
    prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options
    temperature text tool_choice tools top_logprobs top_p truncation user
    """
)
REASONING_FIELDS = frozenset({"context", "effort", "generate_summary", "mode", "summary"})
INCOMPLETE = {Stop.TRUNCATED: "max_output_tokens", Stop.BLOCKED: "content_filter"}
# What the SDK's model wants to be there, whatever was asked.
AS_USUAL = {
    "object": "response",
    "error": None,
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "temperature": 1.0,
    "truncation": "disabled",
    "service_tier": "default",
    "store": True,
    "metadata": {},
    "previous_response_id": None,
}


def read(sent: Sent) -> Asked:
    """Read a request for a response."""
    asked = fields(sent.body)
    only(asked, FIELDS, unknown)
    model = setting(asked, "model", str)
    if not model:
        raise BadRequest("you must provide a model parameter", param="model")
    if asked.get("stream") or asked.get("background"):
        raise BadRequest("The emulator answers at once.", param="stream")
    prompt, wanted = "\n".join(_contents(asked)), _format(asked)
    return Asked(
        model=model,
        prompt=prompt,
        schema=_schema(wanted, prompt),
        json=wanted["type"] == "json_object",
        max_tokens=count(asked, "max_output_tokens"),
        reasoning_tokens=_reasoning(asked),
    )


def _reasoning(asked: Mapping[str, Any]) -> int:
    reasoning: Mapping[str, Any] = setting(asked, "reasoning", dict) or {}
    only(reasoning, REASONING_FIELDS, unknown)
    return REASONING_TOKENS[choice(reasoning, "effort", EFFORTS) or "none"]


def _contents(asked: Mapping[str, Any]) -> Iterator[str]:
    if instructions := setting(asked, "instructions", str):
        yield instructions
    match asked.get("input"):
        case str(text):
            yield text
        case [_, *_] as items:
            for index, item in enumerate(items):
                yield _content(item, index)
        case _:
            raise BadRequest("Missing required parameter: 'input'.", param="input")


def _content(item: Any, index: int) -> str:
    match item:
        case {"role": str(), "content": str(text)}:
            return text
        case {"role": str(), "content": [*parts]}:
            return "\n".join(texts(parts))
        case _:
            raise BadRequest("role and content are required", param=f"input[{index}]")


def _format(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    text: Mapping[str, Any] = setting(asked, "text", dict) or {}
    return setting(text, "format", dict) or {"type": "text"}


def _schema(wanted: Mapping[str, Any], prompt: str) -> Mapping[str, Any] | None:
    match wanted:
        case {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return quoted(prompt, param="input")
        case {"type": "json_schema", "schema": dict(schema), **form}:
            return enforced(schema, form, param="text.format.schema")
        case _:
            raise BadRequest("Invalid value", param="text.format")


def written(asked: Asked, said: Said, *, ident: str, at: int) -> dict[str, Any]:
    """Return a response."""
    reason = INCOMPLETE.get(said.stop)
    return {
        **AS_USUAL,
        "id": f"resp_{ident}",
        "created_at": at,
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "model": asked.model,
        "output": list(_output(said, ident)),
        "max_output_tokens": asked.max_tokens,
        "text": {"format": {"type": "text"}},
        "reasoning": {"effort": None, "summary": None},
        "usage": _usage(said),
    }


def _output(said: Said, ident: str) -> Iterator[dict[str, Any]]:
    if said.usage.reasoning:
        yield {"type": "reasoning", "id": f"rs_{ident}", "summary": []}
    if said.stop is Stop.BLOCKED:
        return
    if said.stop is Stop.REFUSED:
        part = {"type": "refusal", "refusal": said.text}
    else:
        part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
    yield {
        "type": "message",
        "id": f"msg_{ident}",
        "status": "incomplete" if said.stop in INCOMPLETE else "completed",
        "role": "assistant",
        "content": [part],
    }


def _usage(said: Said) -> dict[str, Any]:
    usage = said.usage
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }
