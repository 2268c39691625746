"""What Gemini's jobs have of their own: a resumable upload, raw jobs, long file ids."""

import orjson
import pytest

from providers import gemini_batches
from providers.batches import End, Found, LineEnd, Refusal, Standing
from providers.emulator import client
from providers.errors import (
    Gone,
    Misconfigured,
    RequestRejected,
    Retryable,
    UnknownOutcome,
)
from tests.providers.asking import SDK_WARNINGS
from tests.providers.batching import KEY, OTHER, emulated_lane, lane_to, lines_of, make_intent
from tests.providers.contracts import GEMINI, gemini_error

pytestmark = SDK_WARNINGS
FILE = f"files/{KEY[:32]}"
RESULTS = f"files/batch-{'0' * 36}"
NO_FILE = gemini_error("PERMISSION_DENIED")
METADATA = {
    "name": "batches/1",
    "model": "models/gemini-3.8-flash",
    "displayName": KEY,
    "state": "BATCH_STATE_RUNNING",
    "createTime": "2100-01-01T00:00:00.123456789Z",
    "inputConfig": {"fileName": FILE},
    "batchStats": {"requestCount": "5", "pendingRequestCount": "3"},
}
JOB = {"name": "batches/1", "metadata": METADATA}


def standing(batch):
    said = gemini_batches.standing(batch)
    assert said is not None
    return said


@pytest.fixture
async def lane(vendor):
    async with lane_to(GEMINI, vendor) as made:
        yield made


@pytest.fixture
def intent(lane, tmp_path):
    return make_intent(lane, GEMINI, tmp_path)


def job(name="batches/1", *, error=None, done=None, **metadata):
    told = {**JOB, "name": name, "metadata": {**METADATA, **metadata}}
    return {**told, **({"error": error} if error else {}), **({"done": done} if done else {})}


def takes(vendor, status="final"):
    """Take an upload in one piece."""
    url = vendor.url.removesuffix("/v1") + "/upload/v1/files?upload_id=1"
    vendor.says(body=b"", X_Goog_Upload_URL=url, X_Goog_Upload_Status="active")
    return vendor.says(body={"file": {}}, X_Goog_Upload_Status=status)


async def test_what_is_sent(lane, vendor, intent):
    takes(vendor).says(body=JOB)
    assert await lane.submit(intent) == "batches/1"
    start, upload, create = vendor.heads
    assert start.startswith("post /upload/v1/files ")
    assert "x-goog-upload-protocol: resumable" in start
    assert "x-goog-upload-command: start" in start
    assert f"x-goog-upload-header-content-length: {intent.size_bytes}\r" in start
    assert "x-goog-upload-header-content-type: application/jsonl" in start
    assert orjson.loads(vendor.bodies[0])["file"]["name"] == FILE
    assert upload.startswith("post /upload/v1/files?upload_id=1 ")
    assert "x-goog-upload-command: upload, finalize" in upload
    assert "x-goog-upload-offset: 0" in upload
    assert vendor.bodies[1] == intent.file.read_bytes()
    assert create.startswith(f"post /v1/models/{GEMINI.model}:batchgeneratecontent ")
    assert orjson.loads(vendor.bodies[2]) == {
        "batch": {"displayName": KEY, "inputConfig": {"fileName": FILE}}
    }


@pytest.mark.parametrize("chunk_bytes", [1, 100, 1000])
async def test_file_goes_in_chunks(emulator, tmp_path, monkeypatch, chunk_bytes):
    monkeypatch.setattr(gemini_batches, "CHUNK_BYTES", chunk_bytes)
    async with emulated_lane(GEMINI, emulator) as lane:
        intent = make_intent(lane, GEMINI, tmp_path, 1 if chunk_bytes == 1 else 20)
        batch_id = await lane.submit(intent)
        said = (await lane.check([batch_id]))[batch_id]
        assert said.answered == intent.requests


