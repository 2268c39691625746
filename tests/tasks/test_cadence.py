"""How often batches are looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cadence import FIRST_SECONDS, SLOWEST_SECONDS, patience

HOUR = 3600.0


@pytest.mark.parametrize(
    ("age", "seconds"), [(0, FIRST_SECONDS), (60, 6), (600, 60), (24 * HOUR, SLOWEST_SECONDS)]
)
def test_without_knowledge_the_age_counts(age, seconds):
    """Soon at first, then slower, and never slower than every five minutes."""
    assert patience(age, None) == seconds


@pytest.mark.parametrize(
    ("age", "seconds"), [(0, SLOWEST_SECONDS), (500, 80), (595, 30), (900, 30)]
)
def test_before_its_usual_time_a_batch_is_left_alone(age, seconds):
    """And then it is looked at often."""
    assert patience(age, 600) == seconds


@given(st.floats(0, 1e6), st.none() | st.floats(0, 1e6))
def test_a_look_is_never_far_off_nor_a_storm(age, usual):
    assert FIRST_SECONDS <= patience(age, usual) <= SLOWEST_SECONDS
