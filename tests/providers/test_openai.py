"""The live connection, against a server that answers what the test says."""

import asyncio
import contextlib
import socket
import traceback
from contextlib import asynccontextmanager

import openai
import orjson
import pytest

from providers import openai as openai_adapter
from providers.answers import parse
from providers.connect import wire
from providers.errors import (
    Misconfigured,
    ProviderError,
    RequestRejected,
    Retryable,
    UnknownOutcome,
)
from providers.http import Received, failure
from providers.keys import EMULATED, UNUSED, Key
from providers.neutral import Request
from providers.openai import DIALECT, connect, from_wire
from providers.protocol import Adapter, Limits, Provider

REQUEST = Request(
    key="u1",
    model="gpt-6-luna",
    system="You label tickets.",
    turns=(("user", "printer on fire"),),
    max_tokens=200,
    schema={
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["a", "b"]}},
        "required": ["label"],
    },
)
WIRE = wire("openai", REQUEST)
SECRET = "sk-very-secret"


@asynccontextmanager
async def connected(url):
    provider: Provider = connect(Key(SECRET), url, name="openai", limits=Limits(1, 1))
    try:
        yield provider
    finally:
        await provider.close()


async def ask(vendor, **options):
    async with connected(vendor.url) as provider:
        return await provider.ask(WIRE, model="gpt-6-luna", **options)


def refused(status, body) -> ProviderError:
    return failure("openai", DIALECT, Received(status, {}, body))


async def refusal(vendor) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(vendor)
    return caught.value


async def test_answer_carries_the_untouched_body_and_the_headers(vendor):
    """Bytes go out and come back as they are."""
    body = b' {"choices": [ {"message": {"content": "hi"}} ]}\n'
    answer = await ask(vendor.says(body=body, x_ratelimit_remaining_requests="7"))
    assert (answer.raw, answer.status) == (body, 200)
    assert answer.headers["X-RateLimit-Remaining-Requests"] == "7"
    assert answer.seconds > 0
    assert vendor.bodies == [WIRE]


async def test_request_is_sent_once_to_the_base_url_with_the_key(vendor):
    await ask(vendor.says())
    (head,) = vendor.heads
    assert head.startswith("post /v1/chat/completions ")
    assert f"authorization: bearer {SECRET}" in head
    assert "content-type: application/json" in head


async def test_environment_has_no_say(vendor, monkeypatch):
    """No variable that the SDK reads changes where a request goes or what it carries."""
    await ask(vendor.says())
    for name, value in {
        "OPENAI_API_KEY": "sk-other",
        "OPENAI_ADMIN_KEY": "sk-admin",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/elsewhere",
        "OPENAI_ORG_ID": "org-other",
        "OPENAI_PROJECT_ID": "proj-other",
        "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer sk-custom\nX-Custom: yes",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.lower(), value)
    await ask(vendor)
    before, after = vendor.heads
    assert after == before


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "invalid_value", RequestRejected),
        (401, "invalid_api_key", Misconfigured),
        (402, None, Misconfigured),
        (403, "unsupported_country", Misconfigured),
        (404, "model_not_found", Misconfigured),
        (404, None, Misconfigured),
        (400, "model_not_found", Misconfigured),
        (408, None, Retryable),
        (409, None, Retryable),
        (413, None, RequestRejected),
        (422, None, RequestRejected),
        (429, "rate_limit_exceeded", Retryable),
        (429, None, Retryable),
        (429, "insufficient_quota", Misconfigured),
        (429, "billing_not_active", Misconfigured),
        (307, None, Misconfigured),
        (500, None, Retryable),
        (503, "overloaded", Retryable),
        (529, None, Retryable),
    ],
)
async def test_refusals_are_told_by_status_and_code(vendor, status, code, expected):
    """Each refusal becomes what the caller can do about it."""
    error = await refusal(vendor.refuses(status, code, location="http://127.0.0.1:9/"))
    assert type(error) is expected
    assert str(status) in str(error) or expected is RequestRejected
    assert len(vendor.heads) == 1


async def test_rejection_keeps_what_the_vendor_said(vendor):
    error = await refusal(vendor.refuses(400, "invalid_value"))
    assert isinstance(error, RequestRejected)
    assert (error.status, error.code, str(error)) == (400, "invalid_value", "words for people")
    assert orjson.loads(error.body)["error"]["code"] == "invalid_value"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({"retry_after": "20"}, 20.0),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({}, None),
    ],
)
async def test_wait_that_the_vendor_asks_for_is_carried(vendor, headers, seconds):
    error = await refusal(vendor.refuses(429, "rate_limit_exceeded", **headers))
    assert isinstance(error, Retryable)
    assert (error.retry_after, error.status) == (seconds, 429)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'{"error": {}}', b'{"choices": []}', b'{"choi']
)
async def test_success_without_a_completion_is_an_unknown_outcome(vendor, body):
    """A proxy's page or a cut body says nothing of what the vendor did."""
    assert type(await refusal(vendor.says(body=body))) is UnknownOutcome


async def test_half_a_surrogate_pair_in_a_reply_is_an_answer(vendor):
    body = rb'{"choices": [{"message": {"content": "cut \ud83d"}}]}'
    assert (await ask(vendor.says(body=body))).raw == body


