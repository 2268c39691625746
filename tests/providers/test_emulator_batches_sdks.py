"""Batches through the vendors' own clients, typed and unchanged, with nothing but another address.

What they parse leniently is parsed strictly here.
"""

import base64
import hashlib
import io

import anthropic
import openai
import orjson
import pytest
from anthropic.types.messages import MessageBatch, MessageBatchIndividualResponse
from google import genai
from google.genai import types
from openai.types import Batch, FileObject
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from providers.emulator import client

pytestmark = pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession from ClientSession:DeprecationWarning"
)

URLS = {"/v1/chat/completions": "messages", "/v1/responses": "input"}


@pytest.fixture
async def openais(emulator):
    async with openai.AsyncOpenAI(
        api_key="emulated", base_url=f"{emulator}/openai/v1", max_retries=0
    ) as sdk:
        yield sdk


@pytest.fixture
async def anthropics(emulator):
    async with anthropic.AsyncAnthropic(
        api_key="emulated", base_url=f"{emulator}/anthropic", max_retries=0
    ) as sdk:
        yield sdk


@pytest.fixture
async def geminis(emulator):
    options = types.HttpOptions(
        base_url=f"{emulator}/gemini",
        api_version="v1",
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    sdk = genai.Client(api_key="emulated", http_options=options)
    async with sdk.aio as aio:
        yield aio
    sdk.close()


def messages(number):
    return [{"role": "user", "content": f"Label ticket {number}."}]


def openai_file(count, url="/v1/chat/completions"):
    for number in range(count):
        yield {
            "custom_id": f"3f9a1c2b-{number:06}",
            "method": "POST",
            "url": url,
            "body": {"model": "gpt-6-luna", URLS[url]: messages(number)},
        }


def jsonl(lines):
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


async def openai_batch(sdk, lines, url="/v1/chat/completions"):
    upload = ("in.jsonl", jsonl(lines))
    file = await sdk.files.create(file=upload, purpose="batch")
    FileObject.model_validate(file.model_dump(), strict=True)
    return await sdk.batches.create(
        input_file_id=file.id,
        endpoint=url,
        completion_window="24h",
        metadata={"submission": "one"},
    )


@pytest.mark.parametrize(
    ("url", "model"), [("/v1/chat/completions", ChatCompletion), ("/v1/responses", Response)]
)
async def test_openai_batch_is_created_polled_and_read(openais, url, model):
    created = await openai_batch(openais, openai_file(5, url), url)
    assert (created.status, created.request_counts.total) == ("validating", 0)
    done = await openais.batches.retrieve(created.id)
    raw = await openais.batches.with_raw_response.retrieve(created.id)
    Batch.model_validate_json(raw.content, strict=True)
    assert (done.status, done.error_file_id, done.model) == ("completed", None, "gpt-6-luna")
    assert (done.request_counts.completed, done.request_counts.total) == (5, 5)
    assert done.metadata == {"submission": "one"}
    content = await openais.files.content(done.output_file_id)
    lines = [orjson.loads(line) for line in content.content.splitlines()]
    assert [line["custom_id"] for line in lines] == [f"3f9a1c2b-{n:06}" for n in range(5)]
    assert {line["response"]["status_code"] for line in lines} == {200}
    for line in lines:
        model.model_validate_json(orjson.dumps(line["response"]["body"]))


async def test_openai_batches_and_files_are_listed_newest_first_in_pages(openais):
    made = [await openai_batch(openais, openai_file(1)) for _ in range(5)]
    batches = [batch.id async for batch in openais.batches.list(limit=2)]
    files = [file.filename async for file in openais.files.list(purpose="batch", limit=2)]
    first = await openais.batches.list(limit=2)
    assert batches == [batch.id for batch in reversed(made)]
    assert files == ["in.jsonl"] * 5
    assert first.has_more


async def test_openai_files_are_deleted_and_expire(openais, emulator):
    forever, brief = [
        await openais.files.create(file=("a", b"{}\n"), purpose="batch", **more)
        for more in ({}, {"expires_after": {"anchor": "created_at", "seconds": 3600}})
    ]
    assert brief.expires_at - brief.created_at == 3600
    client.clock(emulator, step=3600)
    with pytest.raises(openai.NotFoundError):
        await openais.files.retrieve(brief.id)
    assert (await openais.files.delete(forever.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await openais.files.content(forever.id)


async def test_openai_batch_is_cancelled_with_what_there_is(openais, emulator):
    client.batches(emulator, seconds=1000, cancel_seconds=60)
    created = await openai_batch(openais, openai_file(10))
    client.clock(emulator, step=500)
    running = await openais.batches.retrieve(created.id)
    assert (running.status, running.request_counts.completed) == ("in_progress", 5)
    assert (await openais.batches.cancel(created.id)).status == "cancelling"
    client.clock(emulator, step=60)
    done = await openais.batches.retrieve(created.id)
    assert (done.status, done.request_counts.completed, done.request_counts.failed) == (
        "cancelled",
        5,
        5,
    )
    assert done.cancelled_at - done.created_at in {560, 561}
    unrun = (await openais.files.content(done.error_file_id)).content.splitlines()
    assert [orjson.loads(line)["error"]["code"] for line in unrun] == ["batch_cancelled"] * 5
    assert client.ledger(emulator).calls == 5
    with pytest.raises(openai.ConflictError):
        await openais.batches.cancel(created.id)


def anthropic_requests(count):
    for number in range(count):
        params = {"model": "claude-haiku-5-5", "max_tokens": 200, "messages": messages(number)}
        yield {"custom_id": f"3f9a1c2b-{number:06}", "params": params}


async def test_anthropic_batch_is_created_polled_and_read(anthropics, emulator):
    client.batches(emulator, seconds=100)
    requests = [*anthropic_requests(4), {"custom_id": "bad", "params": {"max_tokens": 1}}]
    created = await anthropics.messages.batches.create(requests=requests)
    assert (created.processing_status, created.request_counts.processing) == ("in_progress", 5)
    client.clock(emulator, step=99)
    halfway = await anthropics.messages.batches.retrieve(created.id)
    assert (halfway.request_counts.processing, halfway.results_url) == (5, None)
    client.clock(emulator, step=1)
    raw = await anthropics.messages.batches.with_raw_response.retrieve(created.id)
    done = MessageBatch.model_validate_json(await raw.read())
    assert done.results_url == f"{emulator}/anthropic/v1/messages/batches/{created.id}/results"
    counts = done.request_counts
    assert (done.processing_status, counts.succeeded, counts.errored) == ("ended", 4, 1)
    results = [line async for line in await anthropics.messages.batches.results(created.id)]
    assert [line.result.type for line in results] == ["succeeded"] * 4 + ["errored"]
    for line in results:
        MessageBatchIndividualResponse.model_validate_json(line.model_dump_json())
    assert results[0].result.message.usage.service_tier == "batch"
    assert results[4].result.error.error.type == "invalid_request_error"


async def test_anthropic_batches_are_listed_both_ways(anthropics):
    made = [
        (await anthropics.messages.batches.create(requests=[*anthropic_requests(1)])).id
        for _ in range(5)
    ]
    newest = made[::-1]
    older = await anthropics.messages.batches.list(limit=2, after_id=newest[1])
    newer = await anthropics.messages.batches.list(limit=2, before_id=newest[3])
    assert [one.id async for one in anthropics.messages.batches.list(limit=2)] == newest
    assert [one.id for one in older.data] == newest[2:4]
    assert [one.id for one in newer.data] == newest[1:3]
    assert (older.has_more, newer.has_more) == (True, True)


async def test_anthropic_batch_is_cancelled_and_deleted(anthropics, emulator):
    client.batches(emulator, seconds=1000, cancel_seconds=60)
    created = await anthropics.messages.batches.create(requests=[*anthropic_requests(4)])
    client.clock(emulator, step=500)
    stopping = await anthropics.messages.batches.cancel(created.id)
    assert stopping.processing_status == "canceling"
    with pytest.raises(anthropic.BadRequestError):
        await anthropics.messages.batches.delete(created.id)
    client.clock(emulator, step=60)
    results = [line async for line in await anthropics.messages.batches.results(created.id)]
    assert [line.result.type for line in results] == ["succeeded"] * 2 + ["canceled"] * 2
    assert (await anthropics.messages.batches.delete(created.id)).id == created.id
    with pytest.raises(anthropic.NotFoundError):
        await anthropics.messages.batches.retrieve(created.id)
    assert client.ledger(emulator).batches == {"anthropic": [created.id]}


def gemini_lines(count):
    for number in range(count):
        contents = [{"role": "user", "parts": [{"text": f"Label ticket {number}."}]}]
        yield {"key": f"3f9a1c2b-{number:06}", "request": {"contents": contents}}


async def gemini_file(sdk, lines, name="files/submission-1"):
    return await sdk.files.upload(
        file=io.BytesIO(jsonl(lines)),
        config=types.UploadFileConfig(
            name=name, display_name="submission", mime_type="application/jsonl"
        ),
    )


async def test_gemini_batch_of_a_file_is_created_polled_and_read(geminis, emulator):
    client.batches(emulator, seconds=100)
    file = await gemini_file(geminis, gemini_lines(5))
    assert (await geminis.files.get(name=file.name)).display_name == "submission"
    job = await geminis.batches.create(
        model="gemini-3.8-flash", src=file.name, config={"display_name": "submission"}
    )
    assert job.state is types.JobState.JOB_STATE_PENDING
    client.clock(emulator, step=50)
    assert (await geminis.batches.get(name=job.name)).state is types.JobState.JOB_STATE_RUNNING
    client.clock(emulator, step=50)
    done = await geminis.batches.get(name=job.name)
    assert (done.state, done.display_name) == (types.JobState.JOB_STATE_SUCCEEDED, "submission")
    assert len(done.dest.file_name) == len("files/batch-") + 36
    lines = (await geminis.files.download(file=done.dest.file_name)).splitlines()
    for number, line in enumerate(map(orjson.loads, lines)):
        assert line["key"] == f"3f9a1c2b-{number:06}"
        types.GenerateContentResponse.model_validate(line["response"])
    with pytest.raises(genai.errors.ClientError) as caught:
        await geminis.files.get(name=done.dest.file_name)
    assert caught.value.code == 400


async def test_gemini_upload_of_an_id_that_is_taken_is_refused(geminis):
    await gemini_file(geminis, gemini_lines(1))
    with pytest.raises(genai.errors.ClientError) as caught:
        await gemini_file(geminis, gemini_lines(1))
    assert (caught.value.code, caught.value.status) == (409, "ALREADY_EXISTS")


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
async def test_gemini_upload_in_pieces_arrives_whole(geminis):
    lines = [*gemini_lines(2), {"key": "x" * 20_000_000, "request": {}}]
    content = jsonl(lines)
    file = await gemini_file(geminis, lines)
    digest = hashlib.sha256(content).hexdigest().encode()
    assert (file.size_bytes, file.sha256_hash) == (len(content), base64.b64encode(digest).decode())


async def test_gemini_batch_of_inline_requests_answers_inline(geminis):
    requests = [
        types.InlinedRequest(contents=f"Label {number}.", metadata={"key": f"k{number}"})
        for number in range(3)
    ]
    job = await geminis.batches.create(model="gemini-3.8-flash", src=requests)
    done = await geminis.batches.get(name=job.name)
    answers = done.dest.inlined_responses
    assert [one.metadata for one in answers] == [{"key": f"k{number}"} for number in range(3)]
    assert all(one.response.text for one in answers)


async def test_gemini_batches_are_listed_cancelled_and_deleted(geminis, emulator):
    client.batches(emulator, seconds=100)
    made = []
    for number in range(3):
        file = await gemini_file(geminis, gemini_lines(2), name=f"files/in-{number}")
        job = await geminis.batches.create(model="gemini-3.8-flash", src=file.name)
        made.append(job.name)
    pager = await geminis.batches.list(config={"page_size": 2})
    assert [job.name async for job in pager] == made[::-1]
    await geminis.batches.cancel(name=made[0])
    stopped = await geminis.batches.get(name=made[0])
    assert (stopped.state, stopped.dest) == (types.JobState.JOB_STATE_CANCELLED, None)
    await geminis.batches.delete(name=made[1])
    assert [job.name async for job in await geminis.batches.list()] == [made[2], made[0]]


async def test_both_lanes_say_the_same_to_the_same_request(openais, emulator):
    lines = list(openai_file(2))
    wire = orjson.dumps(lines[1]["body"])
    await client.rehearse(emulator, {hashlib.sha256(wire).hexdigest(): "Arr!"})
    batch = await openai_batch(openais, lines)
    done = await openais.batches.retrieve(batch.id)
    content = await openais.files.content(done.output_file_id)
    said = [
        orjson.loads(line)["response"]["body"]["choices"][0]["message"]["content"]
        for line in content.content.splitlines()
    ]
    post = openais.post
    asked = [
        await post(
            "/chat/completions",
            cast_to=ChatCompletion,
            content=orjson.dumps(line["body"]),
            options={"headers": {"content-type": "application/json"}},
        )
        for line in lines
    ]
    assert said == [one.choices[0].message.content for one in asked]
    assert said[1] == "Arr!"
    charged = client.ledger(emulator)
    assert charged.models["gpt-6-luna"]["calls"] == 4
    assert charged.batch_models["gpt-6-luna"]["calls"] == 2
    assert charged.batches == {"openai": [batch.id]}
    assert charged.repeated == 2
