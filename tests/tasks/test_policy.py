"""The retry policy as a table."""

import pytest

from tasks.policy import TREATMENTS, Again, Back, FailureClass, Final, treatment

WITH_FEEDBACK = Again(feedback=True, more_tokens=False)
AFRESH = Again(feedback=False, more_tokens=False)
LONGER = Again(feedback=False, more_tokens=True)


@pytest.mark.parametrize(
    ("failure", "attempt", "follows"),
    [
        (FailureClass.SCHEMA_VALIDATION, 1, WITH_FEEDBACK),
        (FailureClass.SCHEMA_VALIDATION, 5, WITH_FEEDBACK),
        (FailureClass.SCHEMA_VALIDATION, 6, Final()),
        (FailureClass.VALIDATION, 1, WITH_FEEDBACK),
        (FailureClass.VALIDATION, 6, Final()),
        (FailureClass.TRUNCATED, 1, LONGER),
        (FailureClass.TRUNCATED, 6, Final()),
        (FailureClass.REFUSED, 1, AFRESH),
        (FailureClass.REFUSED, 2, Final()),
        (FailureClass.REJECTED, 1, Final()),
        (FailureClass.TRANSPORT, 1, Final()),
        (FailureClass.TEMPLATE, 1, Final()),
        (FailureClass.EXPRESSION, 1, Final()),
    ],
)
def test_what_follows_a_failed_attempt(failure, attempt, follows):
    """A failed answer is asked again while that can help, five times at most here."""
    assert treatment(failure, attempt, max_retries=5) == follows


def test_every_class_of_failure_has_its_treatment():
    assert set(TREATMENTS) == set(FailureClass)


@pytest.mark.parametrize("failure", FailureClass)
def test_without_retries_every_failure_is_final(failure):
    """max_retries: 0 asks each unit once."""
    assert treatment(failure, 1, max_retries=0) == Final()


@pytest.mark.parametrize(
    ("failure", "left", "follows"),
    [
        (FailureClass.VALIDATION, 1, Back()),
        (FailureClass.VALIDATION, 0, Final()),
        (FailureClass.EXPRESSION, 1, Back()),
        (FailureClass.EXPRESSION, 0, Final()),
        (FailureClass.SCHEMA_VALIDATION, 1, WITH_FEEDBACK),
        (FailureClass.TRUNCATED, 1, LONGER),
        (FailureClass.REFUSED, 1, AFRESH),
        (FailureClass.TEMPLATE, 1, Final()),
    ],
)
def test_what_follows_at_a_step_that_sends_back(failure, left, follows):
    """What is wrong with the unit goes back; what is wrong with the step's own answer does not."""
    assert treatment(failure, 1, max_retries=5, returns_left=left) == follows