async def test_nobody_at_the_address_was_never_sent():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    async with connected(url) as provider:
        with pytest.raises(Retryable) as caught:
            await provider.ask(WIRE, model="gpt-6-luna")
    assert caught.value.status is None


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(b"", id="hangs up"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", id="cuts the body"),
        pytest.param(b"not HTTP at all\r\n\r\n", id="talks nonsense"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-encoding: gzip\r\n\r\nabc",
            id="sends broken gzip",
        ),
    ],
)
async def test_connection_that_breaks_after_sending_is_an_unknown_outcome(vendor, script):
    """And it is not sent again here: the ledger is the limiter's business."""
    vendor.script, vendor.closes = [script], True
    assert type(await refusal(vendor)) is UnknownOutcome
    assert len(vendor.heads) == 1


async def test_silence_ends_at_the_deadline(vendor):
    vendor.script = [b"HTTP/1.1 200 OK\r\n"]
    with pytest.raises(UnknownOutcome, match=r"no answer within 0\.05 s"):
        await ask(vendor, timeout_seconds=0.05)


async def test_cancelling_an_ask_is_no_outcome(vendor):
    vendor.script = [b"HTTP/1.1 200 OK\r\n"]
    asking = asyncio.create_task(ask(vendor))
    await vendor.asked.wait()
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    assert asking.cancelled()


async def test_key_is_in_no_error(vendor):
    """Not even when the vendor quotes it back at us."""
    vendor.says(401, {"error": {"message": f"bad key {SECRET}", "code": "invalid_api_key"}})
    error = await refusal(vendor)
    assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("status", [307, 400, 401, 404, 422, 429, 500])
@pytest.mark.parametrize("place", ["message", "code", "type"])
async def test_key_is_in_no_refusal(vendor, status, place):
    """Some proxies quote the request's headers: neither sentence, body nor code keeps the key."""
    told = f'{{"authorization": "Bearer {SECRET}"}}'
    error = await refusal(vendor.says(status, {"error": {place: told}}))
    assert SECRET not in "".join(traceback.format_exception(error))
    assert not any(SECRET in str(value) for value in error.args)
    if isinstance(error, RequestRejected):
        assert b"***" in error.body


async def test_key_in_json_escapes_is_hidden(vendor):
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in SECRET)
    error = await refusal(vendor.says(400, f'{{"error": {{"message": "{escaped}"}}}}'.encode()))
    assert isinstance(error, RequestRejected)
    assert str(error) == "***"
    assert parse(error.body) == {"error": {"message": "***"}}


async def test_key_in_a_page_is_hidden(vendor):
    error = await refusal(vendor.says(400, f"<html>Bearer {SECRET}".encode()))
    assert isinstance(error, RequestRejected)
    assert error.body == b"<html>Bearer ***"


async def test_key_is_in_no_broken_connection(vendor):
    """What is no HTTP is quoted by the client."""
    vendor.script, vendor.closes = [f"Bearer {SECRET}\r\n\r\n".encode()], True
    error = await refusal(vendor)
    assert type(error) is UnknownOutcome
    assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize("public", [UNUSED, EMULATED])
async def test_what_is_sent_in_place_of_a_key_is_a_word_like_any_other(vendor, public):
    word = public.reveal()
    vendor.says(400, {"error": {"message": f"{word} parameter"}})
    provider = connect(public, vendor.url, name="local", limits=Limits(1, 1))
    with pytest.raises(RequestRejected, match=f"{word} parameter"):
        await provider.ask(WIRE, model="gpt-6-luna")
    await provider.close()


def test_code_is_a_word():
    """llama.cpp repeats the status there."""
    error = refused(400, b'{"error": {"code": 400, "type": "exceed_context_size"}}')
    assert isinstance(error, RequestRejected)
    assert error.code == "exceed_context_size"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": "text"}', b'{"detail": 1}', b"[1]"])
def test_refusal_in_any_shape_is_classified(body):
    assert type(refused(400, body)) is RequestRejected
    assert type(refused(502, body)) is Retryable


def test_module_is_an_adapter():
    """The type checker compares every signature."""
    adapter: Adapter = openai_adapter
    assert adapter.from_wire is from_wire


async def test_typed_api_speaks_the_same_wire_format(vendor, completion):
    """Drift of the SDK's contract shows here: it sends our body and reads our reply."""
    body = orjson.loads(WIRE)
    async with openai.AsyncOpenAI(
        api_key="k", base_url=vendor.says().url, max_retries=0, organization="", project=""
    ) as client:
        typed = await client.chat.completions.create(**body)
    assert orjson.loads(vendor.bodies[0]) == body
    reply = from_wire(completion)
    assert typed.choices[0].message.content == reply.text
    assert typed.usage is not None
    assert reply.usage is not None
    assert (typed.usage.prompt_tokens, typed.usage.completion_tokens) == (
        reply.usage.input,
        reply.usage.output,
    )
    assert (typed.model, typed.id) == (reply.model, reply.request_id)
    type(typed).model_validate(completion, strict=True)
