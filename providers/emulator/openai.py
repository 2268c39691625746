"""OpenAI's chat completions, seen from the server's side."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from providers.emulator.jsons import loads
from providers.emulator.model import Asked, Said, Stop
from providers.emulator.vendors import BadRequest

__all__ = ["error", "headers", "key", "read", "written"]

T = TypeVar("T")

FINISH_REASONS = {
    Stop.DONE: "stop",
    Stop.TRUNCATED: "length",
    Stop.REFUSED: "stop",
    Stop.BLOCKED: "content_filter",
}
SERVER_ERRORS = 500
TYPES = {
    401: "invalid_request_error",
    403: "permission_error",
    429: "requests",
    503: "service_unavailable_error",
}
CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
# An account so large that, asked after any call, it has already filled up again.
RATE_LIMITS = {
    "x-ratelimit-limit-requests": "1000000",
    "x-ratelimit-limit-tokens": "10000000000",
    "x-ratelimit-remaining-requests": "999999",
    "x-ratelimit-remaining-tokens": "9999999000",
    "x-ratelimit-reset-requests": "1ms",
    "x-ratelimit-reset-tokens": "6ms",
}


def key(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def read(body: bytes) -> Asked:
    """Read a chat completion's request."""
    try:
        asked = loads(body)
    except ValueError as error:
        raise BadRequest(f"We could not parse the JSON body of your request: {error}") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("model"), str):
        raise BadRequest("you must provide a model parameter", param="model")
    if asked.get("stream") or asked.get("n", 1) != 1:
        raise BadRequest("The emulator answers once, and all at once.", param="stream")
    prompt = "\n".join(_contents(asked))
    wanted = _setting(asked, "response_format", dict) or {"type": "text"}
    return Asked(
        model=asked["model"],
        prompt=prompt,
        schema=_schema(wanted, prompt),
        json=wanted["type"] == "json_object",
        max_tokens=_count(asked, "max_completion_tokens") or _count(asked, "max_tokens"),
        reasoning=_setting(asked, "reasoning_effort", str),
    )


def _setting(values: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    value = values.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise BadRequest(f"Invalid type for {name!r}: expected {kind.__name__}", param=name)


def _count(values: Mapping[str, Any], name: str) -> int | None:
    value = _setting(values, name, int)
    if value is not None and value < 1:
        raise BadRequest(f"Invalid value for {name!r}: expected at least 1", param=name)
    return value


def _contents(asked: Mapping[str, Any]) -> Iterator[str]:
    messages = _setting(asked, "messages", list)
    if not messages:
        raise BadRequest("at least one message is required", param="messages")
    for index, message in enumerate(messages):
        match message:
            case {"role": str(), "content": str(text)}:
                yield text
            case {"role": str(), "content": [*parts]}:
                yield "\n".join(part["text"] for part in parts if _is_text(part))
            case _:
                raise BadRequest("role and content are required", param=f"messages[{index}]")


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)


def _schema(wanted: Mapping[str, Any], prompt: str) -> Mapping[str, Any] | None:
    """Return the schema that the reply should satisfy, in the words of `response_format`."""
    match wanted:
        case {"type": "text"}:
            return None
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return schema
        case {"type": "json_schema"}:
            raise BadRequest("a schema is required", param="response_format.json_schema.schema")
        case {"type": "json_object"} if "json" in prompt.lower():
            return _told_schema(prompt)
        case {"type": "json_object"}:
            raise BadRequest(
                "'messages' must contain the word 'json' in some form, to use 'response_format' "
                "of type 'json_object'.",
                param="messages",
            )
        case _:
            raise BadRequest("Invalid value", param="response_format.type")


@lru_cache(maxsize=256)
def _told_schema(prompt: str) -> dict[str, Any] | None:
    """Return the first JSON Schema of an object that the prompt quotes, as a good model would."""
    start = prompt.find("{")
    while start >= 0:
        try:
            value, _ = json.JSONDecoder().raw_decode(prompt, start)
        except ValueError:
            value = None
        if isinstance(value, dict) and isinstance(value.get("properties"), dict):
            return value
        start = prompt.find("{", start + 1)
    return None


def written(asked: Asked, said: Said, *, ident: str, at: int) -> dict[str, Any]:
    """Return a chat completion."""
    refused = said.stop is Stop.REFUSED
    message = {
        "role": "assistant",
        "content": None if refused else said.text,
        "refusal": said.text if refused else None,
        "annotations": [],
    }
    choice = {
        "index": 0,
        "finish_reason": FINISH_REASONS[said.stop],
        "logprobs": None,
        "message": message,
    }
    return {
        "id": f"chatcmpl-{ident}",
        "object": "chat.completion",
        "created": at,
        "model": asked.model,
        "choices": [choice],
        "usage": _usage(said),
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _usage(said: Said) -> dict[str, Any]:
    usage = said.usage
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def error(
    status: int, message: str, *, code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    kind = TYPES.get(status, "server_error" if status >= SERVER_ERRORS else "invalid_request_error")
    code = code or CODES.get(status)
    # A spent account is told from a hurried one by both fields.
    kind = code if code == "insufficient_quota" else kind
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def headers(ident: str) -> dict[str, str]:
    return {"x-request-id": f"req_{ident}", "openai-version": "2020-10-01", **RATE_LIMITS}
