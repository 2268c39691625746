"""What is remembered of first replies, however many there are."""

import tracemalloc

from pipelines import Error
from tasks.first_wave import FirstWave
from tasks.policy import FailureClass
from tasks.work import Due, Failed

MANY = 20_000


def test_memory_does_not_grow_with_the_replies_that_fail():
    """A run of a million units goes on to its end if it may; one example of each rule is told."""
    wave, due = FirstWave(0.0), Due({"unit_id": "a"})
    tracemalloc.start()
    for number in range(MANY):
        error = Error("$.grade", "liked", f"graded {number}")
        wave.note("judge", "chunk_000", due, 1, Failed(FailureClass.VALIDATION, (error,), None))
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < MANY
    wave.least = 0.5
    assert wave.trouble("judge") == (
        "0 of the first 20000 replies of judge pass, at least 50% should: 20000 x liked; "
        "for example: graded 0"
    )
