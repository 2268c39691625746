"""Reading headers and bodies of anybody's answers."""

from datetime import UTC, datetime

import pytest

from providers.answers import parse, retry_after

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 18:01:30 GMT"}, 90.0),
        ({"retry-after": "Sun, 22 Nov 2026 18:01:30 -0000"}, 90.0),
        ({"retry-after": "Sun, 22 Nov 2026 17:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "120", "retry-after": "7"}, 0.12),
        ({"retry-after-ms": "many", "retry-after": "7"}, 7.0),
    ],
)
def test_wait_is_read_in_all_its_forms(headers, seconds):
    assert retry_after(headers, now=NOW) == seconds


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (rb'{"a": "\ud83d"}', {"a": "\ud83d"}),
        (b"[1]", None),
        (b"", None),
        (b"<html>", None),
        (b"\xff\xfe", None),
        (b'{"a":' * 100_000, None),
    ],
)
def test_only_a_json_object_is_read(body, value):
    assert parse(body) == value
