"""Gemini's generateContent as the emulator writes it, by the SDK's own model."""

import contextlib
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from google.genai.types import BlockedReason, FinishReason, GenerateContentResponse
from hypothesis import given
from hypothesis import strategies as st

from providers.emulator import gemini
from providers.emulator.engine import Call, Engine, Response
from providers.emulator.home import Home
from providers.emulator.ledger import entries
from providers.emulator.script import Script
from providers.emulator.vendors import BadRequest, Sent

ENDPOINT = "POST /gemini/v1/models/gemini-3.8-flash:generateContent"
SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string", "enum": ["a", "b"]}},
    "required": ["label"],
}
OPENAPI = {
    "type": "OBJECT",
    "properties": {
        "label": {"type": "STRING", "enum": ["a", "b"]},
        "tags": {"type": "ARRAY", "items": {"type": "INTEGER"}},
        "note": {"type": "STRING", "nullable": True},
        "size": {"anyOf": [{"type": "INTEGER"}, {"type": "NUMBER"}]},
    },
    "required": ["label", "tags", "note", "size"],
    "propertyOrdering": ["label", "tags", "note", "size"],
}


def asked(text="Label this ticket.", system: str | None = None, fields=(), **config):
    instruction = {} if system is None else {"systemInstruction": {"parts": [{"text": system}]}}
    return orjson.dumps(
        {
            "contents": [{"role": "user", "parts": [{"text": text}]}],
            "generationConfig": config,
            **instruction,
            **dict(fields),
        }
    )


def with_schema(name="responseJsonSchema", schema: object = SCHEMA) -> dict[str, Any]:
    return {"responseMimeType": "application/json", name: schema}


@dataclass
class Emulated:
    engine: Engine

    def plays(self, *rules):
        self.engine.memory.script = Script.model_validate({"rules": rules})

    async def delivers(self, body=None, key: str | None = "emulated"):
        headers = {} if key is None else {"x-goog-api-key": key}
        sent = Sent(body or asked(), headers, "gemini-3.8-flash")
        response = await self.engine.serve(Call(gemini, ENDPOINT, sent, ident="0123456789ab"))
        assert isinstance(response, Response)
        return response

    async def says(self, body=None) -> GenerateContentResponse:
        response = await self.delivers(body)
        assert response.status == 200, response.body
        return GenerateContentResponse.model_validate_json(response.body)

    async def refuses(self, *call):
        response = await self.delivers(*call)
        error = orjson.loads(response.body)["error"]
        assert error["code"] == response.status
        return error


@pytest.fixture
def emulated(tmp_path):
    engine = Engine(Home.under(tmp_path))
    yield Emulated(engine)
    engine.close()


def finish(said):
    (candidate,) = said.candidates
    return candidate.finish_reason


def usage(said):
    counts = said.usage_metadata
    assert counts.total_token_count == sum(
        count or 0
        for count in (
            counts.prompt_token_count,
            counts.candidates_token_count,
            counts.thoughts_token_count,
        )
    )
    return counts


@pytest.mark.parametrize(("system", "tokens"), [(None, 5), ("Label.", 7)])
async def test_plain_request_gets_readable_text(emulated, system, tokens):
    said = await emulated.says(asked(system=system))
    assert finish(said) is FinishReason.STOP
    assert ". " in said.text
    assert said.model_version == "gemini-3.8-flash"
    assert usage(said).prompt_token_count == tokens


async def test_reply_satisfies_the_schema_of_the_request(emulated):
    said = await emulated.says(asked(**with_schema()))
    assert orjson.loads(said.text)["label"] in {"a", "b"}


async def test_schema_may_be_in_the_words_of_openapi(emulated):
    said = await emulated.says(asked(**with_schema("responseSchema", OPENAPI)))
    reply = orjson.loads(said.text)
    assert reply["label"] in {"a", "b"}
    assert all(isinstance(tag, int) for tag in reply["tags"])
    assert reply["note"] is None or isinstance(reply["note"], str)
    assert isinstance(reply["size"], int | float)


async def test_json_without_a_schema_gives_an_object(emulated):
    said = await emulated.says(asked(responseMimeType="application/json"))
    assert isinstance(orjson.loads(said.text), dict)


async def test_schema_that_is_only_told_is_followed(emulated):
    told = f"Answer by this schema: {orjson.dumps(SCHEMA).decode()}"
    said = await emulated.says(asked(system=told, responseMimeType="application/json"))
    assert orjson.loads(said.text)["label"] in {"a", "b"}


async def test_names_may_have_underscores(emulated):
    """The vendor's own SDK mixes both."""
    said = await emulated.says(asked(thinking_config={"thinking_level": "LOW"}))
    assert usage(said).thoughts_token_count == 32


@pytest.mark.parametrize(
    ("config", "thoughts"),
    [
        ({"thinkingLevel": "MINIMAL"}, 8),
        ({"thinkingLevel": "HIGH"}, 512),
        ({"thinkingBudget": 70}, 70),
        ({"thinkingBudget": -1}, 128),
        ({"thinkingBudget": 0}, None),
        ({}, None),
    ],
)
async def test_thoughts_are_counted_beside_the_candidates(emulated, config, thoughts):
    said = await emulated.says(asked(thinkingConfig=config))
    counts = usage(said)
    assert counts.thoughts_token_count == thoughts
    (charged,) = entries(emulated.engine.home.ledger)
    assert charged["usage"]["output"] == counts.candidates_token_count + (thoughts or 0)


