"""Anthropic's messages as the emulator writes them, by the SDK's own model."""

import contextlib
from dataclasses import dataclass

import orjson
import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st

from providers.emulator import anthropic
from providers.emulator.engine import Call, Engine, Response
from providers.emulator.home import Home
from providers.emulator.ledger import entries
from providers.emulator.script import Script
from providers.emulator.vendors import BadRequest, Sent

ENDPOINT = "POST /anthropic/v1/messages"
HEADERS = {"x-api-key": "emulated", "anthropic-version": "2026-10-21"}
NUMBER = {"type": "integer", "minimum": 1}


def an_object(**properties):
    names = list(properties)
    return {
        "type": "object",
        "properties": properties,
        "required": names,
        "additionalProperties": False,
    }


SCHEMA = an_object(label={"type": "string", "enum": ["a", "b"]})


def asked(content: object = "Label this ticket.", **settings):
    body = {
        "model": "claude-haiku-5-5",
        "max_tokens": 500,
        "messages": [{"role": "user", "content": content}],
        **settings,
    }
    return orjson.dumps({name: value for name, value in body.items() if value is not None})


def with_schema(schema, **others):
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}, **others}}


@dataclass
class Emulated:
    engine: Engine

    def plays(self, *rules):
        self.engine.memory.script = Script.model_validate({"rules": rules})

    async def delivers(self, body=None, headers=HEADERS):
        sent = Sent(body or asked(), headers)
        response = await self.engine.serve(Call(anthropic, ENDPOINT, sent, ident="0123456789ab"))
        assert isinstance(response, Response)
        return response

    async def says(self, body=None) -> Message:
        response = await self.delivers(body)
        assert response.status == 200, response.body
        return Message.model_validate_json(response.body, strict=True)

    async def refuses(self, *call):
        response = await self.delivers(*call)
        body = orjson.loads(response.body)
        assert body["type"] == "error"
        assert body["request_id"] == response.headers["request-id"]
        return response.status, body["error"]


@pytest.fixture
def emulated(tmp_path):
    engine = Engine(Home.under(tmp_path))
    yield Emulated(engine)
    engine.close()


def text(message):
    return "".join(block.text for block in message.content if block.type == "text")


@pytest.mark.parametrize(
    "system", [None, "Label.", [{"type": "text", "text": "Label.", "cache_control": None}]]
)
async def test_plain_request_gets_readable_text(emulated, system):
    said = await emulated.says(asked(system=system))
    assert said.stop_reason == "end_turn"
    assert said.stop_details is None
    assert ". " in text(said)
    assert said.usage.input_tokens == (5 if system is None else 7)


async def test_reply_satisfies_the_schema_of_the_request(emulated):
    said = await emulated.says(asked(**with_schema(SCHEMA)))
    assert orjson.loads(text(said))["label"] in {"a", "b"}


@pytest.mark.parametrize("others", [{}, {"minimum": 7}])
async def test_schema_that_is_only_told_is_followed(emulated, others):
    """As it is where the vendor cannot enforce it."""
    schema = {"type": "array", "items": {"type": "integer", **others}}
    told = f"Answer {{well}}, as in {{}}, by this JSON Schema:\n{orjson.dumps(schema).decode()}"
    said = await emulated.says(asked(system=told))
    assert all(isinstance(number, int) for number in orjson.loads(text(said)))


@pytest.mark.parametrize("quoted", ['{"type": "object", "properties": 7}', '{"a": 1}', "{" * 5000])
async def test_what_only_looks_like_a_schema_does_no_harm(emulated, quoted):
    said = await emulated.says(asked(f"Is this a JSON Schema? {quoted}"))
    assert ". " in text(said)


async def test_effort_is_thought_before_it_is_said(emulated):
    said = await emulated.says(asked(**with_schema(SCHEMA, effort="low")))
    assert [block.type for block in said.content] == ["thinking", "text"]
    assert said.usage.output_tokens_details is not None
    assert said.usage.output_tokens_details.thinking_tokens == 32
    assert said.usage.output_tokens > 32


async def test_no_effort_is_made_where_thinking_is_off(emulated):
    said = await emulated.says(
        asked(output_config={"effort": "high"}, thinking={"type": "disabled"})
    )
    assert [block.type for block in said.content] == ["text"]


async def test_text_beyond_max_tokens_is_truncated(emulated):
    said = await emulated.says(asked(max_tokens=3))
    assert (said.stop_reason, said.usage.output_tokens) == ("max_tokens", 3)


async def test_thinking_may_use_all_tokens_up(emulated):
    said = await emulated.says(asked(max_tokens=3, output_config={"effort": "max"}))
    assert (said.stop_reason, text(said)) == ("max_tokens", "")


async def test_refusal_is_a_message(emulated):
    emulated.plays({"do": "refuse"})
    said = await emulated.says()
    assert said.stop_reason == "refusal"
    assert said.stop_details is not None
    assert said.stop_details.category is None
    assert text(said).startswith("I'm sorry")


