"""Otto in 24 x 24 pixels: a letter of the palette for each, a dot where there is nothing. Pure."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

from tui.otto.director import ARMS, Kind, Mood, Parcel, Scene

__all__ = ["FRAMES_PER_SECOND", "NOTHING", "SIZE", "Pose", "held", "paint", "pose_of"]

SIZE = 24
FRAMES_PER_SECOND = 6
WAVE = 12
"""Frames of one wave of an arm."""
SPLAYED = 0.45
"""Where the wave begins: so his arms are well apart when he stands still."""
NOTHING = "."
BODY, SHADE, DARK, LIGHT = "psdh"
WHITE, INK, CHEEK, BUBBLE, FLAG = "wkcbf"
PARCELS = MappingProxyType({Kind.PASSED: "r", Kind.FAILED: "x", Kind.SWEEP: "g"})

Pixels: TypeAlias = list[list[str]]
Place: TypeAlias = tuple[int, int]
Point: TypeAlias = tuple[float, float]

CENTRE = SIZE / 2 - 0.5
HEAD_Y, HEAD_RX, HEAD_RY = 7.5, 8.1, 7.45
CHIN = 13
"""The row at which the head ends, and the arms begin."""
ROOTS, TIPS = (4.0, 6.0, 8.0, 10.0), (1.0, 3.4, 6.2, 9.0)
"""Where the arms on the left begin and where they end; those on the right are their mirror."""
LENGTHS = (5.5, 8.0, 9.0, 10.0)
CURLS, THICK, TIP = 0.55, 0.55, 0.86
"""So far along, an outer arm curls up, any grows thin, and its tip begins."""
SHORTER_ASLEEP = 0.72
POLE, FOLDS = 23, (1, 2, 3)
"""The column of the flag's pole, and the rows of the flag."""
BLINK_SECONDS, BLINKS_FOR = 5.3, 0.2
BREATH_SECONDS = 4.0
"""Of one who sleeps: in, and out."""


@dataclass(frozen=True, slots=True)
class Pose:
    """All that a picture of him depends on."""

    mood: Mood
    frame: int = 0
    gaze: int = 0
    blinks: bool = False
    breathes: bool = False
    moving: frozenset[int] = frozenset()
    """The arms that wave; the others only sway."""
    parcels: tuple[tuple[Place, Kind], ...] = ()
    """Where their upper left corners are."""
    flag: bool = False


def pose_of(scene: Scene, now: datetime, *, moves: bool = True) -> Pose:
    """Return how he stands; where nothing moves, or nothing may, it is always the same."""
    if not (moves and scene.is_moving(now)):
        return Pose(scene.mood, gaze=scene.gaze, flag=scene.flag)
    seconds = now.timestamp()
    breathes = scene.mood is Mood.ASLEEP and seconds % BREATH_SECONDS < BREATH_SECONDS / 2
    frame = int(seconds * FRAMES_PER_SECOND) % WAVE
    if scene.mood is Mood.ASLEEP:
        frame = int(seconds / BREATH_SECONDS) * 3 % WAVE
    under_way = [parcel for parcel in scene.parcels if parcel.at <= now < parcel.arrives]
    moving = {held(parcel, now) for parcel in under_way}
    if scene.mood is Mood.PARTY:
        moving |= {0}
    return Pose(
        mood=scene.mood,
        frame=frame,
        gaze=scene.gaze,
        blinks=seconds % BLINK_SECONDS < BLINKS_FOR,
        breathes=breathes,
        moving=frozenset(moving),
        parcels=tuple((_place(parcel, now), parcel.kind) for parcel in under_way),
        flag=scene.flag,
    )


@lru_cache(maxsize=256)
def paint(pose: Pose) -> tuple[str, ...]:
    """Return the picture, line by line from the top."""
    pixels: Pixels = [[NOTHING] * SIZE for _ in range(SIZE)]
    hanging = [arm for arm in range(ARMS) if arm not in pose.moving]
    for arm in (*hanging, *sorted(pose.moving)):
        _arm(pixels, arm, pose)
    _head(pixels, 1 if pose.breathes else 0)
    _face(pixels, pose)
    _around(pixels, pose)
    for (x, y), kind in pose.parcels:
        _dots(pixels, PARCELS[kind], ((x + dx, y + dy) for dx in (0, 1) for dy in (0, 1)))
    return tuple("".join(line) for line in pixels)


