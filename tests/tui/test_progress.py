"""How long a run still takes, and when nobody can tell."""

from datetime import timedelta
from typing import Any

import pytest

from runs import Liveness
from runs.lock import Holder
from tests.tui.shown import NOW, row
from tui.progress import Progress

MADE = NOW - timedelta(minutes=10)
HOLDER = Holder(1, "here", MADE, 0.0)


def left(**more: Any):
    known: dict[str, Any] = {"lane": "realtime", "progress": 0.5, **more}
    told = row("Run_1", created=MADE, **known)
    return Progress().left(told, HOLDER, NOW)


def test_what_took_half_the_way_takes_it_again():
    assert left() == timedelta(minutes=10)


@pytest.mark.parametrize(
    "more",
    [
        {"lane": "batch"},
        {"liveness": Liveness.PAUSED},
        {"progress": 0.001},
        {"progress": 1.0},
    ],
)
def test_nothing_is_said_that_nobody_knows(more):
    assert left(**more) is None


def after(spans) -> timedelta | None:
    """Return what is left after a run has come so far in so many seconds, one after the other."""
    progress, at, done, told = Progress(), MADE, 0.0, None
    for seconds, to in spans:
        for second in range(5, seconds + 1, 5):
            now = done + (to - done) * second / seconds
            made = row("Run_1", created=MADE, lane="realtime", progress=now)
            told = progress.left(made, HOLDER, at + timedelta(seconds=second))
        at, done = at + timedelta(seconds=seconds), to
    assert len(progress._seen) < 110
    return told


def test_at_the_end_the_pace_of_the_end_counts():
    """By the whole way, what is left would be told as some seconds for many minutes."""
    told = after([(60, 0.9), (120, 0.92)])
    assert told is not None
    assert timedelta(minutes=4) < told < timedelta(minutes=10)
    assert after([(60, 0.9), (120, 0.92), (300, 0.92)]) is None  # nobody knows


def test_an_even_pace_is_told_as_it_is():
    """However long it goes on, with some moments remembered."""
    assert after([(9 * 3600, 0.9)]) == timedelta(hours=1)
    assert after([(60, 0.1), (480, 0.9)]) == timedelta(minutes=1)
