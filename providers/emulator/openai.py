"""OpenAI's chat completions, seen from the server's side."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from providers.emulator.jsons import loads
from providers.emulator.model import Asked, Said, Stop
from providers.emulator.vendors import BadRequest

__all__ = ["error", "headers", "key", "read", "written"]

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
    prompt = "\n".join(_contents(asked.get("messages")))
    kind, schema = _format(asked.get("response_format") or {}, prompt)
    return Asked(
        model=asked["model"],
        prompt=prompt,
        schema=schema,
        json=kind == "json_object",
        max_tokens=_count(asked, "max_completion_tokens") or _count(asked, "max_tokens"),
        reasoning=asked.get("reasoning_effort"),
    )


def _contents(messages: Any) -> Iterator[str]:
    if not isinstance(messages, list) or not messages:
        raise BadRequest("'messages' must be a list of at least one message", param="messages")
    for index, message in enumerate(messages):
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            content = "\n".join(str(part.get("text", "")) for part in content)
        if not isinstance(content, str) or not isinstance(message.get("role"), str):
            raise BadRequest(
                "a message needs a role and a content of text", param=f"messages[{index}]"
            )
        yield content


def _format(wanted: Mapping[str, Any], prompt: str) -> tuple[str, Mapping[str, Any] | None]:
    """Return the kind of reply wanted and its schema."""
    kind = wanted.get("type", "text")
    match kind:
        case "text":
            return kind, None
        case "json_schema":
            schema = wanted.get("json_schema", {}).get("schema")
            if not isinstance(schema, dict):
                raise BadRequest("a schema is required", param="response_format.json_schema.schema")
            return kind, schema
        case "json_object":
            if "json" not in prompt.lower():
                raise BadRequest(
                    "'messages' must contain the word 'json' in some form, to use "
                    "'response_format' of type 'json_object'.",
                    param="messages",
                )
            return kind, _told_schema(prompt)
        case _:
            raise BadRequest(f"Invalid value: {kind!r}", param="response_format.type")


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


def _count(asked: Mapping[str, Any], name: str) -> int | None:
    value = asked.get(name)
    if value is None or (isinstance(value, int) and value > 0):
        return value
    raise BadRequest(f"Invalid value for {name!r}: expected a positive integer", param=name)


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
