"""Steps as they flow: what stands in a box, and in a row."""

from datetime import timedelta
from typing import Any

import pytest

from runs import Counts
from tests.tui.moods import step
from tests.tui.shown import NOW
from tui.flow import StepRows, boxes

OUT: dict[str, Any] = {
    "processing": 40,
    "pending": 225,
    "since": NOW - timedelta(minutes=5),
    "counts": Counts(entered=35, valid=35, attempts=35),
}


def drawn(*steps, width: int = 100) -> list[str]:
    return ["".join(part.text for part in line) for line in boxes(steps, width, None, NOW)]


def test_a_step_in_batches_says_since_when():
    """On a line of its own, where nothing else has to be said there."""
    shown = "\n".join(drawn(step("write", **OUT)))
    assert "40 processing / 225 pending" in shown
    assert "in batches for 5 min" in shown
    again = "\n".join(drawn(step("write", **{**OUT, "pending": 0, "retrying": 3})))
    assert "3 again" in again
    assert "40 processing, 5 min" in again


def test_a_step_in_batches_says_so_in_a_row():
    rows = StepRows((step("write", **OUT),), NOW, lambda: 16)
    said = ["".join(part.text for part in cell) for cell in rows.cells(0)]
    assert "40 processing / 225 pending, 5 min" in said


@pytest.mark.parametrize("width", [30, 60, 100])
def test_a_box_names_the_model_and_is_as_wide_as_the_others(width):
    troubled = step("write", retrying=7, in_flight=2)
    lines = drawn(troubled, width=width)
    assert "claude-haiku" in "\n".join(lines)
    assert len({len(line) for line in lines}) == 1


def test_where_boxes_do_not_fit_there_are_none():
    assert drawn(*(step(f"step{n}") for n in range(9)), width=100) == []
