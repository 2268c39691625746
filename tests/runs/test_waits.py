"""What a run waits for, told in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runs import Batch, Batches, BatchState, Parcel
from runs.times import lasting
from runs.waits import Wait, usual_seconds, waits

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (59.7, "1 min"),
        (720, "12 min"),
        (3599, "1 h"),
        (5400, "1 h 30 min"),
        (86_400, "1 d"),
        (95_000, "1 d 2 h"),
    ],
)
def test_a_span_is_said(span, words):
    assert lasting(span) == words


def batch(key: str, *, age: float, provider: str = "openai", took: float | None = None) -> Batch:
    """Return a batch that was handed in `age` seconds before noon, and has ended if it `took`."""
    at = NOON - timedelta(seconds=age)
    open_batch = Batch(
        key=key * 64,
        step="write",
        provider=provider,
        model="m",
        parcels=(Parcel("chunk_000", 10, 1),),
        requests=10,
        size_bytes=1,
        sha256="",
        intended_at=at,
        state=BatchState.SUBMITTED,
        submitted_at=at,
    )
    if took is None:
        return open_batch
    ended = at + timedelta(seconds=took)
    return replace(open_batch, state=BatchState.COLLECTED, ended_at=ended)


def test_batches_are_told_by_provider_with_the_age_of_the_oldest():
    open_ones = [batch("a", age=60), batch("b", age=2460), batch("c", age=5, provider="gemini")]
    told = waits(Batches(open_ones), NOON)
    assert [str(wait) for wait in told] == ["2 batches at openai, 41 min", "1 batch at gemini, 5 s"]


def test_what_is_usual_is_learned_from_those_that_have_ended():
    """The median, by provider; the last to come is the youngest."""
    over = [
        batch(key, age=9000, took=took) for key, took in zip("abc", (60, 720, 9000), strict=True)
    ]
    batches = Batches([*over, batch("d", age=300), batch("e", age=120)])
    assert usual_seconds(batches) == {"openai": 720}
    (wait,) = waits(batches, NOON)
    assert wait == Wait("openai", batches=2, requests=20, age=300, usual=720, left=600)
    assert str(wait) == "2 batches at openai, 5 min (usual 12 min), about 10 min to go"


def test_nothing_is_promised_once_the_usual_time_is_over():
    batches = Batches([batch("a", age=9000, took=60), batch("b", age=61)])
    assert str(waits(batches, NOON)[0]) == "1 batch at openai, 1 min (usual 1 min)"


def test_a_clock_that_was_put_back_makes_no_negative_age():
    assert str(waits(Batches([batch("a", age=-3600)]), NOON)[0]) == "1 batch at openai, 0 s"
