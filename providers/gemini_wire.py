"""Gemini's generateContent as values: the body that is sent, the body that comes back."""

from collections.abc import Mapping
from typing import Any

import orjson

from providers.gemini_schema import enforced
from providers.neutral import Reply, Request, Stop, Usage
from providers.rows import Abilities
from providers.wire_parts import count, given, items, mapping, remembered, telling_schema, text

__all__ = ["from_wire", "to_wire"]

_ROLES = {"user": "user", "assistant": "model"}

# MALFORMED_RESPONSE and the like are no stops of their own: the verdict sees what came.
_STOPS = {
    **dict.fromkeys(("CONTINUATION", "MAX_TOKENS"), Stop.TRUNCATED),
    **dict.fromkeys(("BLOCKLIST", "ESCALATION", "LANGUAGE", "MODEL_ARMOR"), Stop.BLOCKED),
    **dict.fromkeys(("PROHIBITED_CONTENT", "PUP_LIMITED_DISABLED", "RECITATION"), Stop.BLOCKED),
    **dict.fromkeys(("SAFETY", "SPII"), Stop.BLOCKED),
    **dict.fromkeys(("IMAGE_OTHER", "IMAGE_PROHIBITED_CONTENT"), Stop.BLOCKED),
    **dict.fromkeys(("IMAGE_RECITATION", "IMAGE_SAFETY"), Stop.BLOCKED),
}

_adapted = remembered(enforced)


def to_wire(request: Request, abilities: Abilities) -> dict[str, Any]:
    """Return the body of a generateContent; the model is named in the address.

    Settings that the model would refuse are left out.
    """
    ignored = abilities.ignored(request)
    system, form = _asking_for_schema(request, abilities)
    settings = {
        "temperature": None if "temperature" in ignored else request.temperature,
        "maxOutputTokens": request.max_tokens,
        "seed": None if "seed" in ignored else request.seed,
        "thinkingConfig": None if "reasoning" in ignored else _thinking(request, abilities),
        **form,
    }
    body = {
        "contents": [
            {"role": _ROLES[role], "parts": [{"text": said}]} for role, said in request.turns
        ],
        "systemInstruction": {"parts": [{"text": system}]} if system else None,
        "generationConfig": given(settings) or None,
    }
    return given(body)


def _thinking(request: Request, abilities: Abilities) -> dict[str, Any] | None:
    effort = request.reasoning
    if effort is None:
        return None
    budgets = abilities.thinking_budgets or {}
    # No level means no thoughts at all.
    if effort in budgets or effort == "none":
        return {"thinkingBudget": budgets.get(effort, 0)}
    return {"thinkingLevel": effort.upper()}


def _asking_for_schema(request: Request, abilities: Abilities) -> tuple[str | None, dict[str, Any]]:
    """Return the system prompt and the settings that make the reply fit the schema."""
    if request.schema is None:
        return request.system, {}
    schema = orjson.dumps(request.schema)
    adapted = _adapted(schema) if abilities.json_schema else None
    form = given({"responseMimeType": "application/json", "responseJsonSchema": adapted})
    return request.system if adapted else telling_schema(request.system or None, schema), form


def from_wire(body: Mapping[str, Any]) -> Reply:
    """Read a generateContent. What is missing, or is not what it should be, is empty or None."""
    candidates = items(body.get("candidates"))
    candidate = mapping(candidates[0] if candidates else None)
    # A blocked prompt has no candidates.
    blocked = None if candidates else text(mapping(body.get("promptFeedback")).get("blockReason"))
    stop = _STOPS.get(str(candidate.get("finishReason")), Stop.DONE)
    return Reply(
        text=blocked or _said(candidate),
        stop=Stop.BLOCKED if blocked else stop,
        usage=_usage(mapping(body.get("usageMetadata"))),
        model=text(body.get("modelVersion")),
        request_id=text(body.get("responseId")),
    )


def _said(candidate: Mapping[str, Any]) -> str:
    parts = [mapping(part) for part in items(mapping(candidate.get("content")).get("parts"))]
    return "".join(
        text(part.get("text")) or "" for part in parts if part.get("thought") is not True
    )


def _usage(usage: Mapping[str, Any]) -> Usage | None:
    if not usage:
        return None
    thoughts = count(usage.get("thoughtsTokenCount"))
    return Usage(
        input=count(usage.get("promptTokenCount")) + count(usage.get("toolUsePromptTokenCount")),
        cached=count(usage.get("cachedContentTokenCount")),
        cache_write=0,
        # Thoughts are paid as output, and are not among the candidates' tokens.
        output=count(usage.get("candidatesTokenCount")) + thoughts,
        reasoning=thoughts,
    )
