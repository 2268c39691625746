"""Spans of time, as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.durations import seconds


@pytest.mark.parametrize(
    ("said", "span"),
    [
        (90, 90),
        ("90", 90),
        ("1.5", 1.5),
        ("30m", 1800),
        ("1h30m45s", 5445),
        ("1h 30m", 5400),
        ("2D", 172_800),
        ("0.5h", 1800),
    ],
)
def test_a_span_is_read(said, span):
    assert seconds(said) == span


@pytest.mark.parametrize("said", ["", "0", 0, -1, "-5m", "5x", "m", "5m1h", "inf", "nan", "1h!"])
def test_what_is_none_is_refused_with_examples(said):
    with pytest.raises(ValueError, match="not a span of time such as"):
        seconds(said)


@given(st.integers(1, 100), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(days, hours, minutes, rest):
    """In the order of days, hours, minutes and seconds."""
    span = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    assert seconds(f"{days}d{hours}h{minutes}m{rest}s") == span
