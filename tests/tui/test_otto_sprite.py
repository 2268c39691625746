"""What Otto looks like, to the pixel.

`OCTOBATCH_RENEW_GOLDEN=1 pytest tests/tui/test_otto_sprite.py` writes down what he looks like now;
look at him before that is committed.
"""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.moods import MOVED, NAMES, detail, moods
from tests.tui.shown import NOW
from tui.diff import ChunkMoved, Outcome
from tui.otto.director import ARMS, LIVELY, PASS, Kind, Mood, Parcel, Scene, arm_of, direct
from tui.otto.sprite import NOTHING, SIZE, Pose, held, paint, pose_of

GOLDEN = Path(__file__).parent / "otto"
LETTERS = set(".psdhwkcbfrxg")
MOMENTS = st.floats(0, 100).map(lambda seconds: NOW + timedelta(seconds=seconds))
PARCELS = st.builds(
    Parcel, st.integers(0, ARMS - 1), st.integers(0, ARMS - 1), st.sampled_from(Kind), MOMENTS
)
SCENES = st.builds(
    Scene,
    st.sampled_from(Mood),
    st.just("…"),
    gaze=st.integers(-1, 1),
    parcels=st.lists(PARCELS, max_size=12).map(tuple),
    flag=st.booleans(),
    stirred=st.none() | MOMENTS,
)


@pytest.mark.parametrize("mood", Mood)
def test_each_mood_looks_as_it_did(mood):
    run, events = moods()[mood]
    scene = direct(None, run, events, NOW)
    picture = "\n".join(paint(pose_of(scene, NOW, moves=False))) + "\n"
    golden = GOLDEN / f"{mood}.txt"
    if os.environ.get("OCTOBATCH_RENEW_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(picture)
    assert picture == golden.read_text()


def test_no_two_moods_look_the_same():
    """But for the flag, and the bubbles of who has nothing to do."""
    pictures = {paint(Pose(mood)) for mood in Mood}
    assert len(pictures) == len(Mood)


@given(SCENES, MOMENTS)
def test_he_stays_in_his_box_whatever_happens(scene, now):
    picture = paint(pose_of(scene, now))
    assert len(picture) == SIZE
    assert {len(line) for line in picture} == {SIZE}
    assert set("".join(picture)) <= LETTERS


@given(SCENES, MOMENTS, MOMENTS)
def test_where_nothing_moves_he_is_always_the_same(scene, one, other):
    assert pose_of(scene, one, moves=False) == pose_of(scene, other, moves=False)
    if not scene.is_moving(one) and not scene.is_moving(other):
        assert pose_of(scene, one) == pose_of(scene, other)


@given(st.integers(0, len(NAMES) - 1), st.integers(0, len(NAMES) - 1), st.floats(0, 1))
def test_the_arm_that_moves_is_the_step_that_moved(start, end, share):
    """First the one that gives, then the one that takes."""
    moved = ChunkMoved("c", NAMES[start], NAMES[end], 3, Outcome.ADVANCED)
    scene = direct(None, detail(), (moved,), NOW)
    now = NOW + PASS * min(share, 0.999)
    place = start if scene.parcels[0].share(now) < 0.5 else end
    assert pose_of(scene, now).moving == {arm_of(place, len(NAMES))}


@pytest.mark.parametrize("arm", range(ARMS))
def test_an_arm_that_moves_is_seen_to(arm):
    """It looks unlike each other arm that moves, and unlike none."""
    still = paint(Pose(Mood.BUSY))
    mine = paint(Pose(Mood.BUSY, moving=frozenset({arm})))
    others = {paint(Pose(Mood.BUSY, moving=frozenset({n}))) for n in range(ARMS) if n != arm}
    assert mine not in {still, *others}
    changed = [
        x for was, is_ in zip(still, mine, strict=True) for x in range(SIZE) if was[x] != is_[x]
    ]
    middle = sum(changed) / len(changed)
    assert abs(middle - (arm + 0.5) * SIZE / ARMS) < SIZE / ARMS


def test_a_sweep_goes_through_all_arms_in_their_order():
    sweep = Parcel(0, ARMS - 1, Kind.SWEEP, NOW)
    duration = sweep.arrives - sweep.at
    assert [held(sweep, NOW + duration * n / ARMS) for n in range(ARMS)] == list(range(ARMS))


def test_a_parcel_is_seen_on_its_way_and_gone_when_it_is_there():
    scene = direct(None, detail(), (MOVED,), NOW)
    ways = [pose_of(scene, NOW + PASS * n / 8).parcels for n in range(9)]
    assert all(len(way) == 1 for way in ways[:8])
    places = [way[0][0][0] for way in ways[:8]]
    assert places == sorted(places)
    assert ways[8] == ()


def test_he_blinks_and_breathes():
    blinks = [
        pose_of(Scene(Mood.IDLE, "", stirred=NOW), NOW + LIVELY * n / 600) for n in range(600)
    ]
    assert 5 < sum(pose.blinks for pose in blinks) < 60
    sleeps = [
        pose_of(Scene(Mood.ASLEEP, "", stirred=NOW), NOW + LIVELY * n / 600) for n in range(600)
    ]
    assert 200 < sum(pose.breathes for pose in sleeps) < 400
    assert len(set(sleeps)) < 20, "one who sleeps is drawn now and then only"


def test_every_picture_is_of_a_mood():
    assert {path.stem for path in GOLDEN.iterdir()} == {mood.value for mood in Mood}


def test_what_is_not_there_is_nothing():
    assert paint(Pose(Mood.IDLE))[SIZE - 1].count(NOTHING) > SIZE / 2