@pytest.mark.parametrize(
    "refusal",
    [
        (400, "INVALID_ARGUMENT", RequestRejected),
        (401, "UNAUTHENTICATED", Misconfigured),
        (403, "PERMISSION_DENIED", Misconfigured),
        (404, "NOT_FOUND", Misconfigured),
        (409, "ABORTED", Retryable),
        (429, "RESOURCE_EXHAUSTED", Retryable),
        (500, "INTERNAL", UnknownOutcome),
        (503, "UNAVAILABLE", UnknownOutcome),
    ],
)
async def test_creation_that_fails(lane, vendor, intent, refusal):
    status, kind, error = refusal
    takes(vendor).says(status, gemini_error(kind))
    with pytest.raises(error) as caught:
        await lane.submit(intent)
    assert type(caught.value) is error


async def test_success_without_a_name_may_have_created_a_job(lane, vendor, intent):
    takes(vendor).says(body={"done": False})
    with pytest.raises(UnknownOutcome):
        await lane.submit(intent)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_upload_that_fails_has_created_nothing(lane, vendor, intent, status):
    vendor.says(status, gemini_error("UNAVAILABLE"))
    with pytest.raises(Retryable):
        await lane.submit(intent)
    assert len(vendor.heads) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        (400, "FAILED_PRECONDITION", Misconfigured),
        (400, "INVALID_ARGUMENT", Misconfigured),
        (413, "INVALID_ARGUMENT", Misconfigured),
        (429, "RESOURCE_EXHAUSTED", Retryable),
    ],
)
async def test_upload_without_storage_rejects_no_unit(lane, vendor, intent, refusal):
    """It has 20 GB for a project."""
    status, kind, error = refusal
    vendor.says(status, gemini_error(kind)).says(404, gemini_error("NOT_FOUND"))
    with pytest.raises(error, match="storage may be full: delete files") as caught:
        await lane.submit(intent)
    assert type(caught.value) is error


async def test_upload_with_a_bad_key_has_nothing_to_do_with_storage(lane, vendor, intent):
    vendor.says(401, gemini_error("UNAUTHENTICATED"))
    with pytest.raises(Misconfigured, match="the key is not accepted") as caught:
        await lane.submit(intent)
    assert "storage" not in str(caught.value)


async def test_upload_that_does_not_end_has_created_nothing(lane, vendor, intent):
    takes(vendor, "active")
    with pytest.raises(Retryable, match="did not come to its end"):
        await lane.submit(intent)
    assert len(vendor.heads) == 2


# The file that is there already


async def test_file_that_was_uploaded_before_is_used(emulator, tmp_path):
    async with emulated_lane(GEMINI, emulator) as lane:
        intent = make_intent(lane, GEMINI, tmp_path)
        await lane._upload(intent)
        batch_id = await lane.submit(intent)
        assert (await lane.check([batch_id]))[batch_id].end is End.COMPLETED
        assert client.ledger(emulator).calls == 5


