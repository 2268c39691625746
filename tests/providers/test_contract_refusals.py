"""What every vendor's refusals mean, and successes that are none."""

import json
import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.channel import Received
from providers.errors import Misconfigured, RequestRejected, Retryable, UnknownOutcome
from providers.http import failure
from tests.providers.asking import SDK_WARNINGS, failing
from tests.providers.contracts import CONTRACTS

pytestmark = SDK_WARNINGS

WORDS = st.sampled_from(("error", "details", "type", "code", "status", "reason", "violations"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(WORDS | st.text(), parts),
    max_leaves=8,
)
REFUSALS = [
    pytest.param(contract, refusal, id=f"{contract.name}-{refusal.status}-{number}")
    for contract in CONTRACTS
    for number, refusal in enumerate(contract.refusals)
]


@pytest.mark.parametrize(("contract", "refusal"), REFUSALS)
async def test_refusals_are_told_by_status_type_and_code(contract, refusal, vendor):
    """Each refusal becomes what the caller can do about it, in one line, after one request."""
    vendor.says(refusal.status, refusal.body, location=f"{vendor.url}/elsewhere")
    error = await failing(contract, vendor)
    assert type(error) is refusal.error
    assert str(refusal.status) in str(error) or refusal.error is RequestRejected
    assert "\n" not in str(error)
    assert len(vendor.heads) == 1
    if isinstance(error, Retryable):
        assert error.status == refusal.status


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": "text"}', b'{"detail": 1}', b"[1]"])
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (302, Misconfigured),
        (400, RequestRejected),
        (401, Misconfigured),
        (429, Retryable),
        (502, Retryable),
    ],
)
async def test_refusal_in_any_shape_is_classified(contract, vendor, body, status, expected):
    """By its status alone: proxies answer as they like."""
    assert type(await failing(contract, vendor.says(status, body))) is expected


@given(JSON, st.integers(300, 599), st.text(), st.data())
def test_refusal_of_whatever_kind_is_an_error_that_is_known(body, status, text, data):
    """No shape of body, and no header, is too odd to be told what to do about it."""
    contract = data.draw(st.sampled_from(CONTRACTS))
    dialect = import_module(f"providers.{contract.name}").DIALECT
    names = (*contract.rates, "retry-after", "retry-after-ms")
    headers: dict[str, str] = {name: text for name in names}  # noqa: C420  typed by its values
    error = failure("v", dialect, Received(status, headers, json.dumps(body).encode()))
    assert isinstance(error, (Misconfigured, RequestRejected, Retryable))
    assert pickle.loads(pickle.dumps(error)).args == error.args


async def test_rejection_keeps_what_the_vendor_said(contract, vendor):
    refusal = contract.rejection
    error = await failing(contract, vendor.says(refusal.status, refusal.body))
    assert isinstance(error, RequestRejected)
    assert (error.status, error.code) == (refusal.status, contract.rejected)
    assert str(error) == "words for people"
    assert json.loads(error.body) == refusal.body


WAITS = {
    "seconds": ("20", 20.0),
    "part of a second": ("0.5", 0.5),
    "past date": ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    "no number": ("soon", None),
    "nothing": ("", None),
    "negative": ("-5", 0.0),
    "no finite number": ("inf", None),
    "absurd number": ("9" * 400, None),
    "absurd date": ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
}


@pytest.mark.parametrize(("text", "seconds"), WAITS.values(), ids=WAITS)
async def test_wait_that_the_vendor_asks_for_is_carried(contract, vendor, text, seconds):
    error = await failing(contract, vendor.says(429, contract.busy, retry_after=text))
    assert isinstance(error, Retryable)
    assert error.retry_after == seconds


async def test_wait_until_a_date_is_counted_from_now(contract, vendor):
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    error = await failing(contract, vendor.says(503, {}, retry_after=then))
    assert isinstance(error, Retryable)
    assert error.retry_after == pytest.approx(100, abs=30)


async def test_wait_that_nobody_asks_for_is_unknown(contract, vendor):
    error = await failing(contract, vendor.says(429, contract.busy))
    assert isinstance(error, Retryable)
    assert error.retry_after is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"{}", b'{"error": {}}', b"\xff"])
async def test_garbled_success_is_an_unknown_outcome(contract, vendor, body):
    """A proxy's page or a cut body says nothing of what the vendor did."""
    assert type(await failing(contract, vendor.says(body=body))) is UnknownOutcome


async def test_success_without_a_models_answer_is_an_unknown_outcome(contract, vendor):
    for body in contract.no_replies:
        vendor.script.clear()
        assert type(await failing(contract, vendor.says(body=body))) is UnknownOutcome
