"""What the connection to Gemini has of its own; the contract suite has the rest."""

import orjson
import pytest

from providers import gemini as adapter
from providers.channel import Received
from providers.connect import wire
from providers.errors import Misconfigured, Retryable
from providers.gemini import DIALECT, connect, from_wire
from providers.http import failure
from providers.keys import Key
from providers.neutral import Request
from providers.protocol import Adapter, Limits
from tests.providers.asking import SDK_WARNINGS
from tests.providers.contracts import GEMINI, gemini_error, quota, reason

pytestmark = SDK_WARNINGS

REQUEST = Request(
    key="u1",
    model="gemini-3-flash-preview",
    system="You label tickets.",
    turns=(("user", "printer on fire"), ("assistant", "b"), ("user", "again")),
    max_tokens=200,
    temperature=0.5,
    seed=7,
    reasoning="low",
    schema={
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["a", "b"]}},
        "required": ["label"],
    },
)
WIRE = wire("gemini", REQUEST)


def hurried(*details, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    body = orjson.dumps(gemini_error("RESOURCE_EXHAUSTED", *details))
    return failure("gemini", DIALECT, Received(429, headers, body))


def test_module_is_an_adapter():
    """The type checker compares every signature."""
    vendor: Adapter = adapter
    assert vendor.from_wire is from_wire


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        ("7s", 7.0),
        ("0s", 0.0),
        ("0.5s", 0.5),
        ("34.074824224s", 34.074824224),
        ("7", None),
        ("-7s", None),
        ("soon", None),
        ("9" * 400 + "s", None),
        (7, None),
        (None, None),
        ({"seconds": 7}, None),
    ],
)
def test_wait_is_in_the_body(delay, seconds):
    error = hurried(reason("RATE_LIMIT_EXCEEDED"), {"@type": "RetryInfo", "retryDelay": delay})
    assert isinstance(error, Retryable)
    assert error.retry_after == seconds


def test_header_comes_before_the_body():
    error = hurried({"retryDelay": "7s"}, retry_after="3")
    assert isinstance(error, Retryable)
    assert error.retry_after == 3.0


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["GenerateRequestsPerMinutePerProjectPerModel"], Retryable),
        (["GenerateRequestsPerMinutePerProjectPerModel-FreeTier"], Retryable),
        (["GenerateRequestsPerDayPerProjectPerModel"], Misconfigured),
        (["GenerateRequestsPerDayPerProjectPerModel-FreeTier"], Misconfigured),
        (["GenerateContentPaidTierInputTokensPerModelPerMinute"], Retryable),
        (["PerMinute", "RequestsPerDay"], Misconfigured),
        ([None], Retryable),
        ([], Retryable),
    ],
)
def test_quota_of_a_day_is_not_waited_for(ids, expected):
    assert type(hurried(quota(*ids))) is expected


@pytest.mark.parametrize("details", [None, 7, "text", [None, 7, "text", []], [{"violations": 7}]])
def test_details_may_be_anything(details):
    body = gemini_error("RESOURCE_EXHAUSTED")
    body["error"]["details"] = details
    error = failure("gemini", DIALECT, Received(429, {}, orjson.dumps(body)))
    assert type(error) is Retryable


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3.8-flash", "/v1/models/gemini-3.8-flash:generatecontent"),
        ("../files/a?key=b#c", "/v1/models/..%2ffiles%2fa%3fkey=b%23c:generatecontent"),
        ("a b%2e", "/v1/models/a%20b%252e:generatecontent"),
    ],
)
async def test_model_leads_to_no_other_address(vendor, model, path):
    """Its name comes from a pipeline."""
    url = vendor.says(body=GEMINI.reply).url.removesuffix("/v1")
    provider = connect(Key("k"), url, name="gemini", limits=Limits(1, 1))
    await provider.ask(WIRE, model=model)
    await provider.close()
    sent = vendor.heads[0].split()[1]
    assert sent.replace("%3d", "=") == path


async def test_typed_api_speaks_the_same_wire_format(vendor):
    """Drift of the SDK's contract shows here: it sends our body and reads our reply."""
    from google import genai
    from google.genai import types

    body = orjson.loads(WIRE)
    options = types.HttpOptions(
        base_url=vendor.says(body=GEMINI.reply).url.removesuffix("/v1"),
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    client = genai.Client(api_key="k", http_options=options)
    async with client.aio as aio:
        typed = await aio.models.generate_content(
            model=REQUEST.model,
            contents=[
                types.Content(role=content["role"], parts=[types.Part(text=part["text"])])
                for content in body["contents"]
                for part in content["parts"]
            ],
            config=types.GenerateContentConfig(
                system_instruction=types.Content(parts=[types.Part(text=REQUEST.system)]),
                temperature=0.5,
                max_output_tokens=200,
                seed=7,
                thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW),
                response_mime_type="application/json",
                response_json_schema=body["generationConfig"]["responseJsonSchema"],
            ),
        )
    client.close()
    # Google takes both spellings.
    assert orjson.loads(vendor.bodies[0].replace(b"thinking_level", b"thinkingLevel")) == body
    assert vendor.heads[0].startswith("post /v1/models/gemini-3-flash-preview:generatecontent ")
    assert (typed.text, typed.model_version) == (GEMINI.read.text, GEMINI.read.model)
    assert typed.response_id == GEMINI.read.request_id
    assert typed.usage_metadata is not None
    assert typed.usage_metadata.prompt_token_count == 31
