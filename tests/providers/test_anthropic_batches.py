"""What Anthropic's batches have of their own: one body, one stream, and ids to be known by."""

from datetime import UTC, datetime

import orjson
import pytest

from providers import anthropic_batches
from providers.batches import End, Found, LineEnd, Standing
from providers.emulator import client
from providers.errors import (
    BadAddress,
    Misconfigured,
    RequestRejected,
    Retryable,
    UnknownOutcome,
)
from tests.providers.batching import KEY, OTHER, emulated_lane, lane_to, make_intent, wired
from tests.providers.contracts import ANTHROPIC, anthropic_error

BATCH = {
    "id": "msgbatch_1",
    "type": "message_batch",
    "processing_status": "in_progress",
    "request_counts": {"processing": 5, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0},
    "created_at": "2100-01-01T00:00:00Z",
    "expires_at": "2100-01-02T00:00:00Z",
    "ended_at": None,
    "cancel_initiated_at": None,
    "archived_at": None,
    "results_url": None,
}


def standing(batch):
    said = anthropic_batches.standing(batch)
    assert said is not None
    return said


@pytest.fixture
async def lane(vendor):
    async with lane_to(ANTHROPIC, vendor) as made:
        yield made


@pytest.fixture
def intent(lane, tmp_path):
    return make_intent(lane, ANTHROPIC, tmp_path)


def ended(vendor, ident="msgbatch_1", **counts):
    url = vendor.url.removesuffix("/v1") + f"/v1/messages/batches/{ident}/results"
    counts = {"processing": 0, **(counts or {"succeeded": 5})}
    over = {"processing_status": "ended", "request_counts": counts, "results_url": url}
    return {**BATCH, "id": ident, **over}


def listing(*entries):
    return {"data": list(entries), "has_more": False, "first_id": None, "last_id": None}


def results(*ids):
    lines = [{"custom_id": one, "result": {"type": "expired"}} for one in ids]
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


async def test_what_is_sent(lane, vendor, intent):
    vendor.says(body=BATCH)
    assert await lane.submit(intent) == "msgbatch_1"
    (head,) = vendor.heads
    assert head.startswith("post /v1/messages/batches ")
    assert "transfer-encoding" not in head
    assert orjson.loads(vendor.bodies[0]) == {
        "requests": [
            {
                "custom_id": f"{KEY[:8]}-{number:06}",
                "params": orjson.loads(wired(ANTHROPIC, number)),
            }
            for number in range(5)
        ]
    }


@pytest.mark.parametrize(
    "refusal",
    [
        (400, "invalid_request_error", RequestRejected),
        (401, "authentication_error", Misconfigured),
        (402, "billing_error", Misconfigured),
        (403, "permission_error", Misconfigured),
        (404, "not_found_error", Misconfigured),
        (409, "conflict_error", Retryable),
        (413, "request_too_large", Misconfigured),
        (429, "rate_limit_error", Retryable),
        (500, "api_error", UnknownOutcome),
        (529, "overloaded_error", UnknownOutcome),
    ],
)
async def test_creation_that_fails(lane, vendor, intent, refusal):
    status, kind, error = refusal
    vendor.says(status, anthropic_error(kind))
    with pytest.raises(error) as caught:
        await lane.submit(intent)
    assert type(caught.value) is error
    assert len(vendor.heads) == 1


async def test_success_without_an_id_may_have_created_a_batch(lane, vendor, intent):
    vendor.says(body={"type": "message_batch"})
    with pytest.raises(UnknownOutcome):
        await lane.submit(intent)


async def test_body_that_is_too_large_is_for_a_person(emulator, tmp_path):
    """It says nothing of the requests in it."""
    client.batches(emulator, limits={"anthropic": {"size_bytes": 100}})
    async with emulated_lane(ANTHROPIC, emulator) as lane:
        with pytest.raises(Misconfigured, match="size_bytes"):
            await lane.submit(make_intent(lane, ANTHROPIC, tmp_path))


# Standing


def test_nothing_is_counted_before_the_end():
    said = standing(BATCH)
    assert said == Standing(
        id="msgbatch_1",
        end=None,
        created_at=said.created_at,
        expires_at=said.expires_at,
        requests=5,
    )
    assert said.expires_at == datetime(2100, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("counts", "end"),
    [
        ({"succeeded": 5}, End.COMPLETED),
        ({"succeeded": 3, "errored": 2}, End.COMPLETED),
        ({"succeeded": 3, "expired": 2}, End.EXPIRED),
        ({"succeeded": 3, "canceled": 2}, End.CANCELLED),
    ],
)
def test_counts_tell_of_the_end(vendor, counts, end):
    said = standing(ended(vendor, **counts))
    assert (said.end, said.requests, said.answered) == (end, 5, counts["succeeded"])
    assert said.failed == 5 - counts["succeeded"]


