"""Lists of batches, clocks that differ, and values that are none."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import anthropic_batches, gemini_batches, openai_batches
from providers.batch_fields import count, moment
from providers.batch_register import SKEW, earliest

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("at", "theirs", "now", "expected"),
    [
        (NOON, NOON, NOON, NOON),
        (NOON, None, NOON + HOUR, NOON),
        # A day later.
        (NOON, NOON + 24 * HOUR, NOON + 24 * HOUR, NOON),
        # Our clock is an hour ahead, and was when it told the time.
        (NOON, NOON + 2 * HOUR, NOON + 3 * HOUR, NOON - HOUR),
        # It is behind: looking back further than needed harms nobody.
        (NOON, NOON + 2 * HOUR, NOON + HOUR, NOON),
        # It was ahead, and has been set right since.
        (NOON + HOUR, NOON, NOON, NOON),
    ],
)
def test_window_begins_before_the_batch_whatever_our_clock_says(at, theirs, now, expected):
    assert earliest(at, theirs=theirs, now=now) == expected - SKEW


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1795348800, NOON),
        ("2026-11-22T12:00:00Z", NOON),
        ("2026-11-22T12:00:00.123456789Z", NOON + timedelta(microseconds=123456)),
        ("2026-11-22T13:00:00+01:00", NOON),
        ("2026-11-22T12:00:00", NOON),
        (None, None),
        (True, None),
        ("", None),
        ("soon", None),
        (1e300, None),
        (float("nan"), None),
    ],
)
def test_moment(value, expected):
    assert moment(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        ("5", 5),
        (0, 0),
        *((one, None) for one in (True, "", "-1", "five", None, 1.5, "٣", "9" * 30)),
    ],
)
def test_count(value, expected):
    assert count(value) == expected


NAMES = st.sampled_from(
    [
        *("id", "name", "created_at", "createTime", "status", "metadata", "request_counts"),
        *("total", "errors", "data", "line", "state", "output", "response", "error", "code"),
        "done",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_batch_is_read_whatever_it_is(body):
    told = {**body, "id": "b", "name": "batches/b", "created_at": 1795359611}
    for read in (openai_batches, anthropic_batches, gemini_batches):
        read.standing(body)
        read.standing(told)
    gemini_batches.standing({**told, "metadata": {**body, "createTime": "2026-11-22T12:00:00Z"}})
