"""Bodies as values: what is sent to Gemini, what is read."""

import copy

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import registry
from providers.gemini_wire import from_wire, to_wire
from providers.neutral import Reply, Request, Stop, Usage


def worded(request):
    return to_wire(request, registry.abilities("gemini", request.model))


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
FREE_FORM = {"type": "object"}
NOBODY_KNOWS = "a-model-nobody-knows"

CANDIDATE = {
    "content": {
        "role": "model",
        "parts": [
            {"text": "Hm.", "thought": True},
            {"text": '{"label":'},
            {"text": '"a"}', "thoughtSignature": "eA=="},
        ],
    },
    "finishReason": "STOP",
    "index": 0,
}
ANSWER = {
    "candidates": [CANDIDATE],
    "usageMetadata": {
        "promptTokenCount": 31,
        "cachedContentTokenCount": 8,
        "toolUsePromptTokenCount": 2,
        "candidatesTokenCount": 9,
        "thoughtsTokenCount": 5,
        "totalTokenCount": 47,
    },
    "modelVersion": "gemini-3.8-flash-001",
    "responseId": "r1",
}


def make_request(model=NOBODY_KNOWS, system=None, **settings):
    return Request("u1", model, system, (("user", "hi"),), **settings)


def make_answer(**changes):
    return {**copy.deepcopy(ANSWER), **changes}


def finished(reason):
    return make_answer(candidates=[{**CANDIDATE, "finishReason": reason}])


def test_bare_request_says_only_the_turns():
    """The model is named in the address; what is left to the vendor is not mentioned."""
    assert worded(make_request()) == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def test_every_setting_has_its_place():
    body = worded(make_request(max_tokens=9, temperature=0.0, reasoning="low", seed=0))
    assert body["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0.0,
        "seed": 0,
        "thinkingConfig": {"thinkingLevel": "LOW"},
    }


def test_turns_keep_their_order_and_the_system_prompt_is_none_of_them():
    request = Request("u", "m", "be brief", (("user", "a"), ("assistant", "b"), ("user", "c")))
    body = worded(request)
    assert [turn["role"] for turn in body["contents"]] == ["user", "model", "user"]
    assert body["systemInstruction"] == {"parts": [{"text": "be brief"}]}


def test_empty_system_prompt_is_left_out():
    assert "systemInstruction" not in worded(make_request(system=""))


@pytest.mark.parametrize(
    ("model", "reasoning", "thinking"),
    [
        (NOBODY_KNOWS, "high", {"thinkingLevel": "HIGH"}),
        (NOBODY_KNOWS, "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 1024}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
    ],
)
def test_effort_is_put_as_the_model_knows_it(model, reasoning, thinking):
    body = worded(make_request(model, reasoning=reasoning))
    assert body["generationConfig"]["thinkingConfig"] == thinking


def test_what_the_model_would_refuse_is_left_out():
    body = worded(make_request("gemini-3.8-flash", temperature=0.5))
    assert "generationConfig" not in body


def test_schema_is_enforced_natively():
    body = worded(make_request(schema=SCHEMA))
    assert body["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }
    assert "systemInstruction" not in body


@pytest.mark.parametrize("system", [None, "", "be brief"])
def test_schema_that_cannot_be_enforced_is_told(system):
    body = worded(make_request(system=system, schema=FREE_FORM))
    assert body["generationConfig"] == {"responseMimeType": "application/json"}
    told = body["systemInstruction"]["parts"][0]["text"]
    assert told.startswith(system or "Answer with one JSON object")
    assert orjson.dumps(FREE_FORM).decode() in told


def test_reply_is_read():
    """Thoughts are no part of the text, but are part of the output that is paid."""
    assert from_wire(ANSWER) == Reply(
        text='{"label":"a"}',
        stop=Stop.DONE,
        usage=Usage(input=33, cached=8, cache_write=0, output=14, reasoning=5),
        model="gemini-3.8-flash-001",
        request_id="r1",
    )


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("MAX_TOKENS", Stop.TRUNCATED),
        ("CONTINUATION", Stop.TRUNCATED),
        ("SAFETY", Stop.BLOCKED),
        ("RECITATION", Stop.BLOCKED),
        ("BLOCKLIST", Stop.BLOCKED),
        ("PROHIBITED_CONTENT", Stop.BLOCKED),
        ("SPII", Stop.BLOCKED),
        ("MODEL_ARMOR", Stop.BLOCKED),
        ("IMAGE_SAFETY", Stop.BLOCKED),
        ("LANGUAGE", Stop.BLOCKED),
        ("MALFORMED_RESPONSE", Stop.DONE),
        ("OTHER", Stop.DONE),
        ("NEW_REASON", Stop.DONE),
    ],
)
def test_reason_of_the_end_is_read(reason, stop):
    assert from_wire(finished(reason)).stop is stop


def test_blocked_prompt_says_why():
    answer = make_answer(promptFeedback={"blockReason": "SAFETY"})
    del answer["candidates"]
    reply = from_wire(answer)
    assert (reply.stop, reply.text) == (Stop.BLOCKED, "SAFETY")


def test_feedback_on_a_prompt_that_was_answered_blocks_nothing():
    assert from_wire(make_answer(promptFeedback={"blockReason": "SAFETY"})).stop is Stop.DONE


def test_usage_that_was_not_counted_is_unknown():
    assert from_wire(make_answer(usageMetadata=None)).usage is None


def test_usage_without_details_is_read():
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 4}
    assert from_wire(make_answer(usageMetadata=usage)).usage == Usage(3, 0, 0, 4, 0)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["blockReason", "content", "finishReason", "parts", "text"]),
            inner,
            max_size=3,
        )
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*ANSWER, "error", "promptFeedback"]), ANYTHING))
def test_anything_at_all_can_be_read(body):
    """A stored body never stops a run."""
    reply = from_wire(body)
    assert isinstance(reply.text, str)


def test_nothing_is_read_from_nothing():
    assert from_wire({}) == Reply("", Stop.DONE, None, None, None)
