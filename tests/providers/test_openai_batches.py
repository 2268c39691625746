"""What OpenAI's batches have of their own: files, and a batch's two files of results."""

from dataclasses import replace

import orjson
import pytest

from providers import openai_batches
from providers.batches import End, Found, LineEnd, Refusal, Standing
from providers.emulator import client
from providers.errors import Misconfigured, RequestRejected, Retryable, UnknownOutcome
from tests.providers.batching import KEY, emulated_lane, lane_to, lines_of, make_intent
from tests.providers.contracts import OPENAI, openai_error

BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "errors": None,
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "in_progress",
    "output_file_id": None,
    "error_file_id": None,
    "created_at": 1795348800,
    "expires_at": 1795435200,
    "request_counts": {"total": 5, "completed": 2, "failed": 1},
    "metadata": {"submission": KEY},
    "usage": None,
}
EMPTY = {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
FILE = {"id": "file-1", "object": "file", "bytes": 0, "created_at": 1795348800}


def standing(batch):
    said = openai_batches.standing(batch)
    assert said is not None
    return said


@pytest.fixture
async def lane(vendor):
    async with lane_to(OPENAI, vendor) as made:
        yield made


@pytest.fixture
def intent(lane, tmp_path):
    return make_intent(lane, OPENAI, tmp_path)


def listing(*entries):
    return {**EMPTY, "data": list(entries)}


async def test_what_is_sent(lane, vendor, intent):
    vendor.says(body=EMPTY).says(body=FILE).says(body=BATCH)
    assert await lane.submit(intent) == "batch_1"
    look, upload, create = vendor.heads
    assert look.startswith("get /v1/files?purpose=batch&order=desc")
    assert upload.startswith("post /v1/files ")
    form = vendor.bodies[1]
    assert f'name="file"; filename="{KEY}.jsonl"'.encode() in form
    for name, value in (
        ("purpose", "batch"),
        ("expires_after[anchor]", "created_at"),
        ("expires_after[seconds]", "2592000"),
    ):
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in form
    assert b"\r\n\r\n" + intent.file.read_bytes() + b"\r\n--" in form
    assert create.startswith("post /v1/batches ")
    assert orjson.loads(vendor.bodies[2]) == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"submission": KEY, "app": "octobatch"},
    }
    assert vendor.bodies[2] == vendor.bodies[-1]


def test_request_line(lane):
    assert orjson.loads(lane.request_line("3f9a1c2b-000017", b'{"model":"m"}')) == {
        "custom_id": "3f9a1c2b-000017",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m"},
    }


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RequestRejected),
        (401, Misconfigured),
        (402, Misconfigured),
        (403, Misconfigured),
        (404, Retryable),
        (408, Retryable),
        (409, Retryable),
        (429, Retryable),
        (500, UnknownOutcome),
        (503, UnknownOutcome),
    ],
)
async def test_creation_that_fails(lane, vendor, intent, status, error):
    vendor.says(body=EMPTY).says(body=FILE).says(status, openai_error(None))
    with pytest.raises(error) as caught:
        await lane.submit(intent)
    assert type(caught.value) is error


@pytest.mark.parametrize("body", [b"<html>", {}, {"id": 1}, []])
async def test_success_without_an_id_may_have_created_a_batch(lane, vendor, intent, body):
    vendor.says(body=EMPTY).says(body=FILE).says(body=body)
    with pytest.raises(UnknownOutcome):
        await lane.submit(intent)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_upload_that_fails_has_created_nothing(lane, vendor, intent, status):
    vendor.says(body=EMPTY).says(status, openai_error(None))
    with pytest.raises(Retryable):
        await lane.submit(intent)
    assert len(vendor.heads) == 2


async def test_upload_that_breaks_off_has_created_nothing(lane, vendor, intent):
    vendor.says(body=b"")
    vendor.then = "resets"
    with pytest.raises(Retryable, match="nothing was submitted"):
        await lane.submit(intent)


