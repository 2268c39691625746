"""Gemini's generateContent, seen from the server's side."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from providers.emulator.model import REASONING_TOKENS, Asked, Said, Stop
from providers.emulator.reading import choice, count, fields, only, setting, texts, words
from providers.emulator.telling import told_schema
from providers.emulator.vendors import BadRequest, Sent, Standing, Trouble

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

# What others answer with 401.
BAD_KEY = Trouble(400, code="API_KEY_INVALID")
BAD_SCHEMA = Trouble(400)
FIELDS = words(
    """
    cachedContent contents continuationToken generationConfig labels model safetySettings
    serviceTier store systemInstruction toolConfig tools
    """
)
CONFIG_FIELDS = words(
    """
    audioTimestamp audioTranscriptionConfig candidateCount enableAffectiveDialog
    enableEnhancedCivicAnswers frequencyPenalty imageConfig logprobs maxOutputTokens
    mediaResolution presencePenalty responseFormat responseJsonSchema responseLogprobs
    responseMimeType responseModalities responseSchema seed speechConfig stopSequences temperature
    thinkingConfig topK topP translationConfig
    """
)
THINKING_FIELDS = frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"})
LEVELS = {
    "THINKING_LEVEL_UNSPECIFIED": "medium",
    **{name.upper(): name for name in ("minimal", "low", "medium", "high", "xhigh")},
}
LEVEL_NAMES = frozenset(LEVELS)
FINISH_REASONS = {Stop.DONE: "STOP", Stop.TRUNCATED: "MAX_TOKENS", Stop.REFUSED: "SAFETY"}
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
OTHER_STATUSES = frozenset({"CANCELLED", "FAILED_PRECONDITION", "OUT_OF_RANGE"})
QUOTAS = {
    "requests": "GenerateRequestsPerMinutePerProjectPerModel",
    "tokens": "GenerateContentTokensPerModelPerMinute",
}
RPC = "type.googleapis.com/google.rpc."
TOO_MANY = 429


def key(headers: Mapping[str, str]) -> str | None:
    return headers.get("x-goog-api-key")


def read(sent: Sent) -> Asked:
    """Read a request for content."""
    asked = _named(fields(sent.body), FIELDS)
    config = _named(setting(asked, "generationConfig", dict) or {}, CONFIG_FIELDS)
    if (config.get("candidateCount") or 1) != 1:
        raise BadRequest("Only one candidate can be specified", param="candidateCount")
    prompt = "\n".join(_contents(asked))
    mime = setting(config, "responseMimeType", str)
    in_json = mime == "application/json"
    return Asked(
        model=sent.model or "",
        prompt=prompt,
        schema=_schema(config, mime) or (told_schema(prompt) if in_json else None),
        json=in_json,
        max_tokens=count(config, "maxOutputTokens"),
        reasoning_tokens=_reasoning(config),
        pays_cache_writes=False,
    )


def _named(values: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Return known fields by their names in camel case; those with underscores go as well."""
    named = {_camel(name): value for name, value in values.items()}
    only(named, known, _unknown)
    return named


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _unknown(name: str) -> BadRequest:
    message = f"Invalid JSON payload received. Unknown name {name!r}: Cannot find field."
    return BadRequest(message, param=name)


def _reasoning(config: Mapping[str, Any]) -> int:
    thinking = _named(setting(config, "thinkingConfig", dict) or {}, THINKING_FIELDS)
    level = choice(thinking, "thinkingLevel", LEVEL_NAMES)
    budget = setting(thinking, "thinkingBudget", int)
    if level is not None and budget is not None:
        raise BadRequest("You can only set one of thinking budget and thinking level.")
    if level is not None:
        return REASONING_TOKENS[LEVELS[level]]
    # Less than nothing leaves it to the model.
    return REASONING_TOKENS["medium"] if (budget or 0) < 0 else budget or 0


def _contents(asked: Mapping[str, Any]) -> Iterator[str]:
    if (system := setting(asked, "systemInstruction", dict)) is not None:
        yield _parts(system, "system_instruction")
    contents = setting(asked, "contents", list)
    if not contents:
        raise BadRequest("* GenerateContentRequest.contents: contents is not specified")
    for index, content in enumerate(contents):
        at = f"contents[{index}]"
        if not isinstance(content, dict) or content.get("role", "user") not in {"user", "model"}:
            raise BadRequest(f"Please use a valid role: user, model. ({at})")
        yield _parts(content, at)