async def test_upload_that_was_begun_before_begins_anew(emulator, tmp_path, monkeypatch):
    async with emulated_lane(GEMINI, emulator) as lane:
        intent = make_intent(lane, GEMINI, tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(lane, "_send_chunks", breaking)
            with pytest.raises(Retryable):
                await lane.submit(intent)
        await lane.submit(intent)


async def breaking(*_):
    """Break off before anything is sent."""
    raise UnknownOutcome("the connection broke")


async def test_chunk_that_is_refused_is_sent_again_from_the_beginning(lane, vendor, intent):
    """No unit is to be rejected for it."""
    url = vendor.url.removesuffix("/v1") + "/upload/v1/files?upload_id=1"
    vendor.says(body=b"", X_Goog_Upload_URL=url).says(400, gemini_error("INVALID_ARGUMENT"))
    vendor.says(404, gemini_error("NOT_FOUND"))
    with pytest.raises(Retryable, match="went astray"):
        await lane.submit(intent)


@pytest.mark.parametrize("status", [400, 409])
async def test_file_is_there_whatever_status_says_so(lane, vendor, intent, status):
    there = {"name": FILE, "sizeBytes": str(intent.size_bytes), "state": "ACTIVE"}
    vendor.says(status, gemini_error("ALREADY_EXISTS")).says(body=there).says(body=JOB)
    assert await lane.submit(intent) == "batches/1"
    assert vendor.heads[1].startswith(f"get /v1/{FILE} ")


@pytest.mark.parametrize(
    "there", [{"sizeBytes": "1"}, {"state": "FAILED"}, {}], ids=["other", "failed", "nothing"]
)
async def test_file_that_is_no_use_is_not_used(lane, vendor, intent, there):
    usual = {"sizeBytes": str(intent.size_bytes)} if "state" in there else {}
    vendor.says(409, gemini_error("ALREADY_EXISTS")).says(body={**usual, **there})
    with pytest.raises(Retryable):
        await lane.submit(intent)


async def test_bad_request_is_none_of_a_file_that_is_there(lane, vendor, intent):
    vendor.says(400, gemini_error("INVALID_ARGUMENT")).says(403, NO_FILE)
    with pytest.raises(Misconfigured):
        await lane.submit(intent)


# Standing


def test_job_at_work():
    said = standing(JOB)
    assert said == Standing(
        id="batches/1",
        end=None,
        created_at=said.created_at,
        requests=5,
        answered=0,
        failed=0,
    )


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ("BATCH_STATE_PENDING", None),
        ("BATCH_STATE_SUCCEEDED", End.COMPLETED),
        ("JOB_STATE_SUCCEEDED", End.COMPLETED),
        ("BATCH_STATE_FAILED", End.FAILED),
        ("BATCH_STATE_EXPIRED", End.EXPIRED),
        ("BATCH_STATE_CANCELLED", End.CANCELLED),
        ("JOB_STATE_PARTIALLY_SUCCEEDED", End.FAILED),
        ("JOB_STATE_CANCELLING", None),
        ("BATCH_STATE_UNSPECIFIED", None),
        (None, None),
    ],
)
def test_states(state, end):
    said = standing(job(state=state, output={"responsesFile": RESULTS}))
    assert (said.end, said.results) == (end, (RESULTS,) if end else ())


def test_results_are_in_the_response_as_well():
    told = {**job(state="BATCH_STATE_SUCCEEDED"), "response": {"responsesFile": RESULTS}}
    assert standing(told).results == (RESULTS,)


def test_success_before_its_results_are_told_is_no_end():
    assert standing(job(state="BATCH_STATE_SUCCEEDED")).end is None


@pytest.mark.parametrize(
    ("code", "refusal"), [(8, Refusal.QUEUE_FULL), (429, Refusal.QUEUE_FULL), (3, None), (13, None)]
)
def test_a_full_queue_is_no_fault_of_the_requests(code, refusal):
    error = {"code": code, "message": "No."}
    failed = job(state="BATCH_STATE_FAILED", error=error, batchStats={"requestCount": "5"})
    assert standing(failed).refusal is refusal
    some = job(state="BATCH_STATE_FAILED", error=error, batchStats={"successfulRequestCount": "1"})
    assert standing(some).refusal is None


def test_failure_is_told_in_the_raw_error():
    error = {"code": 3, "message": "No.", "details": [{"@type": "x", "reason": "Y"}]}
    said = standing(job(state="BATCH_STATE_FAILED", error=error, done=True))
    assert (said.end, said.message) == (End.FAILED, "No. (code 3)")
    assert standing(job(state=None, error=error, done=True)).end is End.FAILED


# Results


async def test_download(lane, vendor, tmp_path):
    line = {"key": "a", "response": dict(GEMINI.reply)}
    vendor.says(body=line)
    said = standing(job(state="BATCH_STATE_SUCCEEDED", output={"responsesFile": RESULTS}))
    await lane.collect(said, tmp_path / "results")
    assert vendor.heads[0].startswith(f"get /v1/{RESULTS}:download?alt=media ")
    assert [one.end for one in lines_of(lane, tmp_path / "results")] == [LineEnd.ANSWERED]