async def test_address_without_batches_is_for_a_person(lane, vendor, intent):
    vendor.says(404, openai_error(None))
    for call in (lane.submit(intent), lane.find(intent, known=())):
        with pytest.raises(Misconfigured, match="base_url"):
            await call


# The file that is there already, against the emulator


async def test_file_that_was_uploaded_before_is_used(emulator, tmp_path):
    async with emulated_lane(OPENAI, emulator) as lane:
        intent = make_intent(lane, OPENAI, tmp_path)
        await lane._upload(intent)
        batch_id = await lane.submit(intent)
        files = orjson.loads((await lane._connection.send("GET", "/files?purpose=batch")).raw)
        assert [file["filename"] for file in files["data"]] == [f"{KEY}.jsonl"]
        said = (await lane.check([batch_id]))[batch_id]
        assert said.end is End.COMPLETED
        assert client.ledger(emulator).calls == 5


async def test_what_was_never_sent_is_not_looked_for(lane, vendor, intent):
    """The list grows with each batch of a run: reading it before each would take ever longer."""
    vendor.says(body=FILE).says(body=BATCH)
    assert await lane.submit(replace(intent, first=True)) == "batch_1"
    upload, create = vendor.heads
    assert upload.startswith("post /v1/files ")
    assert create.startswith("post /v1/batches ")


async def test_file_of_another_length_is_not_used(lane, vendor, intent):
    short = {**FILE, "id": "file-short", "filename": f"{KEY}.jsonl", "bytes": 3}
    bad = {**short, "id": "file-bad", "bytes": intent.size_bytes, "status": "error"}
    vendor.says(body=listing(short, bad)).says(body=FILE).says(body=BATCH)
    await lane.submit(intent)
    assert orjson.loads(vendor.bodies[-1])["input_file_id"] == "file-1"


# Standing


def test_batch_at_work():
    assert standing(BATCH) == Standing(
        id="batch_1",
        end=None,
        created_at=standing(BATCH).created_at,
        expires_at=standing({**BATCH, "created_at": 1795435200}).created_at,
        requests=5,
        answered=2,
        failed=1,
    )


def test_counts_are_unknown_before_the_validation():
    counts = {"total": 0, "completed": 0, "failed": 0}
    said = standing({**BATCH, "status": "validating", "request_counts": counts})
    assert (said.end, said.requests, said.answered, said.failed) == (None, None, None, None)


@pytest.mark.parametrize("status", ["finalizing", "cancelling", "something_new", None])
def test_files_are_not_read_before_the_end(status):
    said = standing({**BATCH, "status": status, "output_file_id": "file-2"})
    assert (said.end, said.results) == (None, ())


@pytest.mark.parametrize("end", list(End))
def test_both_files_are_results_and_either_may_be_missing(end):
    said = standing({**BATCH, "status": end.value, "error_file_id": "file-3"})
    assert (said.end, said.results) == (end, ("file-3",))
    both = {"output_file_id": "file-2", "error_file_id": "file-3"}
    assert standing({**BATCH, "status": end.value, **both}).results == ("file-2", "file-3")


def test_failed_validation_tells_its_first_errors():
    errors = [{"code": "invalid_json_line", "line": n, "message": "No."} for n in range(1, 6)]
    said = standing({**BATCH, "status": "failed", "errors": {"data": errors}})
    assert said.message == (
        "invalid_json_line: No. (line 1); invalid_json_line: No. (line 2); "
        "invalid_json_line: No. (line 3); and 2 more"
    )
    full = [{"code": "token_limit_exceeded", "line": None, "message": "Too much waits."}]
    said = standing({**BATCH, "status": "failed", "errors": {"data": full}})
    assert said.message == "token_limit_exceeded: Too much waits."


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("token_limit_exceeded", Refusal.QUEUE_FULL),
        ("billing_hard_limit_reached", Refusal.UNPAID),
        ("invalid_json_line", None),
    ],
)
def test_a_failure_that_is_no_fault_of_the_requests_is_told_apart(code, refusal):
    failed = {**BATCH, "status": "failed", "errors": {"data": [{"code": code, "message": "No."}]}}
    assert standing(failed).refusal is refusal
    assert standing({**failed, "output_file_id": "file-2"}).refusal is None
    assert standing({**failed, "status": "completed"}).refusal is None


