"""Otto in 24 x 24 pixels: a letter of the palette for each, a dot where there is nothing. Pure."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeAlias

from tui.otto.director import ARMS, Kind, Mood, Parcel, Scene

__all__ = ["FRAMES", "SIZE", "Pose", "paint", "pose_of"]

SIZE = 24
FRAMES = 16
"""Of one wave of an arm."""
NOTHING = "."
BODY, SHADE, DARK, LIGHT = "psdh"
WHITE, INK, CHEEK, BUBBLE, FLAG = "wkcbf"
PARCELS = {Kind.PASSED: "r", Kind.FAILED: "x", Kind.SWEEP: "g"}

Pixels: TypeAlias = list[list[str]]
Point: TypeAlias = tuple[float, float]

CENTRE = SIZE / 2 - 0.5
HEAD_Y, HEAD_RX, HEAD_RY = 8.2, 8.05, 7.6
EYES_APART, EYES_BELOW = 3.4, 1
ROOTS = 5.6
"""How far the outer arms begin from the middle."""
BLINKS_EVERY = 23
"""Frames."""
POLE = 21
"""Where the last arm holds the flag."""
SLEEPS = frozenset({Mood.ASLEEP})
SMILES = frozenset({Mood.PARTY, Mood.CONTENT})


@dataclass(frozen=True, slots=True)
class Pose:
    """All that a picture of him depends on."""

    mood: Mood
    frame: int = 0
    gaze: int = 0
    blinks: bool = False
    moving: frozenset[int] = frozenset()
    """The arms that wave; the others hang."""
    parcels: tuple[tuple[int, int, Kind], ...] = ()
    """Where their upper left corners are."""
    flag: bool = False


def pose_of(scene: Scene, frame: int, now: datetime) -> Pose:
    """Return how he stands; where nothing moves it is the same whatever the frame is."""
    lively = scene.is_moving(now)
    under_way = [parcel for parcel in scene.parcels if parcel.share(now) < 1]
    moving = {arm for parcel in under_way for arm in _held_by(parcel, now)}
    if scene.mood is Mood.PARTY:
        moving |= {0, ARMS - 1}
    return Pose(
        mood=scene.mood,
        frame=frame % FRAMES if lively else 0,
        gaze=scene.gaze,
        blinks=lively and frame % BLINKS_EVERY == BLINKS_EVERY - 1,
        moving=frozenset(moving),
        parcels=tuple(_place(parcel, scene.mood, now) for parcel in under_way),
        flag=scene.flag,
    )


@lru_cache(maxsize=512)
def paint(pose: Pose) -> tuple[str, ...]:
    """Return the picture, line by line from the top."""
    pixels: Pixels = [[NOTHING] * SIZE for _ in range(SIZE)]
    for arm in range(ARMS):
        _arm(pixels, arm, pose)
    _head(pixels)
    _face(pixels, pose)
    _around(pixels, pose)
    for x, y, kind in pose.parcels:
        _dots(pixels, PARCELS[kind], ((x + dx, y + dy) for dx in (0, 1) for dy in (0, 1)))
    return tuple("".join(line) for line in pixels)


# --- arms and what they pass


def _curve(arm: int, mood: Mood, frame: int, *, waves: bool) -> Iterator[tuple[Point, float]]:
    """Yield the points of an arm from the head to its tip, and how far along it each is, 0 to 1."""
    side = (arm - (ARMS - 1) / 2) / ((ARMS - 1) / 2)  # -1 on the left, 1 on the right
    outer = abs(side)
    length = 7.5 - outer if mood in SLEEPS else 10.5 - 1.6 * outer
    turn = 2 * math.pi * frame / FRAMES
    for n in range(int(length) * 2):
        along = n / (int(length) * 2)
        bend = math.sin((turn if waves else 0) - along * 5.2 + arm * 1.1)
        bend *= (0.9 + 1.9 * along) * 0.8 if waves else (0.35 + 1.15 * along) * 0.45
        spread = 0.98 if outer < 0.5 else 0.86 if outer < 0.9 else 0.62  # noqa: PLR2004
        lift = 5.2 * max(0.0, along - 0.55) if outer > 0.6 else 0.0  # noqa: PLR2004
        if waves:
            lift += 3.0 * along * (0.6 + 0.4 * math.sin(turn))
        x = CENTRE + side * ROOTS * (1 + along**0.85) + bend
        yield (x, HEAD_Y + 4.2 + along * length * spread - lift), along


def _arm(pixels: Pixels, arm: int, pose: Pose) -> None:
    if pose.flag and arm == ARMS - 1:
        _dots(pixels, BODY, ((17 + n, 12 - n) for n in range(POLE - 17)))
        _dots(pixels, BODY, ((17 + n, 13 - n) for n in range(POLE - 17)))
        _dots(pixels, LIGHT, [(POLE, 9), (POLE - 1, 9)])
        return
    colour, beside = (BODY, DARK) if arm % 2 else (SHADE, SHADE)
    for (x, y), along in _curve(arm, pose.mood, pose.frame, waves=arm in pose.moving):
        _dots(pixels, LIGHT if along > 0.86 else colour, [(round(x), round(y))])  # noqa: PLR2004
        if along < 0.45:  # noqa: PLR2004 - it is thicker where it begins
            _dots(pixels, beside, [(round(x) + 1, round(y))])


def _tip(arm: int, mood: Mood) -> Point:
    """Return where an arm ends that hangs."""
    return list(_curve(arm, mood, 0, waves=False))[-1][0]


def _held_by(parcel: Parcel, now: datetime) -> set[int]:
    """Return the arms that have to do with a parcel now."""
    share = parcel.share(now)
    if parcel.kind is Kind.SWEEP:
        return {min(ARMS - 1, int(share * ARMS))}
    return {parcel.start if share < 0.5 else parcel.end}  # noqa: PLR2004


def _place(parcel: Parcel, mood: Mood, now: datetime) -> tuple[int, int, Kind]:
    """Return where a parcel is: hopping from tip to tip, or falling."""
    share = parcel.share(now)
    (x0, y0), (x1, y1) = _tip(parcel.start, mood), _tip(parcel.end, mood)
    x, y = x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
    match parcel.kind:
        case Kind.FAILED:
            y = y0 - 5 + (SIZE - 2 - y0 + 5) * share**2
        case Kind.SWEEP:
            x, y = _tip(min(ARMS - 1, int(share * ARMS)), mood)
        case Kind.PASSED:
            y -= 4 * math.sin(math.pi * share)
    return _within(round(x)), _within(round(y)), parcel.kind


def _within(place: int) -> int:
    return max(0, min(place, SIZE - 2))


# --- the rest of him


def _head(pixels: Pixels) -> None:
    for y in range(int(HEAD_Y) + 6):
        for x in range(SIZE):
            dx, dy = (x - CENTRE) / HEAD_RX, (y - HEAD_Y) / HEAD_RY
            wide = dx * (1 + 0.14 * max(0.0, dy))
            if (distance := wide**2 + dy**2) <= 1:
                pixels[y][x] = _shaded(wide, dy, distance)


def _shaded(dx: float, dy: float, distance: float) -> str:
    """Return the colour of a place on the head: the light comes from above, on the left."""
    if -dx * 0.55 - dy * 0.8 > 0.55 and distance < 0.75:  # noqa: PLR2004
        return LIGHT
    if distance > 0.93 and (dx > 0.3 or dy > 0.4):  # noqa: PLR2004
        return DARK
    if distance > 0.78 and (dx > 0.1 or dy > 0.25):  # noqa: PLR2004
        return SHADE
    return BODY


SHUT = ((-1.5, 0), (-0.5, 1), (0.5, 1), (1.5, 0))
GLAD = ((-1.5, 1), (-0.5, 0), (0.5, 0), (1.5, 1))
CROSSED = ((-1, -1), (1, -1), (0, 0), (-1, 1), (1, 1))
MOUTHS = {
    Mood.HURT: ((-1, 0), (0, 0), (1, 0)),
    Mood.ASLEEP: ((0, 0),),
    Mood.PARTY: ((-2, 0), (-1, 1), (0, 1), (1, 0)),
    Mood.CONTENT: ((-2, 0), (-1, 1), (0, 1), (1, 0)),
    Mood.SHRUG: ((-1, 0), (0, 0), (1, -1)),
    Mood.WORRY: ((-1, 1), (0, 0), (1, 1)),
    Mood.WAIT: ((0, 0),),
    Mood.BUSY: ((-1, 0), (0, 0)),
    Mood.IDLE: ((-2, 0), (-1, 1), (0, 1), (1, 0)),
}
ROSY = frozenset({Mood.PARTY, Mood.CONTENT, Mood.BUSY, Mood.IDLE})


def _face(pixels: Pixels, pose: Pose) -> None:
    level = round(HEAD_Y) + EYES_BELOW
    for side in (-1, 1):
        middle = CENTRE + side * EYES_APART
        if pose.mood is Mood.HURT:
            _dots(pixels, INK, ((round(middle + x), level + y) for x, y in CROSSED))
        elif pose.mood in SLEEPS or pose.blinks:
            _dots(pixels, INK, ((round(middle + x), level + y) for x, y in SHUT))
        elif pose.mood in SMILES:
            _dots(pixels, INK, ((round(middle + x), level + y) for x, y in GLAD))
        else:
            _eye(pixels, middle, level, pose.gaze)
        if pose.mood in ROSY:
            _dots(pixels, CHEEK, [(round(CENTRE + side * 5.4), level + 3)])
    mouth = MOUTHS[pose.mood]
    _dots(pixels, INK, ((round(CENTRE + 0.5) + x, level + 3 + y) for x, y in mouth))


def _eye(pixels: Pixels, middle: float, level: int, gaze: int) -> None:
    for y in range(-2, 3):
        wide = (-0.5, 0.5) if abs(y) == 2 else (-1.5, -0.5, 0.5, 1.5)  # noqa: PLR2004
        _dots(pixels, WHITE, ((round(middle + x), level + y) for x in wide))
    pupil = round(middle - 0.5) + gaze
    _dots(pixels, INK, ((pupil + x, level + y) for x in (0, 1) for y in (0, 1)))


Z = ((0, 0), (1, 0), (2, 0), (3, 0), (2, 1), (1, 2), (0, 3), (1, 3), (2, 3), (3, 3))


def _around(pixels: Pixels, pose: Pose) -> None:
    """Add what floats around him: a flag at the end, bubbles while he waits, a z when he sleeps."""
    if pose.flag:
        _dots(pixels, DARK, ((POLE, y) for y in range(1, 11)))
        dip = pose.frame // 4 % 2
        _dots(pixels, FLAG, ((POLE + 1, y) for y in range(1, 4)))
        _dots(pixels, FLAG, ((POLE + 2, y) for y in range(1 + dip, 4 + dip)))
    elif pose.mood in SLEEPS:
        _dots(pixels, BUBBLE, ((19 + x, 1 + y) for x, y in Z))
    elif pose.mood in {Mood.WAIT, Mood.IDLE}:
        _dots(pixels, BUBBLE, [(21, 12 - pose.frame * 3 // 4), (22, 7 - pose.frame // 3)])


def _dots(pixels: Pixels, colour: str, places: Iterable[tuple[int, int]]) -> None:
    for x, y in places:
        if 0 <= x < SIZE and 0 <= y < SIZE:
            pixels[y][x] = colour
