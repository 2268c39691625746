"""OpenAI's Responses as the emulator writes them, by the SDK's own model."""

import contextlib
from dataclasses import dataclass

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response as Responded

from providers.emulator import openai, responses
from providers.emulator.engine import Call, Engine, Response
from providers.emulator.home import Home
from providers.emulator.ledger import entries
from providers.emulator.script import Script
from providers.emulator.vendors import BadRequest, Sent

ENDPOINT = "POST /openai/v1/responses"
HEADERS = {"authorization": "Bearer emulated"}
LABEL = {"type": "string", "enum": ["a", "b"]}
SCHEMA = {
    "type": "object",
    "properties": {"label": LABEL},
    "required": ["label"],
    "additionalProperties": False,
}


def asked(read: object = "Label this ticket.", /, **settings):
    return orjson.dumps({"model": "gpt-6-luna", "input": read, **settings})


def with_schema(schema, **others):
    form = {"type": "json_schema", "name": "label", "strict": True, "schema": schema, **others}
    return {"text": {"format": form}}


@dataclass
class Emulated:
    engine: Engine

    def plays(self, *rules):
        self.engine.memory.script = Script.model_validate({"rules": rules})

    async def answers(self, body=None):
        call = Call(responses, ENDPOINT, Sent(body or asked(), HEADERS), ident="0123456789ab")
        response = await self.engine.serve(call)
        assert isinstance(response, Response)
        return response.status, response.body

    async def says(self, body=None) -> Responded:
        status, said = await self.answers(body)
        assert status == 200, said
        return Responded.model_validate_json(said, strict=True)


@pytest.fixture
def emulated(tmp_path):
    engine = Engine(Home.under(tmp_path))
    yield Emulated(engine)
    engine.close()


@pytest.mark.parametrize(
    "text",
    [
        "Hello.",
        [{"role": "user", "content": "Hello."}],
        [{"role": "user", "content": [{"type": "input_text", "text": "Hello."}]}],
    ],
)
async def test_plain_request_gets_readable_text(emulated, text):
    said = await emulated.says(asked(text, instructions="Answer."))
    assert said.status == "completed"
    assert ". " in said.output_text
    assert said.usage is not None
    assert said.usage.input_tokens == 4


async def test_reply_satisfies_the_schema_of_the_request(emulated):
    said = await emulated.says(asked(**with_schema(SCHEMA)))
    assert orjson.loads(said.output_text)["label"] in {"a", "b"}


async def test_schema_that_is_only_told_is_followed(emulated):
    told = f"Answer by this JSON Schema: {orjson.dumps(SCHEMA).decode()}"
    said = await emulated.says(asked(told, text={"format": {"type": "json_object"}}))
    assert orjson.loads(said.output_text)["label"] in {"a", "b"}


async def test_reasoning_is_an_item_of_its_own(emulated):
    said = await emulated.says(asked(reasoning={"effort": "high"}))
    assert [item.type for item in said.output] == ["reasoning", "message"]
    assert said.usage is not None
    assert said.usage.output_tokens_details.reasoning_tokens == 512


async def test_text_beyond_the_most_tokens_is_incomplete(emulated):
    said = await emulated.says(asked(max_output_tokens=3))
    assert said.status == "incomplete"
    assert said.incomplete_details is not None
    assert said.incomplete_details.reason == "max_output_tokens"
    assert len(said.output_text) == 12


async def test_refusal_is_a_part_of_the_message(emulated):
    emulated.plays({"do": "refuse"})
    said = await emulated.says()
    (message,) = said.output
    assert said.status == "completed"
    assert message.type == "message"
    assert [part.type for part in message.content] == ["refusal"]


async def test_filter_leaves_nothing(emulated):
    emulated.plays({"do": "block"})
    said = await emulated.says()
    assert (said.status, said.output_text) == ("incomplete", "")
    assert said.incomplete_details is not None
    assert said.incomplete_details.reason == "content_filter"