@pytest.mark.parametrize("status", [400, 413])
async def test_upload_that_is_refused_rejects_no_unit(lane, vendor, intent, status):
    """Nobody has read the requests yet."""
    vendor.says(body=EMPTY).says(status, openai_error("storage_limit_exceeded"))
    with pytest.raises(Misconfigured, match="delete files at https://platform"):
        await lane.submit(intent)
    assert len(vendor.heads) == 2


async def test_batch_that_is_too_large_is_for_a_person(lane, vendor, intent):
    vendor.says(body=EMPTY).says(body=FILE).says(413, openai_error(None))
    with pytest.raises(Misconfigured, match="size_bytes"):
        await lane.submit(intent)


# Results


async def test_files_are_joined_though_the_first_has_no_last_newline(lane, vendor, tmp_path):
    answered = {"custom_id": "a", "response": {"status_code": 200, "body": dict(OPENAI.reply)}}
    expired = {"custom_id": "b", "response": None, "error": {"code": "batch_expired"}}
    vendor.says(body=answered).says(body=expired)
    said = standing(
        {**BATCH, "status": "expired", "output_file_id": "f/1", "error_file_id": "file-3"}
    )
    await lane.collect(said, tmp_path / "results")
    assert vendor.heads[0].startswith("get /v1/files/f%2f1/content")
    lines = lines_of(lane, tmp_path / "results")
    assert [(line.custom_id, line.end, line.message) for line in lines] == [
        ("a", LineEnd.ANSWERED, None),
        ("b", LineEnd.UNSERVED, "batch_expired"),
    ]


async def test_completed_batch_without_files_has_no_lines(lane, tmp_path):
    await lane.collect(standing({**BATCH, "status": "completed"}), tmp_path / "results")
    assert (tmp_path / "results").read_bytes() == b""


@pytest.mark.parametrize(
    ("status", "body", "end"),
    [
        (0, None, LineEnd.UNSERVED),
        (400, openai_error("invalid_value"), LineEnd.REJECTED),
        (400, "not JSON", LineEnd.REJECTED),
        (404, openai_error("model_not_found"), LineEnd.UNSERVED),
        (429, openai_error("insufficient_quota"), LineEnd.UNSERVED),
        (503, None, LineEnd.UNSERVED),
    ],
)
def test_error_lines(lane, status, body, end):
    response = {"status_code": status, "request_id": "r", "body": body}
    line = lane.read_line(orjson.dumps({"custom_id": "a", "response": response, "error": None}))
    assert (line.end, line.raw, line.status) == (end, None, status)
    assert line.message


# Finding


async def test_label_is_what_counts(lane, vendor, intent):
    theirs = [
        {**BATCH, "id": f"batch_{n}", "metadata": metadata, "created_at": 4_000_000_000}
        for n, metadata in enumerate([None, {}, {"submission": KEY[:-1]}, {"submission": KEY}])
    ]
    vendor.says(body={**EMPTY, "data": ["?", {"metadata": {"submission": KEY}}, *theirs]})
    assert await lane.find(intent, known=()) == (Found("batch_3", proven=True),)


async def test_list_that_leads_back_to_itself_ends(lane, vendor, intent):
    page = {**EMPTY, "data": [{**BATCH, "created_at": 4_000_000_000}], "has_more": True}
    vendor.says(body=page)
    assert await lane.find(intent, known=()) == (Found("batch_1", proven=True),)
    assert len(vendor.heads) == 2