async def test_text_beyond_the_most_tokens_is_truncated(emulated):
    said = await emulated.says(asked(maxOutputTokens=3))
    assert finish(said) is FinishReason.MAX_TOKENS
    assert usage(said).candidates_token_count == 3


async def test_thoughts_may_use_all_tokens_up(emulated):
    said = await emulated.says(asked(maxOutputTokens=3, thinkingConfig={"thinkingBudget": 9}))
    assert finish(said) is FinishReason.MAX_TOKENS
    assert said.text is None
    assert usage(said).thoughts_token_count == 3


async def test_refusal_is_a_candidate_without_content(emulated):
    emulated.plays({"do": "refuse"})
    said = await emulated.says()
    assert finish(said) is FinishReason.SAFETY
    assert said.text is None


async def test_blocked_prompt_has_no_candidates(emulated):
    emulated.plays({"do": "block"})
    said = await emulated.says()
    assert said.candidates is None
    assert said.prompt_feedback is not None
    assert said.prompt_feedback.block_reason is BlockedReason.PROHIBITED_CONTENT
    assert usage(said).total_token_count == usage(said).prompt_token_count


async def test_cached_tokens_are_part_of_the_prompt(emulated):
    """What goes into the cache is not counted."""
    emulated.plays({"do": "usage", "usage": {"cached_share": 0.5, "cache_write_share": 0.25}})
    counts = usage(await emulated.says(asked("word " * 80)))
    assert (counts.prompt_token_count, counts.cached_content_token_count) == (100, 50)
    (charged,) = entries(emulated.engine.home.ledger)
    assert charged["model"] == "gemini-3.8-flash"
    assert (charged["usage"]["cached"], charged["usage"]["cache_write"]) == (50, 0)


@pytest.mark.parametrize("key", [None, "AIza-canary"])
async def test_no_key_but_its_own_is_taken(emulated, key):
    error = await emulated.refuses(None, key)
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["details"][0]["reason"] == "API_KEY_INVALID"
    assert "canary" not in error["message"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "JSON"),
        (b"[]", "JSON"),
        (asked(fields={"messages": []}), "messages"),
        (asked(fields={"contents": []}), "contents"),
        (asked(fields={"contents": [{"role": "system", "parts": [{"text": "a"}]}]}), "role"),
        (asked(fields={"contents": [{"role": "user", "parts": []}]}), "parts"),
        (asked(fields={"systemInstruction": {"parts": []}}), "system_instruction"),
        (asked(maxTokens=5), "maxTokens"),
        (asked(maxOutputTokens=0), "maxOutputTokens"),
        (asked(candidateCount=2), "candidate"),
        (asked(thinkingConfig={"effort": "low"}), "effort"),
        (asked(thinkingConfig={"thinkingLevel": "HEROIC"}), "thinkingLevel"),
        (asked(thinkingConfig={"thinkingLevel": "LOW", "thinkingBudget": 5}), "thinking"),
        (asked(responseJsonSchema=SCHEMA), "response_mime_type"),
        (asked(responseMimeType="text/plain", responseSchema=OPENAPI), "response_mime_type"),
        (asked(**with_schema(), responseSchema=OPENAPI), "response_schema"),
        (asked(**with_schema(schema={"type": "nope"})), "nope"),
    ],
)
async def test_request_that_the_vendor_would_refuse_is_refused(emulated, body, named):
    error = await emulated.refuses(body)
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert named in error["message"]
    assert list(entries(emulated.engine.home.ledger)) == []


NAMES = """
contents enum generationConfig items nullable parts properties responseMimeType responseSchema role
systemInstruction text thinkingBudget thinkingConfig type
"""
FIELDS = st.sampled_from(NAMES.split())
MESSES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(["user", "OBJECT"]),
    lambda parts: st.lists(parts, max_size=2) | st.dictionaries(FIELDS, parts, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(FIELDS, MESSES), st.dictionaries(FIELDS, MESSES))
def test_request_in_any_shape_is_read_or_refused(fields, schema):
    for body in (asked(fields=fields), asked(**with_schema("responseSchema", schema))):
        with contextlib.suppress(BadRequest):
            gemini.read(Sent(body, model="m"))


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
        (529, "UNKNOWN"),
    ],
)
async def test_scripted_status_has_the_vendors_form(emulated, status, word):
    emulated.plays({"do": "status", "status": status})
    assert (await emulated.refuses())["status"] == word


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        (
            {"status": 403, "code": "BILLING_DISABLED"},
            {"status": "PERMISSION_DENIED", "reason": "BILLING_DISABLED"},
        ),
        ({"status": 400, "code": "FAILED_PRECONDITION"}, {"status": "FAILED_PRECONDITION"}),
        (
            {"status": 429, "code": "GenerateRequestsPerDayPerProjectPerModel"},
            {
                "status": "RESOURCE_EXHAUSTED",
                "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}],
            },
        ),
        ({"status": 503, "retry_after": 2.5}, {"status": "UNAVAILABLE", "retryDelay": "2.5s"}),
    ],
)
async def test_scripted_code_and_wait_are_details(emulated, rule, error):
    emulated.plays({"do": "status", **rule})
    said = await emulated.refuses()
    flat = {"status": said["status"]}
    for detail in said.get("details", ()):
        flat |= detail
    assert error.items() <= flat.items()