# --- arms, and what passes between them


def held(parcel: Parcel, now: datetime) -> int:
    """Return the arm that moves: it gives the parcel away first, then another one takes it."""
    share = parcel.share(now)
    if parcel.kind is Kind.SWEEP:
        return min(ARMS - 1, int(share * ARMS))
    return parcel.start if share < 0.5 else parcel.end  # noqa: PLR2004 - half of the way


def _curve(arm: int, pose: Pose) -> Iterator[tuple[Point, float]]:
    """Yield the points of an arm from the head to its tip, and how far along it each is, 0 to 1."""
    is_left = arm < ARMS / 2
    place = arm if is_left else ARMS - 1 - arm  # from the outside
    length = LENGTHS[place] * (SHORTER_ASLEEP if pose.mood is Mood.ASLEEP else 1)
    turn = 2 * math.pi * (pose.frame / WAVE + SPLAYED)
    waves = arm in pose.moving
    points = round(length * 3)
    for n in range(points + 1):
        along = n / points
        lift = 6.0 * max(0.0, along - CURLS) if place == 0 else 0.0
        out = math.sin(turn - along * 4.5 + place * 0.9) * (0.2 + 0.6 * along)
        if waves:
            lift += (3.2 + 1.4 * math.sin(turn * 2)) * along**1.5
            out = (1.6 + math.sin(turn * 2 - along * 3.2) * 1.6) * along
        x = ROOTS[place] + (TIPS[place] - ROOTS[place]) * along**0.7 - out
        yield (x if is_left else SIZE - 1 - x, CHIN - 1 + along * length - lift), along


