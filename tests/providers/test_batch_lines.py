"""Lines of batches: requests written, results read, whatever is in them."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.answers import parse
from providers.batches import Line, LineEnd
from providers.connect import codec
from providers.http import Connection
from tests.providers.contracts import CONTRACTS

ID = "3f9a1c2b-000017"


class Named(Connection):
    """A connection of which only the name is asked for."""

    def __init__(self, name):
        self.name = name


LANES = {contract.name: contract.adapter.batches(Named(contract.name)) for contract in CONTRACTS}
REPLIES = {contract.name: dict(contract.reply) for contract in CONTRACTS}


@pytest.fixture
def lane(contract):
    return LANES[contract.name]


def answer(name, body, status=200):
    """Return a result line with a model's answer in it."""
    if name == "openai":
        return {"custom_id": ID, "response": {"status_code": status, "body": body}, "error": None}
    if name == "anthropic":
        return {"custom_id": ID, "result": {"type": "succeeded", "message": body}}
    return {"key": ID, "response": body}


def read(name, line):
    return LANES[name].read_line(line if isinstance(line, bytes) else orjson.dumps(line))


@pytest.mark.parametrize("wire", [b"{}", b'{"a":[1,"\\ud800",12345678901234567890123]}'])
def test_request_line_holds_the_request_as_it_is(lane, contract, wire):
    line = lane.request_line(ID, wire)
    name = {"openai": "body", "anthropic": "params", "gemini": "request"}[contract.name]
    assert line.endswith(b'"%b":%b}' % (name.encode(), wire))
    assert json.loads(line)[name] == json.loads(wire)
    assert json.loads(line).get("custom_id", json.loads(line).get("key")) == ID


def test_answer_is_as_it_would_be_in_realtime(contract):
    line = read(contract.name, answer(contract.name, dict(contract.reply)))
    assert (line.custom_id, line.end, line.status, line.message) == (
        ID,
        LineEnd.ANSWERED,
        200,
        None,
    )
    assert codec(contract.name).from_wire(parse(line.raw or b"") or {}) == contract.read


def test_byte_order_mark_is_no_part_of_a_line(contract):
    line = b"\xef\xbb\xbf" + orjson.dumps(answer(contract.name, dict(contract.reply))) + b"\r\n"
    assert read(contract.name, line).end is LineEnd.ANSWERED


@pytest.mark.parametrize(
    "value",
    ["\ud800 half", 12345678901234567890123, -(2**63) - 1, 1.5, {"a": [None, True]}],
    ids=["half a pair", "long", "long and negative", "float", "nested"],
)
def test_what_json_can_hold_comes_through(contract, value):
    body = {**contract.reply, "more": value}
    line = read(contract.name, json.dumps(answer(contract.name, body)).encode())
    assert json.loads(line.raw or b"") == body


def test_deep_answer_comes_through(contract):
    deep = json.loads("[" * 400 + "]" * 400)
    body = {**contract.reply, "more": deep}
    line = read(contract.name, json.dumps(answer(contract.name, body)).encode())
    assert json.loads(line.raw or b"") == body


def test_success_without_an_answer_may_be_asked_again(contract):
    for body in ({}, [], None, "text"):
        if contract.name == "gemini" and body is None:
            continue
        line = read(contract.name, answer(contract.name, body))
        assert (line.end, line.raw) == (LineEnd.UNSERVED, None)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" \n",
        b"[]",
        b"1",
        b"null",
        b"{}",
        b"\xff",
        b"\xef\xbb\xbf",
        b"<html>",
        b"[" * 5000,
        b'{"a":' + b"9" * 5000,
        b'{"custom_id": "a',
        b'{"custom_id":1,"key":1}',
        b'{"custom_id":"","key":""}',
        b'{"custom_id":"a","key":"a"}',
        b'{"custom_id":"a","key":"a","response":null,"error":null}',
        b'{"custom_id":"a","key":"a","result":[]}',
        b'{"custom_id":"a","key":"a","result":{"type":1}}',
    ],
)
def test_line_that_is_none_is_a_value_error(lane, line):
    with pytest.raises(ValueError, match="the line"):
        lane.read_line(line)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        *("custom_id", "key", "response", "result", "error", "body", "status_code", "type"),
        *("message", "code", "choices", "candidates", "details", "status", "error_code"),
    ]
)
SHAPED = st.recursive(
    JSON | st.sampled_from([200, 400, 429, 500, "succeeded", "errored", "expired", ID]),
    lambda inner: st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)


@given(SHAPED, st.sampled_from(list(LANES)))
def test_no_value_raises_anything_else(value, name):
    check(name, json.dumps(value).encode())
    if isinstance(value, dict):
        check(name, json.dumps({**value, "custom_id": ID, "key": ID}).encode())


@given(st.binary(max_size=100), st.sampled_from(list(LANES)))
def test_no_bytes_raise_anything_else(line, name):
    check(name, line)


@given(JSON, st.sampled_from(list(LANES)))
def test_answer_is_kept_whatever_it_holds(value, name):
    body = {**REPLIES[name], "more": value}
    line = read(name, json.dumps(answer(name, body)).encode())
    assert line.end is LineEnd.ANSWERED
    assert parse(line.raw or b"") is not None


def check(name, line):
    try:
        said = LANES[name].read_line(line)
    except ValueError:
        return
    assert isinstance(said, Line)
    assert (said.raw is not None) == (said.end is LineEnd.ANSWERED)
    assert (said.message is None) == (said.end is LineEnd.ANSWERED)
    (said.message or "").encode()
