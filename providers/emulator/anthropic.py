"""Anthropic's messages, seen from the server's side."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.emulator.model import REASONING_TOKENS, Asked, Said, Stop
from providers.emulator.reading import choice, count, fields, only, setting, texts, words
from providers.emulator.subsets import ANTHROPIC, complaint
from providers.emulator.telling import told_schema
from providers.emulator.vendors import BadRequest, Level, Sent, Standing, Trouble

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

BAD_KEY = Trouble(401)
BAD_SCHEMA = Trouble(400)
FIELDS = words(
    """
    cache_control container diagnostics inference_geo max_tokens messages metadata model
    output_config service_tier speed stop_sequences stream system temperature thinking tool_choice
    tools top_k top_p user_profile_id workspace_id
    """
)
OUTPUT_FIELDS = frozenset({"effort", "format"})
EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
STOP_REASONS = {
    Stop.DONE: "end_turn",
    Stop.TRUNCATED: "max_tokens",
    Stop.REFUSED: "refusal",
    Stop.BLOCKED: "refusal",
}
SERVER_ERRORS = 500
TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
TOKENS = ("tokens", "input-tokens", "output-tokens")
"""One limit is behind them: none can be used up further than it."""
# An account so large that it has always filled up again: long before it is asked.
PLENTY = {
    f"anthropic-ratelimit-{name}-{what}": value
    for name, limit in (("requests", 1_000_000), ("tokens", 10_000_000_000))
    for what, value in (
        ("limit", str(limit)),
        ("remaining", str(limit)),
        ("reset", "2026-01-01T00:00:00Z"),
    )
}


def key(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key")


def read(sent: Sent) -> Asked:
    """Read a request for a message."""
    if "anthropic-version" not in sent.headers:
        raise BadRequest("anthropic-version: header is required")
    asked = fields(sent.body)
    only(asked, FIELDS, _unknown)
    model, most = setting(asked, "model", str), count(asked, "max_tokens")
    if not model or most is None:
        raise BadRequest(f"{'max_tokens' if model else 'model'}: Field required")
    if asked.get("stream"):
        raise BadRequest("stream: the emulator answers at once")
    wanted: Mapping[str, Any] = setting(asked, "output_config", dict) or {}
    only(wanted, OUTPUT_FIELDS, lambda name: _unknown(f"output_config.{name}"))
    prompt = "\n".join(_contents(asked))
    return Asked(
        model=model,
        prompt=prompt,
        schema=_schema(wanted, prompt),
        max_tokens=most,
        reasoning_tokens=_reasoning(asked, wanted),
    )


def _unknown(name: str) -> BadRequest:
    return BadRequest(f"{name}: Extra inputs are not permitted")


def _reasoning(asked: Mapping[str, Any], wanted: Mapping[str, Any]) -> int:
    effort = choice(wanted, "effort", EFFORTS) or "none"
    thinking: Mapping[str, Any] = setting(asked, "thinking", dict) or {}
    return 0 if thinking.get("type") == "disabled" else REASONING_TOKENS[effort]


def _contents(asked: Mapping[str, Any]) -> Iterator[str]:
    match asked.get("system"):
        case None:
            pass
        case str(text):
            yield text
        case [*blocks]:
            yield _readable(blocks, "system")
        case _:
            raise BadRequest("system: Input should be a valid string or a list of blocks")
    messages = setting(asked, "messages", list)
    if not messages:
        raise BadRequest("messages: at least one message is required")
    for index, message in enumerate(messages):
        yield _content(message, f"messages.{index}")


def _content(message: Any, at: str) -> str:
    match message:
        case {"role": "user" | "assistant", "content": ""}:
            raise BadRequest(f"{at}: all messages must have non-empty content")
        case {"role": "user" | "assistant", "content": str(text)}:
            return text
        case {"role": "user" | "assistant", "content": [_, *_] as blocks}:
            return _readable(blocks, at)
        case _:
            raise BadRequest(f"{at}: a role of user or assistant and content are required")


def _readable(blocks: Iterable[Any], at: str) -> str:
    read = list(texts(blocks))
    if not all(read):
        raise BadRequest(f"{at}: text content blocks must be non-empty")
    return "\n".join(read)


def _schema(wanted: Mapping[str, Any], prompt: str) -> Mapping[str, Any] | None:
    match wanted.get("format"):
        case None:
            # There is no JSON mode: a schema may be told, and that is all.
            return told_schema(prompt) if "JSON Schema" in prompt else None
        case {"type": "json_schema", "schema": dict(schema)}:
            if (wrong := complaint(schema, ANTHROPIC)) is not None:
                raise BadRequest(f"output_config.format.schema: {wrong}")
            return schema
        case _:
            raise BadRequest("output_config.format: a type of json_schema and schema are required")


def written(asked: Asked, said: Said, *, ident: str, at: int) -> dict[str, Any]:  # noqa: ARG001
    """Return a message."""
    return {
        "id": f"msg_{ident}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": list(_blocks(said, ident)),
        "stop_reason": STOP_REASONS[said.stop],
        "stop_sequence": None,
        "stop_details": _details(said.stop),
        "usage": _usage(said),
    }


def _blocks(said: Said, ident: str) -> Iterator[dict[str, Any]]:
    if said.usage.reasoning:
        yield {"type": "thinking", "thinking": "Let me think.", "signature": ident}
    if said.text:
        yield {"type": "text", "text": said.text}


def _details(stop: Stop) -> dict[str, Any] | None:
    if stop is Stop.REFUSED:
        return {"type": "refusal", "category": None, "explanation": None}
    if stop is Stop.BLOCKED:
        explanation = "A filter withheld the message."
        return {"type": "refusal", "category": "general_harms", "explanation": explanation}
    return None


def _usage(said: Said) -> dict[str, Any]:
    usage = said.usage
    return {
        "input_tokens": usage.input - usage.cached - usage.cache_write,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard",
    }


def error(trouble: Trouble, *, ident: str) -> dict[str, Any]:
    usual = "api_error" if trouble.status >= SERVER_ERRORS else "invalid_request_error"
    told = {
        "type": TYPES.get(trouble.status, usual),
        "message": trouble.message,
        "details": trouble.code and {"error_code": trouble.code},
    }
    return {"type": "error", "error": told, "request_id": f"req_{ident}"}


def headers(ident: str) -> dict[str, str]:
    return {"request-id": f"req_{ident}", "anthropic-organization-id": "emulated"}


def rates(standing: Standing | None, now: datetime) -> Mapping[str, str]:
    if standing is None:
        return PLENTY
    told: dict[str, str] = {}
    if standing.requests is not None:
        told |= _rate("requests", standing.requests, now)
    if standing.tokens is not None:
        for name in TOKENS:
            told |= _rate(name, standing.tokens, now)
    return told


def _rate(name: str, level: Level, now: datetime) -> dict[str, str]:
    full = now.astimezone(UTC) + timedelta(seconds=level.reset_seconds)
    return {
        f"anthropic-ratelimit-{name}-limit": str(level.limit),
        f"anthropic-ratelimit-{name}-remaining": str(level.remaining),
        f"anthropic-ratelimit-{name}-reset": f"{full:%FT%T}.{full.microsecond // 1000:03}Z",
    }


def patience(seconds: float) -> Mapping[str, str]:
    return {"retry-after": f"{seconds:g}"}