def _arm(pixels: Pixels, arm: int, pose: Pose) -> None:
    if pose.flag and arm == ARMS - 1:
        _dots(pixels, SHADE, ((18 + n // 2, 13 - n // 2) for n in range(8)))
        _dots(pixels, BODY, ((18 + (n + 1) // 2, 13 - n // 2) for n in range(8)))
        return
    colour, beside = (BODY, SHADE) if arm % 2 else (SHADE, DARK)
    inwards = 1 if arm < ARMS / 2 else -1
    waves = arm in pose.moving
    if waves:
        colour, beside = LIGHT, BODY
    for (x, y), along in _curve(arm, pose):
        if along < THICK or waves:
            _dots(pixels, beside, [(round(x) + inwards, round(y))])
        _dots(pixels, LIGHT if along > TIP else colour, [(round(x), round(y))])


def _tip(arm: int) -> Point:
    """Return where an arm ends that hangs."""
    return list(_curve(arm, Pose(Mood.BUSY)))[-1][0]


def _place(parcel: Parcel, now: datetime) -> Place:
    """Return where a parcel is: hopping from tip to tip, or falling."""
    share = parcel.share(now)
    (x0, y0), (x1, y1) = _tip(parcel.start), _tip(parcel.end)
    x, y = x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
    match parcel.kind:
        case Kind.FAILED:
            y = y0 - 4 + (SIZE + 2 - y0) * share**2
        case Kind.SWEEP:
            x, y = _tip(held(parcel, now))
        case Kind.PASSED:
            y -= 5 * math.sin(math.pi * share)
    return _within(round(x)), _within(round(y))


def _within(place: int) -> int:
    return max(0, min(place, SIZE - 2))


# --- the rest of him


def _head(pixels: Pixels, lower: int) -> None:
    for y in range(CHIN + 1):
        for x in range(SIZE):
            ry = HEAD_RY - lower / 2
            dx, dy = (x - CENTRE) / HEAD_RX, (y - HEAD_Y - lower / 2) / ry
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


SHUT = ((-2, 0), (-1, 1), (0, 1), (1, 0))
GLAD = ((-2, 1), (-1, 0), (0, 0), (1, 1))
CROSSED = ((-2, -1), (1, -1), (-1, 0), (0, 0), (-1, 1), (0, 1), (-2, 2), (1, 2))
SMILE = ((-2, 0), (-1, 1), (0, 1), (1, 0))
GRIN = ((-2, 0), (-1, 0), (0, 0), (1, 0), (-1, 1), (0, 1))
ROUND = ((-1, 0), (0, 0), (-1, 1), (0, 1))
FLAT = ((-1, 0), (0, 0))
CROOKED = ((-2, 1), (-1, 1), (0, 0), (1, 0))
SAD = ((-2, 1), (-1, 0), (0, 0), (1, 1))
MOUTHS = MappingProxyType(
    {
        Mood.HURT: SAD,
        Mood.ASLEEP: FLAT,
        Mood.PARTY: GRIN,
        Mood.CONTENT: SMILE,
        Mood.SHRUG: CROOKED,
        Mood.WORRY: ROUND,
        Mood.WAIT: FLAT,
        Mood.BUSY: SMILE,
        Mood.IDLE: SMILE,
    }
)
SHUT_EYES = MappingProxyType(
    {Mood.HURT: CROSSED, Mood.ASLEEP: SHUT, Mood.PARTY: GLAD, Mood.CONTENT: GLAD}
)
ROSY = frozenset({Mood.PARTY, Mood.CONTENT, Mood.BUSY, Mood.IDLE, Mood.ASLEEP})
EYES = (8, 16)
"""The columns to the right of the middles of his eyes."""
LEVEL = 8
"""The row of his eyes."""
MOUTH = 12


def _face(pixels: Pixels, pose: Pose) -> None:
    lines = SHUT_EYES.get(pose.mood, SHUT if pose.blinks else None)
    for eye in EYES:
        if lines is not None:
            _dots(pixels, INK, ((eye + x, LEVEL + y) for x, y in lines))
        else:
            _eye(pixels, eye, pose)
    if pose.mood in ROSY:
        _dots(pixels, CHEEK, [(x, LEVEL + 3) for x in (5, 6, 17, 18)])
    mouth = MOUTHS[pose.mood]
    _dots(pixels, INK, ((SIZE // 2 + x, MOUTH - 1 + y) for x, y in mouth))


def _eye(pixels: Pixels, eye: int, pose: Pose) -> None:
    for y in range(-2, 3):
        wide = (-1, 0) if abs(y) == 2 else (-2, -1, 0, 1)  # noqa: PLR2004
        _dots(pixels, WHITE, ((eye + x, LEVEL + y) for x in wide))
    up = pose.mood is Mood.WAIT
    pupil = eye - 1 + pose.gaze
    _dots(pixels, INK, ((pupil + x, LEVEL - up + y) for x in (0, 1) for y in (0, 1)))


Z = ((0, 0), (1, 0), (2, 0), (3, 0), (2, 1), (1, 2), (0, 3), (1, 3), (2, 3), (3, 3))


def _around(pixels: Pixels, pose: Pose) -> None:
    """Add what floats around him: a flag at the end, bubbles while he waits, a z when he sleeps."""
    if pose.flag:
        _dots(pixels, SHADE, ((POLE, y) for y in range(1, 14)))
        dips = (0, *((0, 1, 1), (1, 1, 0), (1, 0, 0), (0, 0, 1))[pose.frame // 3])
        _dots(pixels, FLAG, ((POLE - 1 - n, y + dip) for n, dip in enumerate(dips) for y in FOLDS))
    elif pose.mood is Mood.ASLEEP:
        rise = 0 if pose.breathes else 1
        _dots(pixels, BUBBLE, ((20 + x, rise + y) for x, y in Z))
    elif pose.mood in {Mood.WAIT, Mood.IDLE}:
        rise = pose.frame
        _dots(pixels, BUBBLE, [(21, 11 - rise), (22, 5 - rise // 2), (20, 14 - rise)])


def _dots(pixels: Pixels, colour: str, places: Iterable[Place]) -> None:
    for x, y in places:
        if 0 <= x < SIZE and 0 <= y < SIZE:
            pixels[y][x] = colour
