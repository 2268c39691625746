"""Detours: units that are sent back go through the steps again, and the rest of the chunk waits."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs import Chunk, Counts, Detour, IllegalMove, Stage, StepSpec, Unaccounted
from runs.rounds import children_of, closed


def _steps(*names, **back):
    """Make steps of these names; `judge="write"` says that `judge` sends back to `write`."""
    return tuple(StepSpec(name, "chunk", None, None, back.get(name)) for name in names)


JUDGED = _steps("write", "polish", "judge", "rate", judge="write")


def _chunk(steps=JUDGED, units=10):
    first = steps[0].name
    return Chunk("chunk_000", units, first=first, step=first, due=units)


def _close(chunk, steps=JUDGED, *, lost=0, back=0):
    """Close the chunk's round: all that are not lost or sent back pass."""
    counts = Counts(
        entered=chunk.due,
        valid=chunk.due - lost - back,
        failed={"validation": lost} if lost else {},
        returned=back,
        attempts=chunk.due + lost,
    )
    return closed(chunk, chunk.step, counts, steps)


def _at(chunk):
    return chunk.step, chunk.round, chunk.due


def test_units_that_are_sent_back_come_again_alone_and_go_on_with_the_rest():
    """They are due at the earlier step and at all between; behind the judge everybody is."""
    chunk = _close(_close(_chunk()), lost=1)
    assert _at(chunk) == ("judge", 1, 9)
    chunk = _close(chunk, lost=1, back=3)
    assert _at(chunk) == ("write", 2, 3)
    assert chunk.detours == (Detour("judge", to="write", round=2, sent=1, passed=5),)
    chunk = _close(chunk, lost=1)
    assert _at(chunk) == ("polish", 2, 2)
    chunk = _close(_close(chunk))
    assert _at(chunk) == ("rate", 1, 7)
    assert chunk.alive == 7
    assert _close(chunk).stage is Stage.VALIDATED


def test_units_that_are_sent_back_again_replace_the_detour():
    """What passed meanwhile waits with the others, and the round is a new one."""
    chunk = _close(_close(_close(_chunk())), back=4)
    chunk = _close(_close(_close(chunk)), back=1)
    assert _at(chunk) == ("write", 3, 1)
    assert chunk.detours == (Detour("judge", to="write", round=3, sent=2, passed=9),)
    chunk = _close(_close(_close(chunk)))
    assert (_at(chunk), chunk.rounds) == (("rate", 1, 10), 3)


def test_counts_add_up_over_the_rounds():
    """A unit counts once a round; what came again and what was mended is told apart."""
    chunk = _close(_close(_close(_chunk())), lost=1, back=4)
    chunk = _close(_close(_close(chunk)), lost=2, back=1)
    chunk = _close(_close(_close(chunk)))
    judge = chunk.counts["judge"]
    assert (judge.entered, judge.again, judge.returned, judge.lost) == (15, 5, 5, 3)
    assert (judge.valid, judge.mended, judge.open) == (7, 2, 0)
    assert judge.retries == 3  # askings in a new round are no retries
    assert chunk.counts["polish"].entered - chunk.counts["polish"].again == 10


def test_a_detour_is_walked_to_its_end_when_nobody_is_left_in_it():
    """The steps between must forget what they knew of these units."""
    chunk = _close(_close(_close(_chunk())), back=2)
    chunk = _close(chunk, lost=2)
    assert _at(chunk) == ("polish", 2, 0)
    chunk = _close(_close(chunk))
    assert _at(chunk) == ("rate", 1, 8)


def test_a_chunk_whose_last_units_are_lost_in_a_detour_has_failed():
    """But only when the detour is over."""
    chunk = _close(_close(_close(_chunk())), lost=8, back=2)
    chunk = _close(_close(chunk, lost=2))
    assert _at(chunk) == ("judge", 2, 0)
    chunk = _close(chunk)
    assert (chunk.stage, chunk.step, chunk.due, chunk.alive) == (Stage.FAILED, None, 0, 0)


def test_the_last_step_may_send_back():
    """The chunk is at its end when nothing is returned, with what passed in any round."""
    steps = JUDGED[:3]
    chunk = _close(_close(_close(_chunk())), steps, back=2)
    chunk = _close(_close(chunk, lost=1))
    assert _at(chunk) == ("judge", 2, 1)
    chunk = _close(chunk, steps, lost=1)
    assert (chunk.stage, chunk.alive, chunk.detours) == (Stage.VALIDATED, 8, ())


NESTED = _steps("a", "b", "c", "d", c="b", d="a")


