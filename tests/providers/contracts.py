"""What the contract suite has to know of each vendor: data, and bodies of errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, cast

from providers.errors import Misconfigured, ProviderError, RequestRejected, Retryable
from providers.neutral import Reply, Stop, Usage
from providers.protocol import Adapter, Allowance, Quota

__all__ = ["ANTHROPIC", "CONTRACTS", "ELSEWHERE", "GEMINI", "OPENAI", "SECRET", "Contract"]
__all__ += ["Refusal", "anthropic_error", "gemini_error", "openai_error", "quota", "reason"]

SECRET = "sk-very-secret"
ELSEWHERE = "http://127.0.0.1:9"
PROXIES = {
    "HTTP_PROXY": ELSEWHERE,
    "HTTPS_PROXY": ELSEWHERE,
    # To read this one, an SDK would need a package that is not installed.
    "ALL_PROXY": "socks5://127.0.0.1:9",
}
RPC = "type.googleapis.com/google.rpc."


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success, and what the caller can do about it."""

    status: int
    body: Mapping[str, Any]
    error: type[ProviderError]


@dataclass(frozen=True, slots=True)
class Contract:
    """One vendor."""

    name: str
    model: str
    base: str
    """What the base URL ends in."""
    path: str
    """Where the model is asked."""
    head: tuple[str, ...]
    """Lines that every request has, in lower case."""
    reply: Mapping[str, Any]
    read: Reply
    """The same reply, read."""
    refusals: tuple[Refusal, ...]
    rejection: Refusal
    rejected: str
    """The code of the rejection."""
    quoting: Mapping[str, Any]
    """The body of an error that has QUOTED in all its words."""
    busy: Mapping[str, Any]
    """The body of 429."""
    no_replies: tuple[bytes, ...]
    """Successes of this vendor's form without a model's answer."""
    environment: Mapping[str, str]
    """What its SDK reads; {dir} is a folder with the files below."""
    rates: Mapping[str, str]
    """Headers that tell of limits."""
    allowance: Allowance | None
    spent: tuple[int, str]
    """Status and code, in the emulator's words, of an account that has nothing left."""
    files: Mapping[str, str] = field(default_factory=dict)
    refuses: Stop = Stop.REFUSED
    blocks: Stop = Stop.BLOCKED
    counts_cache_writes: bool = True

    @property
    def adapter(self) -> Adapter:
        return cast("Adapter", import_module(f"providers.{self.name}"))


def openai_error(code: str | None, kind: str = "some_error") -> dict[str, Any]:
    return {"error": {"message": "words for people", "type": kind, "param": None, "code": code}}


def anthropic_error(kind: str, code: str | None = None) -> dict[str, Any]:
    details = {"error_code": code} if code else None
    error = {"type": kind, "message": "words for people", "details": details}
    return {"type": "error", "error": error, "request_id": "req_1"}


def gemini_error(status: str, *details: Mapping[str, Any]) -> dict[str, Any]:
    error = {"code": 0, "message": "words for people", "status": status}
    return {"error": {**error, "details": list(details)} if details else error}


def reason(word: str) -> dict[str, Any]:
    return {"@type": f"{RPC}ErrorInfo", "reason": word, "domain": "googleapis.com"}


def quota(*ids: str) -> dict[str, Any]:
    return {"@type": f"{RPC}QuotaFailure", "violations": [{"quotaId": one} for one in ids]}


def in_seconds(text: str) -> dict[str, Any]:
    return {"@type": f"{RPC}RetryInfo", "retryDelay": text}


