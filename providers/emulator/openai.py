"""OpenAI's chat completions, seen from the server's side."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from providers.emulator.model import REASONING_TOKENS, Asked, Said, Stop
from providers.emulator.reading import choice, count, fields, only, setting, texts, words
from providers.emulator.subsets import OPENAI, complaint
from providers.emulator.telling import told_schema
from providers.emulator.vendors import BadRequest, Level, Sent, Standing, Trouble

__all__ = [
    "BAD_KEY",
    "BAD_SCHEMA",
    "enforced",
    "error",
    "headers",
    "key",
    "patience",
    "quoted",
    "rates",
    "read",
    "unknown",
    "written",
]

BAD_KEY = Trouble(401)
BAD_SCHEMA = Trouble(400, code="invalid_json_schema", param="response_format")
FIELDS = words(
    """
    audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens
    max_tokens messages metadata modalities model moderation n parallel_tool_calls prediction
    presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort
    response_format safety_identifier seed service_tier stop store stream stream_options
    temperature tool_choice tools top_logprobs top_p user verbosity web_search_options
    """
)
EFFORTS = frozenset(REASONING_TOKENS)
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
PLENTY = {
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


def read(sent: Sent) -> Asked:
    """Read a chat completion's request."""
    asked = fields(sent.body)
    only(asked, FIELDS, unknown)
    model = setting(asked, "model", str)
    if not model:
        raise BadRequest("you must provide a model parameter", param="model")
    if asked.get("stream") or asked.get("n", 1) != 1:
        raise BadRequest("The emulator answers once, and all at once.", param="stream")
    prompt = "\n".join(_contents(asked))
    wanted: Mapping[str, Any] = setting(asked, "response_format", dict) or {"type": "text"}
    return Asked(
        model=model,
        prompt=prompt,
        schema=_schema(wanted, prompt),
        json=wanted["type"] == "json_object",
        max_tokens=count(asked, "max_completion_tokens") or count(asked, "max_tokens"),
        reasoning_tokens=REASONING_TOKENS[choice(asked, "reasoning_effort", EFFORTS) or "none"],
    )


def unknown(name: str) -> BadRequest:
    return BadRequest(f"Unknown parameter: {name!r}.", param=name, code="unknown_parameter")


def _contents(asked: Mapping[str, Any]) -> Iterator[str]:
    messages = setting(asked, "messages", list)
    if not messages:
        raise BadRequest("at least one message is required", param="messages")
    for index, message in enumerate(messages):
        match message:
            case {"role": str(), "content": str(text)}:
                yield text
            case {"role": str(), "content": [*parts]}:
                yield "\n".join(texts(parts))
            case _:
                raise BadRequest("role and content are required", param=f"messages[{index}]")


def _schema(wanted: Mapping[str, Any], prompt: str) -> Mapping[str, Any] | None:
    """Return the schema that the reply should satisfy, in the words of `response_format`."""
    match wanted:
        case {"type": "text"}:
            return None
        case {"type": "json_schema", "json_schema": {"schema": dict(schema), **form}}:
            return enforced(schema, form, param="response_format")
        case {"type": "json_schema"}:
            raise BadRequest("a schema is required", param="response_format.json_schema.schema")
        case {"type": "json_object"}:
            return quoted(prompt, param="messages")
        case _:
            raise BadRequest("Invalid value", param="response_format.type")


def quoted(prompt: str, *, param: str) -> Mapping[str, Any] | None:
    """Return the schema that a prompt tells in JSON mode, which wants to hear of JSON."""
    if "json" in prompt.lower():
        return told_schema(prompt)
    message = (
        f"{param!r} must contain the word 'json' in some form, to use 'response_format' of type "
        "'json_object'."
    )
    raise BadRequest(message, param=param)


def enforced(schema: dict[str, Any], form: Mapping[str, Any], *, param: str) -> dict[str, Any]:
    """Return the schema of a form whose name and schema OpenAI takes."""
    name = form.get("name")
    if not isinstance(name, str):
        raise BadRequest("Missing required parameter: the schema's name", param=param)
    if form.get("strict") and (wrong := complaint(schema, OPENAI)) is not None:
        raise BadRequest(
            f"Invalid schema for response_format {name!r}: {wrong}.",
            param=param,
            code="invalid_json_schema",
        )
    return schema


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
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def error(trouble: Trouble, *, ident: str) -> dict[str, Any]:  # noqa: ARG001  it is in a header
    status = trouble.status
    usual = "server_error" if status >= SERVER_ERRORS else "invalid_request_error"
    code = trouble.code or CODES.get(status)
    kind = trouble.short_of or TYPES.get(status, usual)
    # A spent account is told from a hurried one by both fields.
    kind = code if code == "insufficient_quota" else kind
    return {
        "error": {"message": trouble.message, "type": kind, "param": trouble.param, "code": code}
    }


def headers(ident: str) -> dict[str, str]:
    return {"x-request-id": f"req_{ident}", "openai-version": "2020-10-01"}


def rates(standing: Standing | None, now: datetime) -> Mapping[str, str]:  # noqa: ARG001
    if standing is None:
        return PLENTY
    told: dict[str, str] = {}
    for kind, level in (("requests", standing.requests), ("tokens", standing.tokens)):
        if level is not None:
            told[f"x-ratelimit-limit-{kind}"] = str(level.limit)
            told[f"x-ratelimit-remaining-{kind}"] = str(level.remaining)
            told[f"x-ratelimit-reset-{kind}"] = _until_full(level)
    return told


def _until_full(level: Level) -> str:
    """Write a time as OpenAI does: `12ms`, `1.5s`, `1m3.2s`."""
    seconds = level.reset_seconds
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    return f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"


def patience(seconds: float) -> Mapping[str, str]:
    return {"retry-after": f"{seconds:g}"}
