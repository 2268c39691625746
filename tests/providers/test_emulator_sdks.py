"""The vendors' own clients, typed and unchanged, with nothing but another address."""

import anthropic
import openai
import orjson
import pytest
from google import genai
from google.genai import errors, types

from providers.emulator import client

pytestmark = pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession from ClientSession:DeprecationWarning"
)

SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string", "enum": ["a", "b"]}},
    "required": ["label"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    root = tmp_path_factory.mktemp("emulated")
    yield root
    client.stop(root)


@pytest.fixture
def url(shared):
    address = client.start(shared)
    client.reset(shared)
    return address


@pytest.fixture
async def openais(url):
    async with openai.AsyncOpenAI(
        api_key="emulated", base_url=f"{url}/openai/v1", max_retries=0
    ) as sdk:
        yield sdk


@pytest.fixture
async def anthropics(url):
    async with anthropic.AsyncAnthropic(
        api_key="emulated", base_url=f"{url}/anthropic", max_retries=0
    ) as sdk:
        yield sdk


@pytest.fixture(params=["v1", "v1beta"])
async def geminis(url, request):
    options = types.HttpOptions(
        base_url=f"{url}/gemini",
        api_version=request.param,
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    sdk = genai.Client(api_key="emulated", http_options=options)
    async with sdk.aio as aio:
        yield aio
    sdk.close()


def is_labelled(text):
    return orjson.loads(text or "")["label"] in {"a", "b"}


async def test_openai_responses(openais):
    said = await openais.responses.create(
        model="gpt-6-luna",
        instructions="Label.",
        input="printer on fire",
        reasoning={"effort": "low"},
        text={"format": {"type": "json_schema", "name": "label", "strict": True, "schema": SCHEMA}},
    )
    assert is_labelled(said.output_text)
    assert said.usage is not None
    assert said.usage.output_tokens_details.reasoning_tokens == 32


async def test_anthropic_messages(anthropics):
    asked = {
        "model": "claude-haiku-5-5",
        "max_tokens": 200,
        "system": "Label.",
        "messages": [{"role": "user", "content": "printer on fire"}],
    }
    plain = await anthropics.messages.create(**asked)
    said = await anthropics.messages.create(
        **asked,
        output_config={"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    )
    assert [block.type for block in plain.content] == ["text"]
    assert [block.type for block in said.content] == ["thinking", "text"]
    assert is_labelled(said.content[1].text)


async def test_gemini_content(geminis):
    asked = {"model": "gemini-3.8-flash", "contents": "printer on fire"}
    plain = await geminis.models.generate_content(**asked)
    said = await geminis.models.generate_content(
        **asked,
        config=types.GenerateContentConfig(
            system_instruction="Label.",
            temperature=0,
            max_output_tokens=200,
            seed=7,
            response_mime_type="application/json",
            response_json_schema=SCHEMA,
            thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW),
        ),
    )
    assert plain.text
    assert plain.model_version == "gemini-3.8-flash"
    assert is_labelled(said.text)
    assert said.usage_metadata is not None
    assert said.usage_metadata.thoughts_token_count == 32


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.InternalServerError),
    ],
)
async def test_anthropic_errors(url, anthropics, status, kind):
    client.script(url, [{"do": "status", "status": status, "retry_after": 3}])
    with pytest.raises(kind) as caught:
        await anthropics.messages.create(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "Hello."}]
        )
    assert caught.value.status_code == status
    assert caught.value.response.headers["retry-after"] == "3"
    assert caught.value.request_id == caught.value.body["request_id"]


@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [
        (400, errors.ClientError, "INVALID_ARGUMENT"),
        (403, errors.ClientError, "PERMISSION_DENIED"),
        (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
        (500, errors.ServerError, "INTERNAL"),
        (503, errors.ServerError, "UNAVAILABLE"),
    ],
)
async def test_gemini_errors(url, geminis, status, kind, word):
    client.script(url, [{"do": "status", "status": status}])
    with pytest.raises(kind) as caught:
        await geminis.models.generate_content(model="m", contents="Hello.")
    assert (caught.value.code, caught.value.status) == (status, word)


async def test_ledger_adds_up_by_model(url, openais, anthropics, geminis):
    client.script(url, [{"do": "usage", "usage": {"cached_share": 0.5, "reasoning_tokens": 10}}])
    text = "word " * 100
    for _ in range(2):
        await openais.responses.create(model="gpt-6-luna", input=text)
    await anthropics.messages.create(
        model="claude-haiku-5-5", max_tokens=200, messages=[{"role": "user", "content": text}]
    )
    said = await geminis.models.generate_content(model="gemini-3.8-flash", contents=text)
    models = client.ledger(url).models
    assert {name: models[name]["calls"] for name in models} == {
        "gpt-6-luna": 2,
        "claude-haiku-5-5": 1,
        "gemini-3.8-flash": 1,
    }
    assert models["gpt-6-luna"]["cached"] == models["gpt-6-luna"]["input"] // 2 // 2 * 2
    usage = said.usage_metadata
    assert models["gemini-3.8-flash"] == {
        "calls": 1,
        "input": usage.prompt_token_count,
        "cached": usage.cached_content_token_count,
        "cache_write": 0,
        "output": usage.candidates_token_count + usage.thoughts_token_count,
        "reasoning": 10,
    }


async def test_limit_that_is_hidden_shows_in_refusals_only(url, openais):
    client.limits(url, [{"match": "luna", "requests_per_minute": 1, "retry_after": 7}])
    first = await openais.responses.with_raw_response.create(model="gpt-6-luna", input="Hello.")
    assert not [name for name in first.headers if name.startswith("x-ratelimit")]
    with pytest.raises(openai.RateLimitError) as caught:
        await openais.responses.create(model="gpt-6-luna", input="Hello.")
    assert caught.value.response.headers["retry-after"] == "7"
    client.limits(url, [])
    await openais.responses.create(model="gpt-6-luna", input="Hello.")


@pytest.mark.parametrize("limits", [[{"requests_per_minute": 0}], [{"rpm": 1}]])
def test_limits_that_make_no_sense_are_refused_with_a_reason(url, limits):
    with pytest.raises(ValueError, match="the emulator refuses"):
        client.limits(url, limits)