def test_detours_nest():
    """Within the detour of a later step an earlier one may send back; rounds are unique."""
    chunk = _chunk(NESTED)
    for back in (0, 0, 4, 0, 0, 5):  # c sends four back to b, d five back to a
        chunk = _close(chunk, NESTED, back=back)
    assert _at(chunk) == ("a", 3, 5)
    for back in (0, 0, 2):
        chunk = _close(chunk, NESTED, back=back)
    assert _at(chunk) == ("b", 4, 2)
    assert [(d.step, d.sent, d.passed) for d in chunk.detours] == [("d", 1, 5), ("c", 3, 3)]
    chunk = _close(_close(chunk, NESTED), NESTED)
    assert _at(chunk) == ("d", 3, 5)  # the round is again that of the detour around it
    assert _close(chunk, NESTED).stage is Stage.VALIDATED


def test_detours_cross():
    """An inner one may begin before the outer: its units are a part of the outer's."""
    steps = _steps("a", "b", "c", "d", c="a", d="b")
    chunk = _chunk(steps)
    for back in (0, 0, 0, 6, 0, 2):
        chunk = _close(chunk, steps, back=back)
    assert _at(chunk) == ("a", 3, 2)
    for _ in "abc":
        chunk = _close(chunk, steps)
    assert _at(chunk) == ("d", 2, 6)
    assert _close(chunk, steps).alive == 10


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=60))
def test_a_chunk_closes_no_step_twice_in_a_round(walk):
    """So a step and a round say which closing is meant, in hints and in files."""
    steps = _steps("a", "b", "c", "d", "e", b="a", c="a", d="b", e="c")
    chunk, last = _chunk(steps), dict[str, int]()
    for failing, returning in walk:
        if chunk.step is None:
            break
        # Rounds at a step rise, so that older records are those of lower rounds.
        assert last.get(chunk.step, 0) < chunk.round
        last[chunk.step] = chunk.round
        lost = min(failing, chunk.due)
        back = min(returning, chunk.due - lost) if chunk.step != "a" else 0
        chunk = _close(chunk, steps, lost=lost, back=back)


def test_only_a_step_that_says_where_sends_back():
    """And not past the beginning of the chunk's way."""
    with pytest.raises(IllegalMove, match="from 'write' back to None"):
        _close(_chunk(), back=1)
    child = replace(_chunk(), first="polish", step="judge")
    with pytest.raises(IllegalMove, match="from 'judge' back to 'write'"):
        _close(child, back=1)


def test_only_the_units_that_are_due_are_closed():
    """Not those that wait for them."""
    chunk = _close(_close(_close(_chunk())), back=3)
    with pytest.raises(Unaccounted, match="but 3 units had entered"):
        closed(chunk, "write", Counts(entered=10, valid=10), JUDGED)


FANNED = (
    StepSpec("write", "chunk", None, None),
    StepSpec("scenes", "fan_out", None, None),
    *_steps("draw", "judge", judge="draw"),
)


def test_a_fan_out_ends_a_chunk_and_begins_others_behind_it():
    """They are the parent's children by name, and begin at the step behind the fan-out."""
    chunk = _close(_chunk(FANNED), FANNED)
    one, two = children_of(chunk, [10, 3], FANNED)
    assert (one.name, one.items, one.first, _at(one)) == (
        "chunk_000_000", 10, "draw", ("draw", 1, 10)
    )  # fmt: skip
    assert (two.name, two.due) == ("chunk_000_001", 3)
    chunk = _close(chunk, FANNED, lost=1)
    assert (chunk.stage, chunk.step, chunk.units, chunk.valid) == (Stage.FANNED_OUT, None, 1, 0)


def test_a_fan_out_that_nobody_passes_is_a_failure():
    """Empty lists are none: the chunk is fanned out into nothing."""
    chunk = _close(_chunk(FANNED), FANNED)
    assert _close(chunk, FANNED, lost=10).stage is Stage.FAILED
    assert children_of(chunk, [], FANNED) == []


@pytest.mark.parametrize("step", ["write", "judge"])
def test_only_a_fan_out_has_children(step):
    with pytest.raises(IllegalMove, match=f"fanned out at '{step}'"):
        children_of(replace(_chunk(FANNED), step=step), [1], FANNED)


def test_a_chunk_is_not_fanned_out_while_units_of_it_are_sent_back():
    """The judge stands behind a fan-out here: no checked pipeline is like that."""
    detour = Detour("judge", to="write", round=2, sent=1, passed=1)
    chunk = replace(_close(_chunk(FANNED), FANNED), detours=(detour,))
    with pytest.raises(IllegalMove, match="while units of it are sent back"):
        _close(chunk, FANNED)
