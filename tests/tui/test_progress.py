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
