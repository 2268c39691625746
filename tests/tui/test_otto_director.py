"""What Otto does, by what is known of a run and what has happened to it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import Liveness
from tests.tui.moods import MOVED, NAMES, detail, moods
from tests.tui.shown import NOW
from tui.diff import BatchEnded, ChunkMoved, Outcome, Retried, RunEnded, UnitsFailed
from tui.otto.director import (
    ARMS,
    FRESH,
    LIVELY,
    PARTY,
    PASS,
    Kind,
    Mood,
    arm_of,
    colour_of,
    direct,
)

SECOND = timedelta(seconds=1)


def test_the_first_mood_that_fits():
    for mood, (run, events) in moods().items():
        assert direct(None, run, events, NOW).mood is mood
    assert set(moods()) == set(Mood)


@pytest.mark.parametrize(
    ("liveness", "mood"),
    [
        (Liveness.FAILED, Mood.HURT),
        (Liveness.DETACHED, Mood.HURT),
        (Liveness.STUCK, Mood.HURT),
        (Liveness.PENDING, Mood.ASLEEP),
        (Liveness.PAUSED, Mood.ASLEEP),
        (Liveness.CANCELLED, Mood.ASLEEP),
        (Liveness.DEFERRED, Mood.WAIT),
    ],
)
def test_what_does_not_go_on_comes_before_what_moves(liveness, mood):
    """Even if something has just moved; what is about to be woken does go on."""
    events = () if mood is Mood.WAIT else (MOVED,)
    assert direct(None, detail(liveness), events, NOW).mood is mood


def test_a_run_that_is_about_to_stop_is_waited_for():
    scene = direct(None, detail(reason="interrupted"), (MOVED,), NOW)
    assert scene.mood is Mood.WAIT


def test_the_party_is_over_after_a_while_and_he_is_content():
    run, events = moods()[Mood.PARTY]
    scene = direct(None, run, events, NOW)
    assert scene.flag
    assert scene.until == NOW + PARTY
    later = direct(scene, run, (), NOW + PARTY)
    assert later.mood is Mood.CONTENT
    assert later.flag
    assert later.until is None


def test_who_ends_is_somebody_else():
    run = moods()[Mood.CONTENT][0]
    other = RunEnded(run.row.dir.with_name("other"), Liveness.COMPLETE)
    assert direct(None, run, (other,), NOW).mood is Mood.CONTENT


def test_what_happened_is_told_for_ten_seconds():
    run = detail()
    scene = direct(None, run, (MOVED,), NOW)
    assert scene.line == "score → verify ×12"  # noqa: RUF001
    arrived = direct(scene, run, (), NOW + PASS)
    assert arrived.until == NOW + FRESH
    assert arrived.mood is Mood.BUSY
    rests = direct(arrived, run, (), NOW + FRESH)
    assert rests.mood is Mood.IDLE
    assert rests.line == "Otto is orchestrating…"
    assert rests.until is None


def test_one_parcel_from_arm_to_arm_however_many_units_pass():
    run = detail()
    scene = direct(None, run, [replace(MOVED, chunk=f"c{n}") for n in range(50)], NOW)
    assert [(p.start, p.end, p.kind) for p in scene.parcels] == [(2, 4, Kind.PASSED)]
    scene = direct(scene, run, (MOVED,), NOW + SECOND)
    assert len(scene.parcels) == 1
    assert direct(scene, run, (), NOW + PASS).parcels == ()
    assert direct(None, run, [MOVED] * 3, NOW).line == "score → verify ×36"  # noqa: RUF001


def test_what_is_sent_back_comes_back():
    back = ChunkMoved("c", "verify", "generate", 3, Outcome.RETURNED)
    (parcel,) = direct(None, detail(), (back,), NOW).parcels
    assert (parcel.start, parcel.end) == (4, 0)


def test_what_is_asked_again_stays_with_its_arm_and_what_fails_falls():
    scene = direct(None, detail(), (Retried("score", 2), UnitsFailed("score", 1, None)), NOW)
    assert [(p.start, p.end, p.kind) for p in scene.parcels] == [
        (2, 2, Kind.PASSED),
        (2, 2, Kind.FAILED),
    ]


def test_all_arms_wave_a_chunk_through_at_its_end():
    end = ChunkMoved("c", "export", None, 28, Outcome.PASSED)
    scene = direct(None, detail(), (end,), NOW)
    assert scene.parcels[0].kind is Kind.SWEEP
    assert scene.line == "28 units through all steps."


def test_events_of_steps_that_are_not_there_move_nothing():
    events = (replace(MOVED, step="gone"), Retried("gone", 1), UnitsFailed("gone", 1, None))
    assert direct(None, detail(), events, NOW).parcels == ()
    assert direct(None, detail(), (BatchEnded("score", "openai", 3),), NOW).parcels == ()


@given(st.integers(1, 40))
def test_steps_share_arms_in_their_order(steps):
    arms = [arm_of(place, steps) for place in range(steps)]
    assert arms == sorted(arms)
    assert 0 <= min(arms) <= max(arms) < ARMS
    if 1 < steps <= ARMS:
        assert len(set(arms)) == steps
        assert (arms[0], arms[-1]) == (0, ARMS - 1)


def test_he_looks_after_the_parcel_or_at_the_step_that_gives_trouble():
    run = detail()
    assert direct(None, run, (replace(MOVED, to="export"),), NOW).gaze == 1
    assert direct(None, run, (replace(MOVED, to="generate"),), NOW).gaze == -1
    assert direct(None, run, (), NOW).gaze == 0
    assert direct(None, moods()[Mood.WORRY][0], (), NOW).gaze == -1


def test_he_moves_for_a_minute_after_what_happened_and_not_at_all_when_hurt():
    run = detail()
    scene = direct(None, run, (), NOW)
    assert scene.is_moving(NOW + LIVELY - SECOND)
    assert not scene.is_moving(NOW + LIVELY)
    scene = direct(scene, run, (MOVED,), NOW + LIVELY)
    assert scene.is_moving(NOW + LIVELY + SECOND)
    hurt = direct(scene, moods()[Mood.HURT][0], (), NOW + LIVELY)
    assert not hurt.is_moving(NOW + LIVELY)


def test_a_run_has_its_colour_whenever_it_is_looked_at():
    colours = {colour_of(f"NpcDialog_{n}") for n in range(100)}
    assert len(colours) == 6
    assert direct(None, detail(), (), NOW).colour == colour_of("NpcDialog_20261123_132501")


def test_the_same_gives_the_same():
    run, events = moods()[Mood.BUSY]
    assert direct(None, run, events, NOW) == direct(None, run, events, NOW)


@given(
    st.lists(
        st.one_of(
            st.builds(
                ChunkMoved,
                st.just("c"),
                st.sampled_from(NAMES),
                st.sampled_from((*NAMES, None)),
                st.integers(0, 10**9),
                st.sampled_from(Outcome),
            ),
            st.builds(Retried, st.sampled_from(NAMES), st.integers(1, 10**6)),
            st.builds(UnitsFailed, st.sampled_from(NAMES), st.integers(1, 10**6), st.none()),
        ),
        max_size=30,
    )
)
def test_only_arms_of_steps_that_moved_have_parcels(events):
    """But for the sweep, in which all take part."""
    touched = {step for event in events for step in (event.step, getattr(event, "to", None))}
    arms = {arm_of(NAMES.index(step), len(NAMES)) for step in touched if step}
    scene = direct(None, detail(), events, NOW)
    for parcel in scene.parcels:
        assert parcel.kind is Kind.SWEEP or {parcel.start, parcel.end} <= arms
    ways = [(parcel.start, parcel.end, parcel.kind) for parcel in scene.parcels]
    assert len(set(ways)) == len(ways)