async def test_cached_tokens_are_part_of_the_input(emulated):
    spend = {"cached_share": 0.5, "cache_write_share": 0.25, "reasoning_tokens": 70}
    emulated.plays({"do": "usage", "usage": spend})
    usage = (await emulated.says(asked("word " * 80))).usage
    assert usage is not None
    details = usage.input_tokens_details
    assert (usage.input_tokens, details.cached_tokens, details.cache_write_tokens) == (100, 50, 25)
    (charged,) = entries(emulated.engine.home.ledger)
    assert charged["usage"] == {
        "input": 100,
        "cached": 50,
        "cache_write": 25,
        "output": usage.output_tokens,
        "reasoning": 70,
    }


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b"{}", "model"),
        (asked(None), "input"),
        (asked([]), "input"),
        (asked([{"role": "user"}]), "input[0]"),
        (asked(messages=[]), "messages"),
        (asked(stream=True), "stream"),
        (asked(max_output_tokens=0), "max_output_tokens"),
        (asked(reasoning={"effort": "heroic"}), "effort"),
        (asked(reasoning={"tokens": 5}), "tokens"),
        (asked(text={"format": {"type": "poem"}}), "text.format"),
        (asked(text={"format": {"type": "json_object"}}), "input"),
        (asked(**with_schema({"type": "object"})), "text.format.schema"),
        (asked(**with_schema({"type": "nope"}, strict=False)), "text.format.schema"),
    ],
)
async def test_request_that_the_vendor_would_refuse_is_refused(emulated, body, param):
    status, said = await emulated.answers(body)
    assert (status, orjson.loads(said)["error"]["param"]) == (400, param)
    assert list(entries(emulated.engine.home.ledger)) == []


@pytest.mark.parametrize(
    ("schema", "wrong"),
    [
        ({**SCHEMA, "required": []}, "'label'"),
        ({**SCHEMA, "additionalProperties": True}, "additionalProperties"),
        ({**SCHEMA, "type": "array", "items": LABEL}, "'type: \"object\"'"),
        ({**SCHEMA, "properties": {"label": {"enum": ["a"]}}}, "'type' key"),
        ({**SCHEMA, "properties": {"label": {**LABEL, "default": "a"}}}, "default"),
        ({**SCHEMA, "properties": {"label": {"oneOf": [LABEL]}}}, "oneOf"),
        ({**SCHEMA, "properties": {"label": {"type": "array", "items": {}}}}, "label.items"),
        ({**SCHEMA, "properties": {"label": {"anyOf": [{"type": "object"}]}}}, "anyOf[0]"),
        ({**SCHEMA, "$defs": {"inner": {"type": "object"}}}, "schema.inner"),
    ],
)
async def test_schema_beyond_the_strict_subset_is_refused(emulated, schema, wrong):
    """Unless it is asked for without being strict."""
    status, said = await emulated.answers(asked(**with_schema(schema)))
    error = orjson.loads(said)["error"]
    assert (status, error["code"]) == (400, "invalid_json_schema")
    assert wrong in error["message"]
    assert (await emulated.answers(asked(**with_schema(schema, strict=False))))[0] == 200


def test_chat_completions_take_the_same_schemas():
    form = {"name": "label", "strict": True, "schema": {"type": "object"}}
    body = {
        "model": "gpt-6-luna",
        "messages": [{"role": "user", "content": "Hello."}],
        "response_format": {"type": "json_schema", "json_schema": form},
    }
    with pytest.raises(BadRequest, match="additionalProperties"):
        openai.read(Sent(orjson.dumps(body)))


NAMES = "content effort format input instructions name reasoning role schema strict text type"
FIELDS = st.sampled_from(NAMES.split())
MESSES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(["text", "json_schema"]),
    lambda parts: st.lists(parts, max_size=2) | st.dictionaries(FIELDS, parts, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(FIELDS, MESSES), MESSES)
def test_request_in_any_shape_is_read_or_refused(fields, schema):
    for settings in (fields, with_schema({**SCHEMA, "properties": schema, "items": schema})):
        with contextlib.suppress(BadRequest):
            responses.read(Sent(orjson.dumps({"model": "m", "input": "Hello.", **settings})))
