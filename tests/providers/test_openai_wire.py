"""Bodies as values: what is sent, what is read."""

import orjson
import pytest

from providers import registry
from providers.connect import wire
from providers.neutral import Reply, Request, Stop, Usage
from providers.openai_wire import from_wire, to_wire


def worded(request):
    return to_wire(request, registry.abilities("openai", request.model))


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
OPEN_SCHEMA = {"type": "object", "additionalProperties": {"type": "integer"}}


def make_request(model="gpt-4o-mini", system=None, **settings):
    return Request("u1", model, system, (("user", "hi"),), **settings)


def test_bare_request_says_only_model_and_messages():
    """What is left to the vendor is not mentioned."""
    assert worded(make_request()) == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_every_setting_has_its_place():
    body = worded(
        make_request("house-model", max_tokens=9, temperature=0.0, reasoning="low", seed=0)
    )
    assert {name: body[name] for name in body if name not in {"model", "messages"}} == {
        "max_completion_tokens": 9,
        "temperature": 0.0,
        "reasoning_effort": "low",
        "seed": 0,
    }


def test_turns_follow_the_system_prompt():
    request = Request("u", "m", "be brief", (("user", "a"), ("assistant", "b"), ("user", "c")))
    assert [m["role"] for m in worded(request)["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


@pytest.mark.parametrize(
    ("model", "reasoning", "sent"),
    [
        ("gpt-4o-mini", None, True),
        ("gpt-6-luna", None, False),
        ("gpt-6-luna", "low", False),
        ("gpt-6-luna", "none", True),
        ("gpt-6.2-sol", "none", False),
        ("a-model-nobody-knows", "low", True),
    ],
)
def test_temperature_goes_only_where_it_is_taken(model, reasoning, sent):
    body = worded(make_request(model, temperature=0.5, reasoning=reasoning))
    assert ("temperature" in body) is sent


def test_effort_is_left_out_for_a_model_that_does_not_reason():
    assert "reasoning_effort" not in worded(make_request("gpt-4o-mini", reasoning="low"))


def test_schema_is_enforced_natively():
    body = worded(make_request(schema=SCHEMA, schema_name="my step/1"))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "my_step_1",
            "strict": True,
            "schema": {**SCHEMA, "additionalProperties": False},
        },
    }
    assert SCHEMA.keys() == {"type", "properties", "required"}


@pytest.mark.parametrize("system", [None, "be brief"])
def test_schema_that_cannot_be_enforced_is_told(system):
    """JSON mode knows no schema: nothing is lost because the prompt holds it."""
    body = worded(make_request(system=system, schema=OPEN_SCHEMA))
    assert body["response_format"] == {"type": "json_object"}
    told = body["messages"][0]
    assert told["role"] == "system"
    assert told["content"].startswith(system or "Answer with one JSON object")
    assert orjson.dumps(OPEN_SCHEMA).decode() in told["content"]


def test_same_request_gives_the_same_bytes():
    """A rehearsed reply is found by their hash."""
    assert wire("openai", make_request(schema=SCHEMA)) == wire(
        "openai", make_request(schema=SCHEMA)
    )


def test_half_a_surrogate_pair_in_a_prompt_can_be_sent():
    request = Request("u", "m", None, (("user", "cut \ud83d"),))
    assert rb"\ud83d" in wire("openai", request)


def test_reply_is_read(completion):
    assert from_wire(completion) == Reply(
        text='{"label":"a"}',
        stop=Stop.DONE,
        usage=Usage(input=31, cached=8, cache_write=4, output=12, reasoning=5),
        model="gpt-6-luna-2026-09-22",
        request_id="chatcmpl-1",
    )


@pytest.mark.parametrize(
    ("finish_reason", "stop"),
    [("length", Stop.TRUNCATED), ("content_filter", Stop.BLOCKED), ("new_reason", Stop.DONE)],
)
def test_reason_of_the_end_is_read(completion, finish_reason, stop):
    completion["choices"][0]["finish_reason"] = finish_reason
    assert from_wire(completion).stop is stop


def test_refusal_is_read(completion):
    completion["choices"][0]["message"] = {"content": None, "refusal": "I will not."}
    assert from_wire(completion).stop is Stop.REFUSED
    assert from_wire(completion).text == "I will not."


def test_usage_that_was_not_counted_is_unknown(completion):
    del completion["usage"]
    assert from_wire(completion).usage is None


def test_usage_without_details_is_read(completion):
    completion["usage"] = {
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "prompt_tokens_details": None,
    }
    assert from_wire(completion).usage == Usage(3, 0, 0, 4, 0)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": []},
        {"choices": "no"},
        {"choices": [None]},
        {"choices": [{"message": "no"}], "usage": [], "model": 3, "id": {}},
        {"choices": [{"message": {"content": [1]}, "finish_reason": {}}]},
        {"error": {"message": "x"}},
    ],
)
def test_anything_at_all_can_be_read(body):
    """A stored body never stops a run."""
    assert from_wire(body) == Reply("", Stop.DONE, None, None, None)