OPENAI = Contract(
    name="openai",
    model="gpt-6-luna",
    base="/v1",
    path="/v1/chat/completions",
    head=(f"authorization: bearer {SECRET}",),
    reply={
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1795359611,
        "model": "gpt-6-luna-2026-09-22",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "logprobs": None,
                "message": {"role": "assistant", "content": '{"label":"a"}', "refusal": None},
            }
        ],
        "usage": {
            "prompt_tokens": 31,
            "completion_tokens": 12,
            "total_tokens": 43,
            "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 5},
        },
    },
    read=Reply(
        '{"label":"a"}', Stop.DONE, Usage(31, 8, 4, 12, 5), "gpt-6-luna-2026-09-22", "chatcmpl-1"
    ),
    refusals=(
        Refusal(307, {}, Misconfigured),
        Refusal(400, openai_error("invalid_value", "invalid_request_error"), RequestRejected),
        Refusal(400, openai_error("context_length_exceeded"), RequestRejected),
        Refusal(400, openai_error("model_not_found"), Misconfigured),
        Refusal(401, openai_error("invalid_api_key"), Misconfigured),
        Refusal(402, openai_error(None), Misconfigured),
        Refusal(403, openai_error("unsupported_country_region_territory"), Misconfigured),
        Refusal(404, openai_error("model_not_found"), Misconfigured),
        Refusal(404, openai_error(None), Misconfigured),
        Refusal(408, openai_error(None), Retryable),
        Refusal(409, openai_error(None), Retryable),
        Refusal(413, openai_error(None), RequestRejected),
        Refusal(422, openai_error(None), RequestRejected),
        Refusal(429, openai_error("rate_limit_exceeded", "requests"), Retryable),
        Refusal(429, openai_error("rate_limit_exceeded", "tokens"), Retryable),
        Refusal(429, openai_error(None), Retryable),
        Refusal(429, openai_error("insufficient_quota"), Misconfigured),
        Refusal(429, openai_error(None, "insufficient_quota"), Misconfigured),
        Refusal(429, openai_error("billing_not_active"), Misconfigured),
        Refusal(429, openai_error("billing_hard_limit_reached"), Misconfigured),
        Refusal(500, openai_error(None, "server_error"), Retryable),
        Refusal(502, {}, Retryable),
        Refusal(503, openai_error("overloaded"), Retryable),
        Refusal(504, {}, Retryable),
        Refusal(529, openai_error(None), Retryable),
    ),
    rejection=Refusal(400, openai_error("invalid_value"), RequestRejected),
    rejected="invalid_value",
    quoting={"error": {"message": "QUOTED", "type": "QUOTED", "param": "QUOTED", "code": "QUOTED"}},
    busy=openai_error("rate_limit_exceeded", "requests"),
    no_replies=(b'{"choices": []}', b'{"choi', b'{"object": "chat.completion"}'),
    environment={
        "OPENAI_API_KEY": "sk-other",
        "OPENAI_ADMIN_KEY": "sk-admin",
        "OPENAI_BASE_URL": f"{ELSEWHERE}/elsewhere",
        "OPENAI_ORG_ID": "org-other",
        "OPENAI_PROJECT_ID": "proj-other",
        "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer sk-custom\nX-Custom: yes",
        "OPENAI_WEBHOOK_SECRET": "whsec",
        "OPENAI_API_TYPE": "azure",
        "OPENAI_API_VERSION": "2026-01-01",
        "AZURE_OPENAI_ENDPOINT": ELSEWHERE,
        **PROXIES,
    },
    rates={
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-reset-requests": "12ms",
        "x-ratelimit-limit-tokens": "200000",
        "x-ratelimit-remaining-tokens": "150000",
        "x-ratelimit-reset-tokens": "1m3s",
    },
    allowance=Allowance(Quota(500, 499, 0.012), Quota(200_000, 150_000, 63.0)),
    spent=(429, "insufficient_quota"),
)

