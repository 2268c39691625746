"""How often batches are looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cadence import FIRST_SECONDS, SLOWEST_SECONDS, Cadence

HOUR = 3600.0


@pytest.mark.parametrize(
    ("age", "seconds"), [(0, FIRST_SECONDS), (60, 6), (600, 60), (24 * HOUR, SLOWEST_SECONDS)]
)
def test_without_knowledge_the_age_counts(age, seconds):
    """Soon at first, then slower, and never slower than every five minutes."""
    assert Cadence().next_look([age]) == seconds


def test_the_youngest_batch_decides():
    assert Cadence().next_look([24 * HOUR, 0]) == FIRST_SECONDS


def test_before_its_usual_time_a_batch_is_left_alone():
    """And then it is looked at often."""
    cadence = Cadence()
    for seconds in (500, 600, 700):
        cadence.ended(seconds)
    assert cadence.usual_seconds == 600
    assert cadence.next_look([0]) == SLOWEST_SECONDS
    assert cadence.next_look([500]) == 80
    assert cadence.next_look([595]) == 30
    assert cadence.next_look([900]) == 30


def test_one_odd_batch_does_not_count_much():
    cadence = Cadence()
    for seconds in (60, 60, 60, 20 * HOUR):
        cadence.ended(seconds)
    assert cadence.usual_seconds == 60


def test_who_says_how_often_is_heeded():
    assert Cadence(fixed_seconds=0.5).next_look([24 * HOUR]) == 0.5


@given(st.lists(st.floats(0, 1e6)), st.lists(st.floats(0, 1e6)))
def test_a_look_is_never_far_off_nor_a_storm(took, ages):
    cadence = Cadence()
    for seconds in took:
        cadence.ended(seconds)
    assert FIRST_SECONDS <= cadence.next_look(ages) <= SLOWEST_SECONDS
