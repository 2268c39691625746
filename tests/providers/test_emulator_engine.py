"""One call through the engine: what is said, what is charged, what a fault leaves of it."""

import contextlib
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from providers.emulator import openai
from providers.emulator.engine import Call, Cut, Engine, Response, Silence
from providers.emulator.home import Home
from providers.emulator.jsons import loads
from providers.emulator.ledger import entries
from providers.emulator.script import Script
from providers.emulator.vendors import BadRequest, Sent

CHAT = "POST /openai/v1/chat/completions"
NOW = datetime(2026, 11, 22, 18, 0, 0, 123456, tzinfo=UTC)
SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string", "enum": ["a", "b"]}, "n": {"type": "integer"}},
    "required": ["label", "n"],
    "additionalProperties": False,
}

NAMES = """
content json_schema max_tokens messages n reasoning_effort response_format role schema stream text
type
"""
FIELDS = st.sampled_from(NAMES.split())


def asked(text="Label this ticket.", **settings) -> bytes:
    messages = [{"role": "user", "content": text}]
    return orjson.dumps({"model": "gpt-6-luna", "messages": messages, **settings})


def with_schema(schema) -> dict[str, Any]:
    form = {"name": "label", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


@dataclass
class Emulated:
    """An engine of the test's own, with a clock that stands and a sleep that only takes notes."""

    home: Home
    slept: list[float] = field(default_factory=list)

    def __post_init__(self):
        self.engine = Engine(self.home, clock=lambda: NOW, sleep=self._sleep)

    async def _sleep(self, seconds):
        self.slept.append(seconds)

    def plays(self, *rules, **script):
        self.engine.memory.script = Script.model_validate({"rules": rules, **script})

    async def delivers(self, body=None, key: str | None = "emulated"):
        body = asked() if body is None else body
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        call = Call(openai, CHAT, Sent(body, headers), ident="0123456789ab")
        return await self.engine.serve(call)

    async def answers(self, body=None, **call):
        response = await self.delivers(body, **call)
        assert isinstance(response, Response)
        return response.status, orjson.loads(response.body)

    async def completes(self, body=None) -> ChatCompletion:
        status, said = await self.answers(body)
        assert status == 200, said
        return ChatCompletion.model_validate(said, strict=True)

    def charged(self) -> list[dict[str, Any]]:
        return list(entries(self.home.ledger))


@pytest.fixture
def emulated(tmp_path):
    made = Emulated(Home.under(tmp_path))
    yield made
    made.engine.close()


async def test_plain_request_gets_readable_text(emulated):
    said = await emulated.completes()
    assert said.choices[0].finish_reason == "stop"
    assert (said.choices[0].message.content or "").count(". ") >= 1
    assert said.model == "gpt-6-luna"


async def test_reply_satisfies_the_schema_of_the_request(emulated):
    said = await emulated.completes(asked(**with_schema(SCHEMA)))
    reply = orjson.loads(said.choices[0].message.content or "")
    assert reply["label"] in {"a", "b"}
    assert isinstance(reply["n"], int)


async def test_json_mode_follows_a_schema_that_the_prompt_quotes(emulated):
    text = f"Answer {{with}} JSON that satisfies:\n{orjson.dumps(SCHEMA).decode()}"
    said = await emulated.completes(asked(text, response_format={"type": "json_object"}))
    assert orjson.loads(said.choices[0].message.content or "").keys() == {"label", "n"}


async def test_json_mode_without_a_schema_gives_an_object(emulated):
    said = await emulated.completes(asked("Some JSON.", response_format={"type": "json_object"}))
    assert isinstance(orjson.loads(said.choices[0].message.content or ""), dict)


async def test_same_request_gets_the_same_text(emulated):
    one, again = [await emulated.completes() for _ in range(2)]
    other = await emulated.completes(asked("Something else."))
    assert one.choices[0].message.content == again.choices[0].message.content
    assert one.choices[0].message.content != other.choices[0].message.content


@pytest.mark.parametrize("text", ["Arr!", "", "\x00\x1b[2J \ud83d half", "é" * 5000])
async def test_rehearsed_text_is_said_as_it_is(emulated, text):
    request = hashlib.sha256(asked()).digest()
    emulated.engine.memory.rehearse({request: text})
    response = await emulated.delivers()
    # Half a surrogate pair is beyond orjson, but not beyond JSON.
    said = loads(response.body)
    assert said["choices"][0]["message"]["content"] == text


async def test_text_beyond_max_tokens_is_truncated(emulated):
    said = await emulated.completes(asked(max_completion_tokens=3))
    assert said.choices[0].finish_reason == "length"
    assert len(said.choices[0].message.content or "") == 12
    assert said.usage is not None
    assert said.usage.completion_tokens == 3


async def test_usage_grows_with_what_is_read_said_and_thought(emulated):
    small = (await emulated.completes(asked("word " * 10))).usage
    large = (await emulated.completes(asked("word " * 1000, reasoning_effort="high"))).usage
    assert small is not None
    assert large is not None
    assert (small.prompt_tokens, large.prompt_tokens) == (13, 1250)
    assert small.completion_tokens_details is not None
    assert large.completion_tokens_details is not None
    assert small.completion_tokens_details.reasoning_tokens == 0
    assert large.completion_tokens_details.reasoning_tokens == 512
    assert large.completion_tokens > 512


async def test_every_answer_is_charged_to_its_key(emulated):
    await emulated.delivers(key="emulated-b")
    assert emulated.charged() == [
        {
            "at": "2026-11-22T18:00:00.123Z",
            "key": "emulated-b",
            "endpoint": CHAT,
            "model": "gpt-6-luna",
            "sha256": hashlib.sha256(asked()).hexdigest(),
            "usage": emulated.charged()[0]["usage"],
        }
    ]
    assert emulated.charged()[0]["usage"].keys() == {
        "cache_write",
        "cached",
        "input",
        "output",
        "reasoning",
    }


async def test_call_is_charged_before_its_latency(emulated):
    """A caller that dies while it waits has been charged, as by a provider."""
    seen = []

    async def sleep(seconds):
        seen.append((seconds, len(emulated.charged())))

    emulated.engine.memory.latency_seconds = 0.2
    emulated.engine._sleep = sleep
    await emulated.delivers()
    assert seen == [(0.2, 1)]


@pytest.mark.parametrize("key", [None, "", "sk-proj-abcdef", "emulatedx"])
async def test_no_key_but_its_own_is_taken(emulated, key):
    """And what was shown is not repeated."""
    status, said = await emulated.answers(key=key)
    assert (status, said["error"]["code"]) == (401, "invalid_api_key")
    assert not key or f"{key}'" not in said["error"]["message"]
    assert emulated.charged() == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b"{}", "model"),
        (orjson.dumps({"model": "m"}), "messages"),
        (orjson.dumps({"model": "m", "messages": []}), "messages"),
        (orjson.dumps({"model": "m", "messages": [{"role": "user"}]}), "messages[0]"),
        (asked(stream=True), "stream"),
        (asked(max_completion_tokens=0), "max_completion_tokens"),
        (asked(response_format={"type": "poem"}), "response_format.type"),
        (asked(response_format={"type": "json_object"}), "messages"),
        (
            asked(response_format={"type": "json_schema"}),
            "response_format.json_schema.schema",
        ),
        (asked(**with_schema({"type": "nope"})), "response_format"),
        (asked(poem="please"), "poem"),
        (asked(reasoning_effort="heroic"), "reasoning_effort"),
    ],
)
async def test_request_that_the_vendor_would_refuse_is_refused(emulated, body, param):
    status, said = await emulated.answers(body)
    assert (status, said["error"]["param"]) == (400, param)
    assert said["error"]["type"] == "invalid_request_error"
    assert emulated.charged() == []


