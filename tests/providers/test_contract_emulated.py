"""What every vendor makes of the same neutral request, over its own wire format and back."""

import socket
from dataclasses import replace
from hashlib import sha256

import anthropic
import jsonschema_rs
import openai
import orjson
import pytest

from providers.connect import codec, connect, wire
from providers.emulator import client
from providers.errors import (
    Misconfigured,
    ProviderError,
    RequestRejected,
    Retryable,
    UnknownOutcome,
)
from providers.keys import Key
from providers.neutral import Reply, Request, Stop, Usage
from providers.protocol import Limits
from providers.registry import vendor as registered
from tests.providers.asking import SDK_WARNINGS
from tests.providers.contracts import ANTHROPIC, CONTRACTS, GEMINI, OPENAI

pytestmark = SDK_WARNINGS

SYSTEM = "You label tickets."
TEXT = "printer on fire " * 20
# The emulated model counts 4 bytes as a token, and reads all parts of a request in lines.
TOKENS = -(-len(f"{SYSTEM}\n{TEXT}") // 4)
SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["a", "b"]},
        "score": {"type": "integer"},
        "why": {"type": ["string", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "place": {"$ref": "#/$defs/place"},
    },
    "required": ["label", "score", "why", "tags", "place"],
    "$defs": {
        "place": {
            "type": "object",
            "properties": {"floor": {"type": "number"}, "open": {"type": "boolean"}},
            "required": ["floor", "open"],
        }
    },
}
BOUNDED = {
    "type": "object",
    "properties": {
        "score": {"type": "integer", "minimum": 0, "maximum": 10},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 40}, "maxItems": 3},
    },
    "required": ["score"],
}
COUNTS_BY_NAME = {
    "type": "object",
    "properties": {
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
    "required": ["counts"],
}


def make_request(contract, **changes) -> Request:
    usual = Request("u1", contract.model, SYSTEM, (("user", TEXT),), max_tokens=2000)
    return replace(usual, **changes)


async def ask(contract, url, *, timeout_seconds=30.0, **changes) -> Reply:
    request = make_request(contract, **changes)
    provider = connect(contract.name, emulator_url=url)
    try:
        answer = await provider.ask(
            wire(contract.name, request), model=contract.model, timeout_seconds=timeout_seconds
        )
    finally:
        await provider.close()
    return codec(contract.name).from_wire(answer.body)


async def failing(contract, url, **changes) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(contract, url, **changes)
    return caught.value


def playing(url, **rule):
    client.script(url, [rule])
    return url


# Replies


async def test_plain(contract, emulator):
    reply = await ask(contract, emulator)
    assert reply.text.endswith(".")
    assert (reply.stop, reply.model) == (Stop.DONE, contract.model)
    assert reply.request_id
    assert client.ledger(emulator).calls == 1


async def test_same_request_gets_the_same_reply(contract, emulator):
    """The bytes are the same: that is how a rehearsal knows which reply belongs to which unit."""
    first, second = await ask(contract, emulator), await ask(contract, emulator)
    assert first.text == second.text
    assert first.request_id != second.request_id
    assert len(client.ledger(emulator).requests) == 1


async def test_rehearsed_reply_is_found_by_the_bytes_of_the_request(contract, emulator):
    body = wire(contract.name, make_request(contract))
    await client.rehearse(emulator, {sha256(body).hexdigest(): "Arr!"})
    assert (await ask(contract, emulator)).text == "Arr!"


@pytest.mark.parametrize("schema", [SCHEMA, COUNTS_BY_NAME], ids=["enforced", "told"])
@pytest.mark.parametrize("ticket", range(4))
async def test_structured_reply_satisfies_the_schema(contract, emulator, schema, ticket):
    """Whether the vendor enforces it, or the model is only told of it."""
    turns = (("user", f"Label ticket {ticket}."),)
    reply = await ask(contract, emulator, schema=schema, turns=turns)
    jsonschema_rs.validate(schema, orjson.loads(reply.text))
    assert reply.stop is Stop.DONE


def test_schemas_are_enforced_where_they_can_be():
    """The tests around this one see both ways."""
    by_name = [codec(contract.name).enforced(COUNTS_BY_NAME) for contract in CONTRACTS]
    assert all(codec(contract.name).enforced(SCHEMA) for contract in CONTRACTS)
    assert None in by_name


async def test_structured_reply_satisfies_what_is_enforced_of_the_schema(contract, emulator):
    """What is not enforced of it, the verdict sees to."""
    reply = await ask(contract, emulator, schema=BOUNDED)
    jsonschema_rs.validate(
        codec(contract.name).enforced(BOUNDED) or BOUNDED, orjson.loads(reply.text)
    )


async def test_all_that_is_said_is_read(contract, emulator):
    """The system prompt and each turn, once."""
    turns = (("user", "one"), ("assistant", "two"), ("user", "three"))
    bare = await ask(contract, emulator, system=None, turns=turns)
    whole = await ask(contract, emulator, turns=turns)
    assert bare.usage is not None
    assert whole.usage is not None
    assert bare.usage.input == -(-len("one\ntwo\nthree") // 4)
    assert whole.usage.input == -(-len(f"{SYSTEM}\none\ntwo\nthree") // 4)


async def test_truncation(contract, emulator):
    """Told apart by the stop, not by looking at the text."""
    whole = await ask(contract, playing(emulator, do="text", text="word " * 100))
    cut = await ask(contract, emulator, max_tokens=5)
    assert (whole.stop, cut.stop) == (Stop.DONE, Stop.TRUNCATED)
    assert cut.text == whole.text[:20]
    assert cut.usage is not None
    assert cut.usage.output == 5


async def test_thoughts_take_room(contract, emulator):
    """They may leave none for the answer: that is a truncation too, of nothing."""
    reply = await ask(contract, emulator, reasoning="low", max_tokens=16)
    assert (reply.text, reply.stop) == ("", Stop.TRUNCATED)
    assert reply.usage == Usage(input=TOKENS, cached=0, cache_write=0, output=16, reasoning=16)


async def test_refusal(contract, emulator):
    reply = await ask(contract, playing(emulator, do="refuse"))
    assert reply.stop is contract.refuses


async def test_blocked(contract, emulator):
    reply = await ask(contract, playing(emulator, do="block"))
    assert reply.stop is contract.blocks
    assert reply.usage is not None
    assert reply.usage.input == TOKENS


async def test_usage_is_counted_the_same_way(contract, emulator):
    """Cached input is input, reasoning is output, whatever the vendor calls its parts."""
    usage = {"cached_share": 0.5, "cache_write_share": 0.25, "reasoning_tokens": 10}
    reply = await ask(contract, playing(emulator, do="text", text="word " * 8, usage=usage))
    written = TOKENS // 4 if contract.counts_cache_writes else 0
    assert (reply.text, reply.stop) == ("word " * 8, Stop.DONE)
    assert reply.usage == Usage(TOKENS, TOKENS // 2, written, output=20, reasoning=10)


async def test_bill_agrees_with_the_usage(contract, emulator):
    usage = {"cached_share": 0.5, "cache_write_share": 0.25, "reasoning_tokens": 10}
    reply = await ask(contract, playing(emulator, do="usage", usage=usage), schema=SCHEMA)
    assert reply.usage is not None
    billed = client.ledger(emulator).models[contract.model]
    assert billed == {"calls": 1, **reply.usage.as_dict()}


# Refusals


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, RequestRejected),
        (401, Misconfigured),
        (403, Misconfigured),
        (404, Misconfigured),
        (409, Retryable),
        (413, RequestRejected),
        (429, Retryable),
        (500, Retryable),
        (503, Retryable),
        (504, Retryable),
        (529, Retryable),
    ],
)
async def test_each_status_means_the_same(contract, emulator, status, expected):
    error = await failing(contract, playing(emulator, do="status", status=status))
    assert type(error) is expected
    assert client.ledger(emulator).calls == 0


async def test_wait_is_read_where_the_vendor_writes_it(contract, emulator):
    error = await failing(contract, playing(emulator, do="status", status=429, retry_after=7.5))
    assert isinstance(error, Retryable)
    assert (error.retry_after, error.status) == (7.5, 429)


async def test_account_with_nothing_left_is_for_a_person_to_mend(contract, emulator):
    """Though the status is that of a hurried one, and a wait is asked for."""
    status, code = contract.spent
    error = await failing(
        contract, playing(emulator, do="status", status=status, code=code, retry_after=7)
    )
    assert type(error) is Misconfigured


async def test_real_key_does_not_belong_here(contract, emulator):
    url = emulator + registered(contract.name).emulator_path
    provider = contract.adapter.connect(
        Key("sk-real"), url, name=contract.name, limits=Limits(1, 1)
    )
    with pytest.raises(Misconfigured, match="the key is not accepted"):
        await provider.ask(wire(contract.name, make_request(contract)), model=contract.model)
    await provider.close()


async def test_limit_that_is_reached_asks_to_wait(contract, emulator):
    client.limits(emulator, [{"requests_per_minute": 1, "shown": True, "retry_after": 7}])
    await ask(contract, emulator)
    error = await failing(contract, emulator)
    assert isinstance(error, Retryable)
    assert error.retry_after == 7
    if contract.allowance is not None:
        assert error.allowance is not None
        assert error.allowance.requests is not None
        assert error.allowance.requests.limit == 1
        assert error.allowance.requests.remaining == 0
    assert client.ledger(emulator).calls == 1


# Connections


@pytest.mark.parametrize(
    ("rule", "charged"),
    [
        ({"do": "reset_before"}, 0),
        ({"do": "reset_after"}, 1),
        ({"do": "cut", "body_bytes": 0}, 1),
        ({"do": "cut", "body_bytes": 30}, 1),
        ({"do": "malformed"}, 1),
    ],
    ids=["before", "after", "at once", "mid-reply", "malformed"],
)
async def test_reply_that_is_lost_was_asked_for_once(contract, emulator, rule, charged):
    """Nobody can say whether it was paid, and nobody makes it worse."""
    error = await failing(contract, playing(emulator, **rule))
    assert type(error) is UnknownOutcome
    assert client.ledger(emulator).calls == charged


@pytest.mark.parametrize("rule", [{"do": "stall"}, {"do": "delay", "seconds": 20}])
async def test_reply_that_does_not_come_in_time_was_asked_for_once(contract, emulator, rule):
    error = await failing(contract, playing(emulator, **rule), timeout_seconds=0.5)
    assert type(error) is UnknownOutcome
    assert client.ledger(emulator).calls == 1


async def test_emulator_that_is_gone_was_never_asked(contract):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    error = await failing(contract, url)
    assert isinstance(error, Retryable)
    assert error.status is None


# The SDKs' typed API: when it drifts from the dicts that we send and read, these fail


RULE = {
    "do": "text",
    "text": '{"label":"a"}',
    "usage": {"cached_share": 0.5, "cache_write_share": 0.25, "reasoning_tokens": 10},
}


@pytest.fixture
def labelled(emulator):
    return playing(emulator, **RULE)


async def test_openai_typed(labelled):
    reply = await ask(OPENAI, labelled, schema=SCHEMA, reasoning="low")
    body = orjson.loads(wire("openai", make_request(OPENAI, schema=SCHEMA, reasoning="low")))
    async with openai.AsyncOpenAI(
        api_key="emulated", base_url=f"{labelled}/openai/v1", max_retries=0
    ) as sdk:
        typed = await sdk.chat.completions.create(**body)
    (choice,) = typed.choices
    usage = typed.usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    assert (choice.message.content, choice.finish_reason) == (reply.text, "stop")
    assert (typed.model, reply.stop) == (reply.model, Stop.DONE)
    assert reply.usage == Usage(
        usage.prompt_tokens,
        usage.prompt_tokens_details.cached_tokens or 0,
        usage.prompt_tokens_details.cache_write_tokens or 0,
        usage.completion_tokens,
        usage.completion_tokens_details.reasoning_tokens or 0,
    )


async def test_anthropic_typed(labelled):
    reply = await ask(ANTHROPIC, labelled, schema=SCHEMA, reasoning="low")
    body = orjson.loads(wire("anthropic", make_request(ANTHROPIC, schema=SCHEMA, reasoning="low")))
    async with anthropic.AsyncAnthropic(
        api_key="emulated", base_url=f"{labelled}/anthropic", max_retries=0
    ) as sdk:
        typed = await sdk.messages.create(**body)
    usage = typed.usage
    said = [block.text for block in typed.content if block.type == "text"]
    cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    assert usage.output_tokens_details is not None
    assert ("".join(said), typed.stop_reason) == (reply.text, "end_turn")
    assert (typed.model, reply.stop) == (reply.model, Stop.DONE)
    assert reply.usage == Usage(
        usage.input_tokens + cached + written,
        cached,
        written,
        usage.output_tokens,
        usage.output_tokens_details.thinking_tokens,
    )


async def test_gemini_typed(labelled):
    from google import genai
    from google.genai import types

    reply = await ask(GEMINI, labelled, schema=SCHEMA, reasoning="low")
    body = orjson.loads(wire("gemini", make_request(GEMINI, schema=SCHEMA, reasoning="low")))
    config = types.GenerateContentConfig.model_validate(
        {"systemInstruction": body["systemInstruction"], **body["generationConfig"]}
    )
    options = types.HttpOptions(
        base_url=f"{labelled}/gemini", retry_options=types.HttpRetryOptions(attempts=1)
    )
    sdk = genai.Client(api_key="emulated", http_options=options)
    async with sdk.aio as aio:
        typed = await aio.models.generate_content(
            model=GEMINI.model, contents=body["contents"], config=config
        )
    sdk.close()
    usage = typed.usage_metadata
    assert typed.candidates is not None
    assert usage is not None
    thoughts = usage.thoughts_token_count or 0
    assert (typed.text, typed.candidates[0].finish_reason) == (reply.text, types.FinishReason.STOP)
    assert (typed.model_version, reply.stop) == (reply.model, Stop.DONE)
    assert reply.usage == Usage(
        usage.prompt_token_count or 0,
        usage.cached_content_token_count or 0,
        0,
        (usage.candidates_token_count or 0) + thoughts,
        thoughts,
    )