async def test_block_is_an_empty_message_with_a_category(emulated):
    emulated.plays({"do": "block"})
    said = await emulated.says(asked(output_config={"effort": "high"}))
    assert (said.stop_reason, said.content) == ("refusal", [])
    assert said.stop_details is not None
    assert said.stop_details.category == "general_harms"
    assert said.usage.output_tokens == 0


async def test_cached_tokens_stand_beside_the_input(emulated):
    emulated.plays(
        {"do": "usage", "usage": {"cached_share": 0.5, "cache_write_share": 0.25}, "nth": [1]}
    )
    usage = (await emulated.says(asked("word " * 80))).usage
    counts = usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    assert counts == (25, 50, 25)
    assert usage.cache_creation is not None
    assert usage.cache_creation.ephemeral_5m_input_tokens == 25
    (charged,) = entries(emulated.engine.home.ledger)
    assert charged["usage"]["input"] == 100
    assert (charged["usage"]["cached"], charged["usage"]["cache_write"]) == (50, 25)


@pytest.mark.parametrize(
    "headers",
    [HEADERS, {"authorization": "Bearer emulated-b", "anthropic-version": "2026-10-21"}],
)
async def test_key_comes_in_either_header(emulated, headers):
    assert (await emulated.delivers(None, headers)).status == 200


async def test_no_key_but_its_own_is_taken(emulated):
    status, error = await emulated.refuses(None, {**HEADERS, "x-api-key": "sk-ant-canary"})
    assert (status, error["type"]) == (401, "authentication_error")
    assert "canary" not in error["message"]


async def test_version_has_to_be_named(emulated):
    status, error = await emulated.refuses(None, {"x-api-key": "emulated"})
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert "anthropic-version" in error["message"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "JSON"),
        (b"[]", "JSON"),
        (asked(model=None), "model"),
        (asked(max_tokens=None), "max_tokens"),
        (asked(max_tokens=0), "max_tokens"),
        (asked(max_tokens=True), "max_tokens"),
        (asked(seed=7), "seed"),
        (asked(stream=True), "stream"),
        (asked(messages=[]), "messages"),
        (asked(messages=[{"role": "system", "content": "Hello."}]), "messages.0"),
        (asked(""), "messages.0"),
        (asked([{"type": "text", "text": ""}]), "messages.0"),
        (asked(system=7), "system"),
        (asked(output_config={"effort": "heroic"}), "effort"),
        (asked(output_config={"schema": {}}), "output_config.schema"),
        (asked(output_config={"format": {"type": "json_object"}}), "output_config.format"),
        (asked(**with_schema({"type": "object"})), "additionalProperties"),
        (asked(**with_schema(an_object(inner={"type": "object"}))), "schema.inner"),
        (asked(**with_schema(an_object(score=NUMBER))), "minimum"),
        (asked(**with_schema(an_object(name={"type": "string", "maxLength": 5}))), "maxLength"),
        (asked(**with_schema(an_object(some={"type": "array", "minItems": 2}))), "minItems"),
        (asked(**with_schema(an_object(more={"$ref": "#"}))), "recursive"),
        (asked(**with_schema(an_object(more={"$ref": "https://x.org"}))), "x.org"),
        (asked(**with_schema({"type": "nope"})), "nope"),
    ],
)
async def test_request_that_the_vendor_would_refuse_is_refused(emulated, body, named):
    status, error = await emulated.refuses(body)
    assert (status, error["type"], error["details"]) == (400, "invalid_request_error", None)
    assert named in error["message"]
    assert list(entries(emulated.engine.home.ledger)) == []


async def test_temperature_is_taken(emulated):
    """Which models have given it up is not the emulator's affair."""
    assert (await emulated.delivers(asked(temperature=0.5))).status == 200


NAMES = """
additionalProperties cache_control content effort format items json_schema max_tokens messages
output_config properties required role schema system text thinking type
"""
FIELDS = st.sampled_from(NAMES.split())
MESSES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(["object", "json_schema"]),
    lambda parts: st.lists(parts, max_size=2) | st.dictionaries(FIELDS, parts, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(FIELDS, MESSES), MESSES)
def test_request_in_any_shape_is_read_or_refused(fields, schema):
    for settings in (fields, with_schema({"properties": schema, "required": schema})):
        with contextlib.suppress(BadRequest):
            anthropic.read(Sent(asked(**settings), HEADERS))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
async def test_scripted_status_has_the_vendors_form(emulated, status, kind):
    emulated.plays({"do": "status", "status": status})
    assert await emulated.refuses() == (
        status,
        {"type": kind, "message": "The emulator's script says so.", "details": None},
    )


async def test_scripted_code_is_a_detail(emulated):
    emulated.plays({"do": "status", "status": 429, "code": "enforced_spend_limit_reached"})
    _, error = await emulated.refuses()
    assert error["details"] == {"error_code": "enforced_spend_limit_reached"}