def test_canceling_is_no_end():
    assert standing({**BATCH, "processing_status": "canceling"}).end is None


def test_results_without_an_address_have_one():
    assert standing({**BATCH, "processing_status": "ended"}).results == (
        "/v1/messages/batches/msgbatch_1/results",
    )


async def test_results_elsewhere_do_not_get_our_key(lane, vendor, tmp_path):
    said = standing({**ended(vendor), "results_url": "https://elsewhere.test/results"})
    with pytest.raises(BadAddress, match="another server"):
        await lane.collect(said, tmp_path / "results")
    assert list(tmp_path.iterdir()) == [tmp_path / "runs"]


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("invalid_request_error", LineEnd.REJECTED),
        ("request_too_large", LineEnd.REJECTED),
        ("api_error", LineEnd.UNSERVED),
        ("overloaded_error", LineEnd.UNSERVED),
        ("rate_limit_error", LineEnd.UNSERVED),
        ("billing_error", LineEnd.UNSERVED),
        ("something_new", LineEnd.UNSERVED),
    ],
)
def test_error_lines(lane, kind, end):
    result = {"type": "errored", "error": anthropic_error(kind)}
    line = lane.read_line(orjson.dumps({"custom_id": "a", "result": result}))
    assert (line.end, line.raw, line.message) == (end, None, "words for people")


@pytest.mark.parametrize("kind", ["canceled", "expired", "something_new"])
def test_unserved_lines(lane, kind):
    line = lane.read_line(orjson.dumps({"custom_id": "a", "result": {"type": kind}}))
    assert (line.end, line.raw) == (LineEnd.UNSERVED, None)
    assert line.message


# Finding


async def test_batch_at_work_may_be_the_one(lane, vendor, intent):
    vendor.says(body=listing(BATCH))
    assert await lane.find(intent, known=()) == (Found("msgbatch_1", proven=False),)


async def test_ids_of_its_results_prove_it(lane, vendor, intent):
    vendor.says(body=listing(BATCH, ended(vendor, "msgbatch_2")))
    vendor.says(body=results(f"{KEY[:8]}-000003"))
    assert await lane.find(intent, known=()) == (
        Found("msgbatch_2", proven=True),
        Found("msgbatch_1", proven=False),
    )


async def test_ids_of_others_rule_it_out(lane, vendor, intent):
    vendor.says(body=listing(ended(vendor))).says(body=results(f"{OTHER[:8]}-000000"))
    assert await lane.find(intent, known=()) == ()


async def test_strange_lines_at_the_beginning_do_not_rule_it_out(lane, vendor, intent):
    vendor.says(body=listing(ended(vendor)))
    vendor.says(body=b"<html>\n" + results("unknown-000001", f"{KEY[:8]}-000000"))
    assert await lane.find(intent, known=()) == (Found("msgbatch_1", proven=True),)


async def test_only_the_first_lines_are_read(lane, vendor, intent):
    vendor.says(body=listing(ended(vendor)))
    vendor.says(body=results(*[f"{OTHER[:8]}-{n:06}" for n in range(30)], f"{KEY[:8]}-000000"))
    assert await lane.find(intent, known=()) == ()


async def test_results_that_are_gone_prove_nothing(lane, vendor, intent):
    vendor.says(body=listing(ended(vendor))).says(404, anthropic_error("not_found_error"))
    assert await lane.find(intent, known=()) == (Found("msgbatch_1", proven=False),)


async def test_proof_that_cannot_be_had_now_is_asked_for_later(lane, vendor, intent):
    vendor.says(body=listing(ended(vendor))).says(529, anthropic_error("overloaded_error"))
    with pytest.raises(Retryable):
        await lane.find(intent, known=())


async def test_older_batches_are_not_looked_at(lane, vendor, intent):
    old = {**ended(vendor), "created_at": "2020-01-01T00:00:00Z"}
    vendor.says(body={**listing(old), "has_more": True})
    assert await lane.find(intent, known=()) == ()
    assert len(vendor.heads) == 1
