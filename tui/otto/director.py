"""The director: what Otto does and says, made of what is known of a run. Pure, and always true."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from zlib import crc32

from runs import Liveness, lasting
from tui.diff import ChunkMoved, Event, Outcome, Retried, RunEnded, UnitsFailed
from tui.paint import big, cost, span
from tui.snapshot import RunDetail, RunRow, StepView

__all__ = ["ARMS", "COLOURS", "Kind", "Mood", "Parcel", "Scene", "arm_of", "colour_of", "direct"]
__all__ += ["settled"]

ARMS = 8
PASS = timedelta(seconds=1.6)
"""As long a parcel is under way from arm to arm."""
SWEEP = timedelta(seconds=1.2)
"""As long it takes when a chunk is through."""
FRESH = timedelta(seconds=10)
"""As long something that happened counts as happening."""
PARTY = timedelta(seconds=6)
COLOURS = 6
LEAST_ASKED, REJECTED = 20, 0.15
"""A step is worried about that was asked so often, when so large a share is asked again or lost."""
NAMES = MappingProxyType({"anthropic": "Claude", "openai": "OpenAI", "gemini": "Gemini"})
LONGEST_REASON = 34


class Mood(StrEnum):
    """What Otto looks like; the first that fits."""

    HURT = "hurt"
    ASLEEP = "asleep"
    PARTY = "party"
    CONTENT = "content"
    SHRUG = "shrug"
    WORRY = "worry"
    WAIT = "wait"
    BUSY = "busy"
    IDLE = "idle"


class Kind(StrEnum):
    """What a parcel is."""

    PASSED = "passed"
    """Units that went on, or came back, in the colour of their run."""
    FAILED = "failed"
    """Units that fell off."""
    SWEEP = "sweep"
    """A chunk that is through all steps."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Units on their way from one arm to another."""

    start: int
    end: int
    kind: Kind
    at: datetime
    """When it set out."""

    @property
    def lasts(self) -> timedelta:
        return SWEEP if self.kind is Kind.SWEEP else PASS

    def share(self, now: datetime) -> float:
        """Return how far it is, 0 to 1."""
        return min(1.0, max(0.0, (now - self.at) / self.lasts))


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to see of Otto at one moment."""

    mood: Mood
    line: str
    """What he says: never more than the files do."""
    gaze: int = 0
    """Left, straight on or right: -1, 0 or 1."""
    parcels: tuple[Parcel, ...] = ()
    colour: int = 0
    """Of the run, one of `COLOURS`."""
    flag: bool = False
    last: datetime | None = None
    """When something happened."""
    ended: datetime | None = None
    """When the run was seen to end."""

    def is_moving(self, now: datetime) -> bool:
        """Say whether anything of it moves: where nothing does, nothing is to be drawn."""
        if any(parcel.share(now) < 1 for parcel in self.parcels):
            return True
        if self.mood in STILL:
            return False
        return self.last is not None and now - self.last < timedelta(seconds=60)


STILL = frozenset({Mood.HURT, Mood.ASLEEP, Mood.CONTENT, Mood.SHRUG})


def arm_of(place: int, steps: int) -> int:
    """Return the arm of a step, by its place: the first and the last are on the outside."""
    return round(place * (ARMS - 1) / (steps - 1)) if steps > 1 else ARMS // 2


def colour_of(run: str) -> int:
    """Return the colour of a run, the same whenever it is looked at."""
    return crc32(run.encode("utf-8", "replace")) % COLOURS


def direct(before: Scene | None, run: RunDetail, events: Iterable[Event], now: datetime) -> Scene:
    """Return the scene that follows, by what is known of a run and what has happened to it."""
    happened = tuple(events)
    parcels = _parcels(before, run, happened, now)
    ended = before.ended if before is not None else None
    if any(isinstance(event, RunEnded) and event.run == run.row.dir for event in happened):
        ended = now
    mine = [event for event in happened if isinstance(event, (ChunkMoved, UnitsFailed, Retried))]
    last = now if mine or ended == now else before.last if before is not None else None
    news = _news(mine) if mine else None
    mood, line = _mood(run, now, last, ended)
    if mood is Mood.BUSY:
        line = news or (before.line if before is not None and before.mood is mood else line)
    return Scene(
        mood=mood,
        line=line,
        gaze=_gaze(run, mood, parcels),
        parcels=parcels,
        colour=colour_of(run.row.name),
        flag=run.row.liveness is Liveness.COMPLETE,
        last=last,
        ended=ended,
    )


# --- what moves


def _parcels(
    before: Scene | None, run: RunDetail, events: Iterable[Event], now: datetime
) -> tuple[Parcel, ...]:
    """Return the parcels under way: one for each pair of steps at once, however many units pass."""
    places = {step.name: place for place, step in enumerate(run.steps)}
    known = before.parcels if before is not None else ()
    parcels = [parcel for parcel in known if parcel.share(now) < 1]
    for new in _sent(events, places, now):
        way = new.start, new.end, new.kind
        if all((parcel.start, parcel.end, parcel.kind) != way for parcel in parcels):
            parcels.append(new)
    return tuple(parcels)


def _sent(events: Iterable[Event], places: Mapping[str, int], now: datetime) -> Iterator[Parcel]:
    def arm(step: str) -> int:
        return arm_of(places[step], len(places))

    for event in events:
        match event:
            case ChunkMoved(step=step, to=to) if to is not None and {step, to} <= places.keys():
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
    """Return where he looks: after the parcel, or at the step that worries him."""
    if parcels:
        arm = parcels[-1].end
    elif mood in {Mood.WORRY, Mood.SHRUG} and (worst := _worst(run)) is not None:
        arm = arm_of(run.steps.index(worst), len(run.steps))
    else:
        return 0
    return -1 if arm < 3 else 1 if arm > 4 else 0  # noqa: PLR2004 - the two arms in the middle


# --- what he says


def _news(events: Iterable[ChunkMoved | UnitsFailed | Retried]) -> str | None:
    """Return what has just happened most."""
    moved = Counter[tuple[str, str]]()
    retried, failed = Counter[str](), Counter[str]()
    through = 0
    for event in events:
        match event:
            case ChunkMoved(step=step, to=str(to), units=units):
                moved[step, to] += units
            case ChunkMoved(outcome=Outcome.PASSED, units=units):
                through += units
            case Retried(step=step, n=n):
                retried[step] += n
            case UnitsFailed(step=step, n=n):
                failed[step] += n
            case _:
                continue
    if moved:
        ((step, to), units) = moved.most_common(1)[0]
        return f"{step} → {to} ×{big(units)}"  # noqa: RUF001
    if through:
        return f"{big(through)} through all steps."
    if failed:
        step, n = failed.most_common(1)[0]
        return f"{big(n)} failed at {step}."
    if retried:
        step, n = retried.most_common(1)[0]
        return f"{big(n)} asked again at {step}."
    return None


def _mood(
    run: RunDetail, now: datetime, last: datetime | None, ended: datetime | None
) -> tuple[Mood, str]:
    """Return the first mood that fits, and what is true of it."""
    row = run.row
    match row.liveness:
        case Liveness.FAILED:
            return Mood.HURT, f"Stopped{_where(row)}: {_short(row.reason or 'see the log')}"
        case Liveness.DETACHED | Liveness.STUCK:
            return Mood.HURT, row.trouble or "Nobody is heard of who works on it."
        case Liveness.PENDING:
            return Mood.ASLEEP, f"Not begun yet: {big(row.units)} units."
        case Liveness.PAUSED:
            why = f" {_short(row.reason)}" if row.reason else ""
            return Mood.ASLEEP, f"Paused{_where(row)}, {big(row.valid)} done.{why}"
        case Liveness.CANCELLED:
            return Mood.ASLEEP, f"Given up{_where(row)}, {big(row.valid)} done."
        case Liveness.COMPLETE:
            return _at_the_end(run, now, ended)
        case _:
            return _at_work(run, now, last)


def _at_the_end(run: RunDetail, now: datetime, ended: datetime | None) -> tuple[Mood, str]:
    row = run.row
    if row.failed:
        return Mood.SHRUG, f"Done: {big(row.valid)} of {big(row.units)}.{_most(run)}"
    party = ended is not None and now - ended < PARTY
    took = span(row.updated - row.created)
    said = f"{big(row.units)} units, {took}, {cost(row.cost_usd, emulated=row.emulate)}."
    return Mood.PARTY if party else Mood.CONTENT, f"All done! Everything passed. {said}"


def _at_work(run: RunDetail, now: datetime, last: datetime | None) -> tuple[Mood, str]:
    if (worst := _worst(run)) is not None:
        return Mood.WORRY, _rejects(run, worst)
    fresh = last is not None and now - last < FRESH
    if fresh:
        return Mood.BUSY, "Otto is orchestrating…"
    if run.waits:
        wait = max(run.waits, key=lambda one: one.age)
        who = NAMES.get(wait.provider, wait.provider)
        usual = f" (usual {lasting(wait.usual)})" if wait.usual is not None else ""
        return Mood.WAIT, f"Waiting for {who}, {lasting(wait.age)}{usual}."
    if run.row.liveness is Liveness.DEFERRED and run.row.waiting is not None:
        until = run.row.waiting.until.astimezone()
        return Mood.WAIT, f"Next look at {until:%H:%M}."
    if (flying := sum(step.in_flight for step in run.steps)) > 0:
        return Mood.IDLE, f"Otto is orchestrating… {big(flying)} in flight."
    return Mood.IDLE, "Otto is orchestrating…"


def _worst(run: RunDetail) -> StepView | None:
    """Return the step that rejects most, if that is much."""
    asked = [step for step in run.steps if step.counts.attempts >= LEAST_ASKED]
    worst = max(asked, key=_rejected, default=None)
    return worst if worst is not None and _rejected(worst) >= REJECTED else None


def _rejected(step: StepView) -> float:
    """Return the share of replies that did not pass."""
    return min(1.0, (step.counts.retries + step.counts.lost) / max(1, step.counts.attempts))


def _rejects(run: RunDetail, step: StepView) -> str:
    share = _rejected(step)
    often = f"1 in {round(1 / share)}" if share < 0.6 else f"{share:.0%}"  # noqa: PLR2004
    why = next((reason for reason in run.reasons if reason.step == step.name), None)
    return f"{step.name} rejects {often}" + (f": {_short(why.message)}" if why else ".")


def _most(run: RunDetail) -> str:
    """Return where most units failed, and why."""
    failed = f" {big(run.row.failed)} failed"
    if not run.reasons:
        return f"{failed}."
    why = run.reasons[0]
    return f"{failed}, most at {why.step}: {_short(why.message)}"


def _where(row: RunRow) -> str:
    return f" at {row.step}" if row.step else ""


def _short(text: str) -> str:
    """Return the beginning of a sentence of somebody else's."""
    text = " ".join(text.split())
    if len(text) > LONGEST_REASON:
        text = f"{text[: LONGEST_REASON - 1].rstrip()}…"
    return text if text.endswith(("…", ".", "!", "?")) else f"{text}."


def settled(scene: Scene, now: datetime) -> Scene:
    """Return a scene without what is over."""
    if scene.mood is Mood.PARTY and scene.ended is not None and now - scene.ended >= PARTY:
        return replace(scene, mood=Mood.CONTENT)
    return scene
