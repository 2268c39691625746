"""The director: what Otto does, made of what is known of a run and of what has happened. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zlib import crc32

from runs import Liveness
from tui.diff import ChunkMoved, Event, Outcome, Retried, RunEnded, UnitsFailed
from tui.otto import lines
from tui.paint import stopping
from tui.snapshot import RunDetail

__all__ = ["ARMS", "COLOURS", "Kind", "Mood", "Parcel", "Scene", "arm_of", "colour_of", "direct"]

ARMS = 8
COLOURS = 6
PASS = timedelta(seconds=1.6)
"""As long a parcel is under way from arm to arm."""
SWEEP = timedelta(seconds=1.6)
"""As long it takes all arms to wave a chunk through."""
FRESH = timedelta(seconds=10)
"""As long something that happened counts as happening."""
PARTY = timedelta(seconds=6)
LIVELY = timedelta(seconds=60)
"""As long he moves when nothing happens any more."""
LEFT, RIGHT = 2, 5
"""The last arm on the left, and the first on the right; he looks straight on between them."""


class Mood(StrEnum):
    """What Otto looks like; the first that fits."""

    HURT = "hurt"
    """The run failed, or nobody works on it."""
    ASLEEP = "asleep"
    """Nothing is to happen."""
    PARTY = "party"
    """The run has just ended, and everything passed."""
    CONTENT = "content"
    """It ended so, a while ago."""
    SHRUG = "shrug"
    """It ended, and units failed."""
    WORRY = "worry"
    """A step lets few units through."""
    WAIT = "wait"
    """Providers have all there is to do."""
    BUSY = "busy"
    """Something happens."""
    IDLE = "idle"
    """It goes on, and nothing is to be seen of it."""


STILL = frozenset({Mood.HURT})
"""Moods in which he does not move at all."""


class Kind(StrEnum):
    """What passes."""

    PASSED = "passed"
    """Units that went on, or came back, in the colour of their run."""
    FAILED = "failed"
    """Units that fell off."""
    SWEEP = "sweep"
    """A chunk that is through all steps."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Units on their way from one arm to another, or back to the same."""

    start: int
    end: int
    kind: Kind
    at: datetime
    """When it set out."""

    @property
    def arrives(self) -> datetime:
        return self.at + (SWEEP if self.kind is Kind.SWEEP else PASS)

    def share(self, now: datetime) -> float:
        """Return how far it is, 0 to 1."""
        return min(1.0, max(0.0, (now - self.at) / (self.arrives - self.at)))


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to see of Otto."""

    mood: Mood
    line: str
    """What he says: never more than the files do."""
    gaze: int = 0
    """Left, straight on or right: -1, 0 or 1."""
    parcels: tuple[Parcel, ...] = ()
    colour: int = 0
    """Of the run, one of `COLOURS`."""
    flag: bool = False
    stirred: datetime | None = None
    """When he began to move: something happened, or one began to look."""
    news: tuple[datetime, str] | None = None
    """What happened last, and when."""
    ended: datetime | None = None
    """When the run was seen to end."""

    def is_moving(self, now: datetime) -> bool:
        """Say whether anything moves: where nothing does, nothing is to be drawn."""
        if self.mood in STILL:
            return False
        return self.stirred is not None and now - self.stirred < LIVELY

    @property
    def until(self) -> datetime | None:
        """Return when it changes even if nothing happens; None if it stays as it is."""
        ends = [parcel.arrives for parcel in self.parcels]
        if self.mood is Mood.BUSY and self.news is not None:
            ends.append(self.news[0] + FRESH)
        if self.mood is Mood.PARTY and self.ended is not None:
            ends.append(self.ended + PARTY)
        return min(ends, default=None)


def arm_of(place: int, steps: int) -> int:
    """Return the arm of a step, by its place: the first and the last are on the outside."""
    return round(place * (ARMS - 1) / (steps - 1)) if steps > 1 else LEFT + 1


def colour_of(run: str) -> int:
    """Return the colour of a run, the same whenever it is looked at."""
    return crc32(run.encode("utf-8", "replace")) % COLOURS


def direct(
    before: Scene | None,
    run: RunDetail,
    events: Iterable[Event],
    now: datetime,
    *,
    read_only: bool = False,
) -> Scene:
    """Return the scene that follows.

    Args:
        before: what was to be seen of the same run until now; None if it has just been opened.
        run: what is known of it.
        events: what has happened since; those of other runs change nothing.
        now: this moment.
        read_only: whether one only looks: he names no key that does not hold then.
    """
    happened = [event for event in events if not isinstance(event, RunEnded) or _ends(event, run)]
    ended = before.ended if before is not None else None
    if any(isinstance(event, RunEnded) for event in happened):
        ended = now
    news = before.news if before is not None else None
    if (told := lines.news(happened)) is not None:
        news = now, told
    fresh = news[1] if news is not None and now - news[0] < FRESH else None
    parcels = _parcels(before, run, happened, now)
    mood = _mood(run, is_fresh=fresh is not None, is_over=ended is None or now - ended >= PARTY)
    stirs = before is None or before.mood is not mood or bool(told) or ended == now
    return Scene(
        mood=mood,
        line=_line(mood, run, fresh, read_only=read_only),
        gaze=_gaze(run, mood, parcels),
        parcels=parcels,
        colour=colour_of(run.row.name),
        flag=run.row.liveness is Liveness.COMPLETE,
        stirred=now if stirs or before is None else before.stirred,
        news=news,
        ended=ended,
    )


def _ends(event: RunEnded, run: RunDetail) -> bool:
    return event.run == run.row.dir


def _mood(run: RunDetail, *, is_fresh: bool, is_over: bool) -> Mood:
    """Return the first mood that fits."""
    match run.row.liveness:
        case Liveness.FAILED | Liveness.DETACHED | Liveness.STUCK:
            return Mood.HURT
        case Liveness.PENDING | Liveness.PAUSED | Liveness.CANCELLED:
            return Mood.ASLEEP
        case Liveness.COMPLETE if run.row.failed:
            return Mood.SHRUG
        case Liveness.COMPLETE:
            return Mood.CONTENT if is_over else Mood.PARTY
        case _ if stopping(run.row) is not None:
            return Mood.WAIT
        case _ if lines.worst(run) is not None:
            return Mood.WORRY
        case _ if is_fresh:
            return Mood.BUSY
        case Liveness.DEFERRED:
            return Mood.WAIT
        case _:
            return Mood.WAIT if run.waits else Mood.IDLE


def _line(mood: Mood, run: RunDetail, fresh: str | None, *, read_only: bool) -> str:
    match mood:
        case Mood.HURT:
            return lines.hurt(run.row, read_only=read_only)
        case Mood.ASLEEP:
            return lines.asleep(run.row, read_only=read_only)
        case Mood.PARTY | Mood.CONTENT:
            return lines.all_passed(run.row)
        case Mood.SHRUG:
            return lines.some_failed(run)
        case Mood.WORRY:
            return lines.worry(run)
        case Mood.WAIT:
            return lines.wait(run)
        case Mood.BUSY | Mood.IDLE:
            return fresh or lines.idle(run)


def _parcels(
    before: Scene | None, run: RunDetail, events: Iterable[Event], now: datetime
) -> tuple[Parcel, ...]:
    """Return the parcels under way: one from arm to arm at once, however many units pass."""
    places = {step.name: place for place, step in enumerate(run.steps)}
    known = before.parcels if before is not None else ()
    ways = {(p.start, p.end, p.kind): p for p in known if p.arrives > now}
    for new in _sent(events, places, now):
        ways.setdefault((new.start, new.end, new.kind), new)
    return tuple(ways.values())


def _sent(events: Iterable[Event], places: Mapping[str, int], now: datetime) -> Iterator[Parcel]:
    def arm(step: str) -> int:
        return arm_of(places[step], len(places))

    for event in events:
        match event:
            case ChunkMoved(step=step, to=str(to)) if {step, to} <= places.keys():
                yield Parcel(arm(step), arm(to), Kind.PASSED, now)
            case ChunkMoved(outcome=Outcome.PASSED):
                yield Parcel(0, ARMS - 1, Kind.SWEEP, now)
            case Retried(step=step) if step in places:
                yield Parcel(arm(step), arm(step), Kind.PASSED, now)
            case UnitsFailed(step=step) if step in places:
                yield Parcel(arm(step), arm(step), Kind.FAILED, now)
            case _:
                continue


def _gaze(run: RunDetail, mood: Mood, parcels: tuple[Parcel, ...]) -> int:
    """Return where he looks: after a parcel, or at the step that gives trouble."""
    if parcels:
        return _side(parcels[-1].end)
    names = [step.name for step in run.steps]
    trouble = lines.trouble(run) if mood in {Mood.WORRY, Mood.SHRUG} else None
    return _side(arm_of(names.index(trouble), len(names))) if trouble in names else 0


def _side(arm: int) -> int:
    return (arm >= RIGHT) - (arm <= LEFT)