ANTHROPIC = Contract(
    name="anthropic",
    model="claude-haiku-5-5",
    base="",
    path="/v1/messages",
    head=(f"authorization: bearer {SECRET}", "anthropic-version: 2026-10-21"),
    reply={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5-20261001",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "x"},
            {"type": "text", "text": '{"label":"a"}'},
        ],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 19,
            "cache_creation_input_tokens": 4,
            "cache_read_input_tokens": 8,
            "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 12,
            "output_tokens_details": {"thinking_tokens": 5},
            "service_tier": "standard",
        },
    },
    read=Reply(
        '{"label":"a"}', Stop.DONE, Usage(31, 8, 4, 12, 5), "claude-haiku-5-5-20261001", "msg_1"
    ),
    refusals=(
        Refusal(307, {}, Misconfigured),
        Refusal(400, anthropic_error("invalid_request_error"), RequestRejected),
        Refusal(401, anthropic_error("authentication_error"), Misconfigured),
        Refusal(402, anthropic_error("billing_error"), Misconfigured),
        Refusal(403, anthropic_error("permission_error"), Misconfigured),
        Refusal(404, anthropic_error("not_found_error"), Misconfigured),
        Refusal(408, anthropic_error("timeout_error"), Retryable),
        Refusal(409, anthropic_error("conflict_error"), Retryable),
        Refusal(413, anthropic_error("request_too_large"), RequestRejected),
        Refusal(422, anthropic_error("invalid_request_error"), RequestRejected),
        Refusal(429, anthropic_error("rate_limit_error"), Retryable),
        Refusal(
            429,
            anthropic_error("rate_limit_error", "enforced_spend_limit_reached"),
            Misconfigured,
        ),
        Refusal(500, anthropic_error("api_error"), Retryable),
        Refusal(502, {}, Retryable),
        Refusal(503, anthropic_error("api_error"), Retryable),
        Refusal(504, anthropic_error("timeout_error"), Retryable),
        Refusal(529, anthropic_error("overloaded_error"), Retryable),
    ),
    rejection=Refusal(400, anthropic_error("invalid_request_error"), RequestRejected),
    rejected="invalid_request_error",
    quoting={
        "type": "error",
        "error": {"message": "QUOTED", "type": "QUOTED", "details": {"error_code": "QUOTED"}},
        "request_id": "QUOTED",
    },
    busy=anthropic_error("rate_limit_error"),
    no_replies=(
        b'{"type": "error", "error": {"type": "overloaded_error"}}',
        b'{"type": "message"}',
        b'{"type": "message", "cont',
    ),
    environment={
        "ANTHROPIC_API_KEY": "sk-other",
        "ANTHROPIC_AUTH_TOKEN": "token-other",
        "ANTHROPIC_BASE_URL": f"{ELSEWHERE}/elsewhere",
        "ANTHROPIC_CUSTOM_HEADERS": "Authorization: Bearer sk-custom\nX-Custom: yes",
        "ANTHROPIC_CONFIG_DIR": "{dir}",
        "ANTHROPIC_PROFILE": "other",
        "ANTHROPIC_FEDERATION_RULE_ID": "rule",
        "ANTHROPIC_IDENTITY_TOKEN": "token",
        "ANTHROPIC_ORGANIZATION_ID": "org-other",
        "ANTHROPIC_SERVICE_ACCOUNT_ID": "account-other",
        "ANTHROPIC_WORKSPACE_ID": "workspace-other",
        "ANTHROPIC_WEBHOOK_SIGNING_KEY": "whsec",
        "ANTHROPIC_OPEN_TELEMETRY": "true",
        "ANTHROPIC_OPEN_TELEMETRY_PROPAGATION": "true",
        **PROXIES,
    },
    files={
        "active_config": "other",
        "configs/other.json": (
            '{"version": "1.0", "base_url": "http://127.0.0.1:9", "workspace_id": "w-other",'
            ' "authentication": {"type": "user_oauth", "credentials_path": "{dir}/secret.json"}}'
        ),
        "secret.json": '{"version": "1.0", "type": "oauth_token", "access_token": "token-other"}',
    },
    rates={
        "anthropic-ratelimit-requests-limit": "500",
        "anthropic-ratelimit-requests-remaining": "499",
        "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:00Z",
        "anthropic-ratelimit-input-tokens-limit": "400000",
        "anthropic-ratelimit-input-tokens-remaining": "400000",
        "anthropic-ratelimit-output-tokens-limit": "80000",
        "anthropic-ratelimit-output-tokens-remaining": "20000",
        "anthropic-ratelimit-output-tokens-reset": "2026-01-01T00:00:00Z",
    },
    allowance=Allowance(Quota(500, 499, 0.0), Quota(80_000, 20_000, 0.0)),
    spent=(429, "enforced_spend_limit_reached"),
    # Its filters refuse as its models do.
    blocks=Stop.REFUSED,
)