MESSES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(["text", "json_object"]),
    lambda parts: st.lists(parts, max_size=2) | st.dictionaries(FIELDS, parts, max_size=4),
    max_leaves=6,
)


@given(st.dictionaries(FIELDS, MESSES))
def test_request_in_any_shape_is_read_or_refused(fields):
    body = {"model": "m", "messages": [{"role": "user", "content": "json"}], **fields}
    with contextlib.suppress(BadRequest):
        openai.read(Sent(orjson.dumps(body)))


async def test_scripted_status_has_the_vendors_form(emulated):
    emulated.plays(
        {"do": "status", "status": 429, "headers": {"retry-after": "3"}, "nth": [1]},
        {"do": "status", "status": 429, "code": "insufficient_quota", "nth": [2]},
        {"do": "status", "status": 503, "nth": [3]},
    )
    hurried = await emulated.delivers()
    assert isinstance(hurried, Response)
    assert hurried.headers["retry-after"] == "3"
    assert hurried.headers["x-request-id"].startswith("req_")
    assert orjson.loads(hurried.body)["error"]["code"] == "rate_limit_exceeded"
    spent, down = [await emulated.answers() for _ in range(2)]
    assert spent[1]["error"]["type"] == spent[1]["error"]["code"] == "insufficient_quota"
    assert (down[0], down[1]["error"]["type"]) == (503, "service_unavailable_error")
    assert emulated.charged() == []


