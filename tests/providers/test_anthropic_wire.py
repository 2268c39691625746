"""Bodies as values: what is sent to Anthropic, what is read."""

import copy

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import registry
from providers.anthropic_wire import from_wire, to_wire
from providers.neutral import Reply, Request, Stop, Usage


def worded(request):
    return to_wire(request, registry.abilities("anthropic", request.model))


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
OPEN_SCHEMA = {"type": "object", "additionalProperties": {"type": "integer"}}
NOBODY_KNOWS = "a-model-nobody-knows"

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-5-5-20261001",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "x"},
        {"type": "text", "text": '{"label":'},
        {"type": "text", "text": '"a"}'},
    ],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "stop_details": None,
    "usage": {
        "input_tokens": 21,
        "cache_creation_input_tokens": 4,
        "cache_read_input_tokens": 8,
        "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 12,
        "output_tokens_details": {"thinking_tokens": 5},
        "service_tier": "standard",
    },
}


def make_request(model=NOBODY_KNOWS, system=None, **settings):
    return Request("u1", model, system, (("user", "hi"),), **settings)


def make_message(**changes):
    return {**copy.deepcopy(MESSAGE), **changes}


def test_bare_request_says_only_what_it_must():
    """The API does without no max_tokens."""
    assert worded(make_request()) == {
        "model": NOBODY_KNOWS,
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_every_setting_has_its_place():
    body = worded(make_request(max_tokens=9, temperature=0.0, reasoning="low", system="be brief"))
    assert {name: body[name] for name in body if name not in {"model", "messages"}} == {
        "max_tokens": 9,
        "system": "be brief",
        "temperature": 0.0,
        "output_config": {"effort": "low"},
    }


def test_turns_keep_their_order_and_the_system_prompt_is_none_of_them():
    request = Request("u", "m", "be brief", (("user", "a"), ("assistant", "b"), ("user", "c")))
    body = worded(request)
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["system"] == "be brief"


def test_empty_system_prompt_is_left_out():
    assert "system" not in worded(make_request(system=""))


def test_no_reasoning_is_no_effort_but_thinking_turned_off():
    body = worded(make_request(reasoning="none"))
    assert body["thinking"] == {"type": "disabled"}
    assert "output_config" not in body


def test_what_the_model_would_refuse_is_left_out():
    body = worded(make_request("claude-opus-5-5", temperature=0.5, seed=3))
    assert not {"temperature", "seed"} & body.keys()
    assert "output_config" not in worded(make_request("claude-haiku-4-5", reasoning="low"))


def test_model_that_always_thinks_has_room_for_it():
    assert worded(make_request("claude-opus-5-5"))["max_tokens"] > 4096


def test_schema_is_enforced_natively():
    body = worded(make_request(schema=SCHEMA, reasoning="high"))
    assert body["output_config"] == {
        "effort": "high",
        "format": {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}},
    }
    assert "system" not in body
    assert SCHEMA.keys() == {"type", "properties", "required"}


@pytest.mark.parametrize("system", [None, "", "be brief"])
def test_schema_that_cannot_be_enforced_is_told(system):
    body = worded(make_request(system=system, schema=OPEN_SCHEMA))
    assert "output_config" not in body
    assert body["system"].startswith(system or "Answer with one JSON object")
    assert orjson.dumps(OPEN_SCHEMA).decode() in body["system"]


def test_reply_is_read():
    """Thoughts are no part of the text; what came from the cache is part of the input."""
    assert from_wire(MESSAGE) == Reply(
        text='{"label":"a"}',
        stop=Stop.DONE,
        usage=Usage(input=33, cached=8, cache_write=4, output=12, reasoning=5),
        model="claude-haiku-5-5-20261001",
        request_id="msg_1",
    )


@pytest.mark.parametrize(
    ("stop_reason", "stop"),
    [
        ("stop_sequence", Stop.DONE),
        ("tool_use", Stop.DONE),
        ("pause_turn", Stop.DONE),
        ("max_tokens", Stop.TRUNCATED),
        ("model_context_window_exceeded", Stop.TRUNCATED),
        ("refusal", Stop.REFUSED),
        ("new_reason", Stop.DONE),
        (None, Stop.DONE),
    ],
)
def test_reason_of_the_end_is_read(stop_reason, stop):
    assert from_wire(make_message(stop_reason=stop_reason)).stop is stop


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ({"type": "refusal", "category": "bio", "explanation": "I will not."}, "I will not."),
        ({"type": "refusal", "category": "bio", "explanation": None}, "bio"),
        ({"type": "refusal", "category": None, "explanation": None}, ""),
        (None, ""),
    ],
)
def test_refusal_without_words_says_why(details, said):
    message = make_message(content=[], stop_reason="refusal", stop_details=details)
    assert from_wire(message).text == said


def test_words_of_a_refusal_are_kept():
    details = {"type": "refusal", "category": "bio", "explanation": "x"}
    message = make_message(stop_reason="refusal", stop_details=details)
    assert from_wire(message).text == '{"label":"a"}'


def test_usage_that_was_not_counted_is_unknown():
    assert from_wire(make_message(usage=None)).usage is None


def test_usage_without_details_is_read():
    usage = {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": None}
    assert from_wire(make_message(usage=usage)).usage == Usage(3, 0, 0, 4, 0)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "type", "explanation"]), inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*MESSAGE, "error"]), ANYTHING))
def test_anything_at_all_can_be_read(body):
    """A stored body never stops a run."""
    reply = from_wire(body)
    assert isinstance(reply.text, str)


def test_nothing_is_read_from_nothing():
    assert from_wire({}) == Reply("", Stop.DONE, None, None, None)