async def test_results_that_are_refused_while_the_job_is_not_are_gone(lane, vendor, tmp_path):
    said = standing(job(state="BATCH_STATE_SUCCEEDED", output={"responsesFile": RESULTS}))
    vendor.says(403, NO_FILE).says(body=JOB)
    with pytest.raises(Gone):
        await lane.collect(said, tmp_path / "results")


async def test_results_that_are_refused_like_the_job_are_for_a_person(lane, vendor, tmp_path):
    said = standing(job(state="BATCH_STATE_SUCCEEDED", output={"responsesFile": RESULTS}))
    vendor.says(403, NO_FILE)
    with pytest.raises(Misconfigured):
        await lane.collect(said, tmp_path / "results")


@pytest.mark.parametrize(
    ("code", "end"),
    [
        (3, LineEnd.REJECTED),
        (400, LineEnd.REJECTED),
        (8, LineEnd.UNSERVED),
        (13, LineEnd.UNSERVED),
        (14, LineEnd.UNSERVED),
        (16, LineEnd.UNSERVED),
        (99, LineEnd.UNSERVED),
        (503, LineEnd.UNSERVED),
        (None, LineEnd.UNSERVED),
    ],
)
def test_error_lines(lane, code, end):
    error = {"code": code, "message": "So it is.", "details": [{"@type": "x"}]}
    line = lane.read_line(orjson.dumps({"key": "a", "error": error}))
    assert (line.end, line.raw, line.message) == (end, None, "So it is.")


def test_blocked_prompt_is_an_answer(lane):
    body = {"promptFeedback": {"blockReason": "SAFETY"}}
    line = lane.read_line(orjson.dumps({"key": "a", "response": body}))
    assert (line.end, orjson.loads(line.raw)) == (LineEnd.ANSWERED, body)


# Finding


async def test_name_or_file_is_what_counts(lane, vendor, intent):
    jobs = [
        job("batches/6", displayName=OTHER, inputConfig={"fileName": "files/other"}),
        job("batches/5", displayName="", inputConfig={}),
        job("batches/4", displayName="renamed"),
        job("batches/3", inputConfig={"requests": {}}, createTime="2099-01-01T00:00:00Z"),
        {"error": "no job"},
    ]
    vendor.says(body={"operations": jobs})
    assert await lane.find(intent, known=()) == (
        Found("batches/3", proven=True),
        Found("batches/4", proven=True),
    )


async def test_job_is_found_behind_older_ones(lane, vendor, intent):
    """Nobody promises that lists begin with the newest."""
    old = job("batches/1", displayName=OTHER, createTime="2020-01-01T00:00:00Z")
    vendor.says(body={"operations": [old], "nextPageToken": "2"})
    vendor.says(body={"operations": [job("batches/2")]})
    assert await lane.find(intent, known=()) == (Found("batches/2", proven=True),)
    assert vendor.heads[1].startswith("get /v1/batches?pagesize=100&pagetoken=2 ")


async def test_empty_list_has_no_operations(lane, vendor, intent):
    vendor.says(body={})
    assert await lane.find(intent, known=()) == ()


async def test_job_that_the_sdk_cannot_read_is_checked(lane, vendor):
    """It fails on an error that has details, in single calls and in whole lists."""
    error = {"code": 3, "message": "No.", "details": [{"@type": "type.googleapis.com/x"}]}
    failed = [job(f"batches/{n}", state="BATCH_STATE_FAILED", error=error) for n in range(3)]
    vendor.says(body={"operations": failed})
    said = await lane.check(["batches/0", "batches/1", "batches/2"])
    assert {one.end for one in said.values()} == {End.FAILED}
    assert len(vendor.heads) == 1
