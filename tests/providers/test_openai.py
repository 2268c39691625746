"""What the connection to OpenAI has of its own; the contract suite has the rest."""

import openai
import orjson
import pytest

from providers import openai as adapter
from providers.channel import Received
from providers.connect import wire
from providers.errors import ProviderError, RequestRejected, Retryable
from providers.http import failure
from providers.keys import Key
from providers.neutral import Request
from providers.openai import DIALECT, allowance, connect, from_wire
from providers.protocol import Adapter, Allowance, Limits, Quota
from tests.providers.contracts import OPENAI

REQUEST = Request(
    key="u1",
    model="gpt-6-luna",
    system="You label tickets.",
    turns=(("user", "printer on fire"),),
    max_tokens=200,
    reasoning="low",
    seed=7,
    schema={
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["a", "b"]}},
        "required": ["label"],
    },
)
WIRE = wire("openai", REQUEST)


def refused(status, body, **headers) -> ProviderError:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return failure("openai", DIALECT, Received(status, headers, body))


def test_module_is_an_adapter():
    """The type checker compares every signature."""
    vendor: Adapter = adapter
    assert vendor.from_wire is from_wire


def test_milliseconds_come_before_seconds():
    error = refused(429, b"{}", retry_after_ms="250", retry_after="9")
    assert isinstance(error, Retryable)
    assert error.retry_after == 0.25


def test_code_is_a_word():
    """llama.cpp repeats the status there."""
    error = refused(400, b'{"error": {"code": 400, "type": "exceed_context_size"}}')
    assert isinstance(error, RequestRejected)
    assert error.code == "exceed_context_size"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("1s", 1.0),
        ("1.5s", 1.5),
        ("1m3s", 63.0),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("1d", 86400.0),
        ("0s", 0.0),
        ("", None),
        ("12", None),
        ("soon", None),
        ("1m and 3s", None),
        ("-3s", None),
        ("1.2.3s", None),
    ],
)
def test_durations(text, seconds):
    told = {"x-ratelimit-limit-requests": "500", "x-ratelimit-reset-requests": text}
    assert allowance(told) == Allowance(requests=Quota(500, None, seconds))


def test_one_of_two_limits_may_be_told():
    told = {"x-ratelimit-limit-tokens": "7", "x-ratelimit-remaining-tokens": "0"}
    assert allowance(told) == Allowance(tokens=Quota(7, 0, None))


def test_what_is_left_of_nothing_known_is_nothing():
    assert allowance({"x-ratelimit-remaining-requests": "7"}) is None


async def test_name_of_a_compatible_server_is_in_its_errors(vendor):
    provider = connect(Key("k"), vendor.refuses(500).url, name="local", limits=Limits(1, 1))
    with pytest.raises(Retryable, match=r"^local: "):
        await provider.ask(WIRE, model="gpt-6-luna")
    await provider.close()


async def test_typed_api_speaks_the_same_wire_format(vendor):
    """Drift of the SDK's contract shows here: it sends our body and reads our reply."""
    body = orjson.loads(WIRE)
    async with openai.AsyncOpenAI(
        api_key="k", base_url=vendor.says().url, max_retries=0, organization="", project=""
    ) as client:
        typed = await client.chat.completions.create(**body)
    assert orjson.loads(vendor.bodies[0]) == body
    assert typed.choices[0].message.content == OPENAI.read.text
    assert typed.usage is not None
    assert OPENAI.read.usage is not None
    assert (typed.usage.prompt_tokens, typed.usage.completion_tokens) == (
        OPENAI.read.usage.input,
        OPENAI.read.usage.output,
    )
    assert (typed.model, typed.id) == (OPENAI.read.model, OPENAI.read.request_id)
    type(typed).model_validate(OPENAI.reply, strict=True)