GEMINI = Contract(
    name="gemini",
    model="gemini-3.5-flash-lite",
    base="",
    path="/v1/models/gemini-3.5-flash-lite:generatecontent",
    head=(f"x-goog-api-key: {SECRET}",),
    reply={
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [{"text": "Hm.", "thought": True}, {"text": '{"label":"a"}'}],
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 31,
            "cachedContentTokenCount": 8,
            "candidatesTokenCount": 7,
            "thoughtsTokenCount": 5,
            "totalTokenCount": 43,
        },
        "modelVersion": "gemini-3.5-flash-lite-001",
        "responseId": "r1",
    },
    read=Reply(
        '{"label":"a"}', Stop.DONE, Usage(31, 8, 0, 12, 5), "gemini-3.5-flash-lite-001", "r1"
    ),
    refusals=(
        Refusal(307, {}, Misconfigured),
        Refusal(400, gemini_error("INVALID_ARGUMENT"), RequestRejected),
        Refusal(400, gemini_error("INVALID_ARGUMENT", reason("API_KEY_INVALID")), Misconfigured),
        Refusal(400, gemini_error("FAILED_PRECONDITION"), Misconfigured),
        Refusal(401, gemini_error("UNAUTHENTICATED"), Misconfigured),
        Refusal(403, gemini_error("PERMISSION_DENIED"), Misconfigured),
        Refusal(403, gemini_error("PERMISSION_DENIED", reason("BILLING_DISABLED")), Misconfigured),
        Refusal(404, gemini_error("NOT_FOUND"), Misconfigured),
        Refusal(409, gemini_error("ABORTED"), Retryable),
        Refusal(413, gemini_error("INVALID_ARGUMENT"), RequestRejected),
        Refusal(429, gemini_error("RESOURCE_EXHAUSTED"), Retryable),
        Refusal(429, gemini_error("RESOURCE_EXHAUSTED", in_seconds("7s")), Retryable),
        Refusal(
            429,
            gemini_error(
                "RESOURCE_EXHAUSTED",
                quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
                in_seconds("7s"),
            ),
            Retryable,
        ),
        Refusal(
            429,
            gemini_error(
                "RESOURCE_EXHAUSTED",
                quota(
                    "GenerateContentInputTokensPerModelPerMinute-FreeTier",
                    "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
                ),
                in_seconds("7s"),
            ),
            Misconfigured,
        ),
        Refusal(500, gemini_error("INTERNAL"), Retryable),
        Refusal(502, {}, Retryable),
        Refusal(503, gemini_error("UNAVAILABLE"), Retryable),
        Refusal(504, gemini_error("DEADLINE_EXCEEDED"), Retryable),
    ),
    rejection=Refusal(400, gemini_error("INVALID_ARGUMENT"), RequestRejected),
    rejected="INVALID_ARGUMENT",
    quoting={
        "error": {
            "message": "QUOTED",
            "status": "QUOTED",
            "details": [{"reason": "QUOTED", "retryDelay": "QUOTED"}],
        }
    },
    busy=gemini_error("RESOURCE_EXHAUSTED"),
    no_replies=(b'{"usageMetadata": {"promptTokenCount": 1}}', b'{"candidates'),
    environment={
        "GOOGLE_API_KEY": "AIza-other",
        "GEMINI_API_KEY": "AIza-another",
        "GOOGLE_GEMINI_BASE_URL": f"{ELSEWHERE}/elsewhere",
        "GOOGLE_VERTEX_BASE_URL": f"{ELSEWHERE}/elsewhere",
        "GOOGLE_GENAI_USE_VERTEXAI": "true",
        "GOOGLE_GENAI_USE_ENTERPRISE": "true",
        "GOOGLE_GENAI_API_VERSION": "v9",
        "GOOGLE_GENAI_HTTP_CLIENT": "httpx",
        "GOOGLE_GENAI_CLIENT_MODE": "record",
        "GOOGLE_GENAI_REPLAYS_DIRECTORY": "{dir}",
        "GOOGLE_GENAI_DEFAULT_HEADERS": "X-Custom: yes",
        "GOOGLE_GENAI_ACCESS_TOKEN": "token-other",
        "GOOGLE_APPLICATION_CREDENTIALS": "{dir}/secret.json",
        "GOOGLE_CLOUD_PROJECT": "project-other",
        "GOOGLE_CLOUD_LOCATION": "elsewhere",
        **PROXIES,
    },
    files={
        "secret.json": (
            '{"type": "authorized_user", "client_id": "c", "client_secret": "s",'
            ' "refresh_token": "token-other"}'
        )
    },
    rates={},
    allowance=None,
    spent=(429, "GenerateRequestsPerDayPerProjectPerModel"),
    # It does not tell the two apart.
    refuses=Stop.BLOCKED,
    counts_cache_writes=False,
)

CONTRACTS = (OPENAI, ANTHROPIC, GEMINI)