def _parts(content: Mapping[str, Any], at: str) -> str:
    match content.get("parts"):
        case [_, *_] as parts:
            return "\n".join(texts(parts))
        case _:
            raise BadRequest(f"* GenerateContentRequest.{at}.parts: parts must not be empty")


def _schema(config: Mapping[str, Any], mime: str | None) -> Mapping[str, Any] | None:
    schema = setting(config, "responseJsonSchema", dict)
    openapi = setting(config, "responseSchema", dict)
    if schema is None and openapi is None:
        return None
    if mime != "application/json":
        raise BadRequest(
            f"Function calling with a response mime type: {mime!r} is unsupported: a schema needs "
            "response_mime_type application/json"
        )
    if openapi is None:
        return schema
    if schema is not None:
        raise BadRequest("Only one of response_schema and response_json_schema may be set")
    return _json_schema(openapi)


def _json_schema(openapi: Mapping[str, Any]) -> dict[str, Any]:
    """Put a schema in OpenAPI's words into JSON Schema's."""
    schema = {name: _reworded(name, value) for name, value in openapi.items()}
    if schema.pop("nullable", False) and "type" in schema:
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list):
            schema["enum"] = [*schema["enum"], None]
    schema.pop("propertyOrdering", None)
    return schema


def _reworded(name: str, value: Any) -> Any:
    match name, value:
        case "type", str():
            return value.lower()
        case "properties", dict():
            return {key: _reworded("items", part) for key, part in value.items()}
        case "items", dict():
            return _json_schema(value)
        case "anyOf", list():
            return [_reworded("items", part) for part in value]
        case _:
            return value


def written(asked: Asked, said: Said, *, ident: str, at: int) -> dict[str, Any]:  # noqa: ARG001
    """Return generated content, or why there is none."""
    body: dict[str, Any] = {
        "usageMetadata": _usage(said),
        "modelVersion": asked.model,
        "responseId": ident,
    }
    if said.stop is Stop.BLOCKED:
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **body}
    return {"candidates": [_candidate(said)], **body}


def _candidate(said: Said) -> dict[str, Any]:
    candidate: dict[str, Any] = {"finishReason": FINISH_REASONS[said.stop], "index": 0}
    if said.stop is Stop.REFUSED:
        return candidate
    content: dict[str, Any] = {"role": "model"}
    if said.text:
        content["parts"] = [{"text": said.text}]
    return {"content": content, **candidate}


def _usage(said: Said) -> dict[str, Any]:
    usage = said.usage
    written = {
        "promptTokenCount": usage.input,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.output - usage.reasoning,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.total,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input}],
    }
    # As in all of Google's JSON, what is nothing is not there.
    return {name: value for name, value in written.items() if value}


def error(trouble: Trouble, *, ident: str) -> dict[str, Any]:  # noqa: ARG001  it has none
    status, code = trouble.status, trouble.code
    names_status = code in OTHER_STATUSES
    details = [] if names_status else list(_details(trouble))
    told = {
        "code": status,
        "message": trouble.message,
        "status": code if names_status else STATUSES.get(status, "UNKNOWN"),
    }
    return {"error": {**told, "details": details} if details else told}


def _details(trouble: Trouble) -> Iterator[dict[str, Any]]:
    if trouble.status == TOO_MANY:
        quota = trouble.code or QUOTAS[trouble.short_of or "requests"]
        yield {"@type": f"{RPC}QuotaFailure", "violations": [{"quotaId": quota}]}
    elif trouble.code is not None:
        reason = {"reason": trouble.code, "domain": "googleapis.com"}
        yield {"@type": f"{RPC}ErrorInfo", **reason}
    if trouble.param is not None:
        violation = {"field": trouble.param, "description": trouble.message}
        yield {"@type": f"{RPC}BadRequest", "fieldViolations": [violation]}
    if trouble.retry_after is not None:
        yield {"@type": f"{RPC}RetryInfo", "retryDelay": f"{trouble.retry_after:g}s"}


def headers(ident: str) -> dict[str, str]:  # noqa: ARG001
    return {}


def rates(standing: Standing | None, now: datetime) -> Mapping[str, str]:  # noqa: ARG001
    return {}


def patience(seconds: float) -> Mapping[str, str]:  # noqa: ARG001  it is in the body
    return {}