@pytest.mark.parametrize(("body", "raw"), [("<html>", b"<html>"), ({"a": 1}, b'{"a":1}')])
async def test_scripted_status_may_have_any_body(emulated, body, raw):
    emulated.plays({"do": "status", "status": 502, "body": body})
    response = await emulated.delivers()
    assert (response.status, response.body) == (502, raw)


@pytest.mark.parametrize(
    ("do", "delivery", "charges"),
    [
        ("reset_before", Cut, 0),
        ("reset_after", Cut, 1),
        ("cut", Cut, 1),
        ("stall", Silence, 1),
        ("malformed", Response, 1),
        ("delay", Response, 1),
    ],
)
async def test_faults_of_the_network(emulated, do, delivery, charges):
    """What was accepted is charged, whether or not the reply arrives."""
    emulated.plays({"do": do, "seconds": 2})
    assert type(await emulated.delivers()) is delivery
    assert len(emulated.charged()) == charges
    assert emulated.slept == [2]


async def test_malformed_body_breaks_off(emulated):
    emulated.plays({"do": "malformed"})
    with pytest.raises(orjson.JSONDecodeError):
        await emulated.answers()


@pytest.mark.parametrize(
    ("rule", "reason", "content", "refusal"),
    [
        ({"do": "text", "text": "```json\n{}"}, "stop", "```json\n{}", None),
        ({"do": "refuse"}, "stop", None, "I'm sorry, but I can't help with that."),
        ({"do": "block"}, "content_filter", "", None),
    ],
)
async def test_faults_of_the_model(emulated, rule, reason, content, refusal):
    emulated.plays(rule)
    choice = (await emulated.completes()).choices[0]
    assert choice.finish_reason == reason
    assert (choice.message.content, choice.message.refusal) == (content, refusal)


async def test_scripted_truncation_keeps_half(emulated):
    whole = (await emulated.completes()).choices[0].message.content or ""
    emulated.plays({"do": "truncate"})
    choice = (await emulated.completes()).choices[0]
    assert choice.finish_reason == "length"
    assert choice.message.content == whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("rule", "usage"),
    [
        ({"do": "usage", "usage": {"cached_share": 0.5}}, (50, 0, 32)),
        ({"do": "usage", "usage": {"cache_write_share": 1}}, (0, 100, 32)),
        ({"do": "text", "text": "", "usage": {"reasoning_tokens": 7}}, (0, 0, 7)),
        ({"do": "malformed", "usage": {"cached_share": 1, "reasoning_tokens": 0}}, (100, 0, 0)),
        ({"do": "block", "usage": {"reasoning_tokens": 7}}, (0, 0, 0)),
        ({"do": "delay", "seconds": 1}, (0, 0, 32)),
    ],
)
async def test_script_says_how_tokens_are_counted(emulated, rule, usage):
    """The ledger and the reply say the same of them."""
    body = asked("word " * 80, reasoning_effort="low")
    emulated.plays(rule)
    response = await emulated.delivers(body)
    (charged,) = emulated.charged()
    counted = charged["usage"]
    assert (counted["cached"], counted["cache_write"], counted["reasoning"]) == usage
    assert counted["input"] == 100
    assert counted["output"] >= counted["reasoning"]
    if rule["do"] != "malformed":
        told = ChatCompletion.model_validate_json(response.body, strict=True).usage
        assert told is not None
        assert (told.prompt_tokens, told.completion_tokens) == (100, counted["output"])
        assert told.prompt_tokens_details is not None
        assert told.prompt_tokens_details.cached_tokens == counted["cached"]
        assert told.prompt_tokens_details.cache_write_tokens == counted["cache_write"]


async def test_next_engine_remembers_everything(emulated):
    """Each change is on disk at once: this engine is never closed."""
    emulated.engine.memory.rehearse({hashlib.sha256(asked()).digest(): "Arr!"})
    emulated.engine.memory.latency_seconds = 0.5
    emulated.plays({"do": "cut", "nth": [2]}, {"do": "delay", "nth": [3]}, seed=7)
    await emulated.delivers()
    heir = Emulated(emulated.home)
    assert heir.engine.charged_calls == 1
    assert isinstance(await heir.delivers(), Cut)
    assert (await heir.completes()).choices[0].message.content == "Arr!"
    assert heir.slept == [0.5, 0.5]
    heir.engine.close()


async def test_reset_forgets_everything(emulated):
    emulated.engine.memory.rehearse({hashlib.sha256(asked()).digest(): "Arr!"})
    emulated.engine.memory.latency_seconds = 0.5
    emulated.plays({"do": "truncate"})
    await emulated.delivers()
    emulated.engine.reset()
    emulated.slept.clear()
    assert emulated.charged() == []
    said = await emulated.completes()
    assert said.choices[0].finish_reason == "stop"
    assert said.choices[0].message.content != "Arr!"
    assert emulated.slept == []
