"""How much a caller may ask per minute: buckets that fill at a steady rate."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
)

from providers.emulator.vendors import Kind, Level, Standing, Trouble

__all__ = ["LIMITS", "Gate", "Limit", "Passage"]

SECONDS_PER_MINUTE = 60
HIDDEN = Standing()


class Limit(BaseModel):
    """One limit, shared by all calls that match. Whoever reaches several has to keep to all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: str = ""
    """Part of the method and path, or of the model's name."""
    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None
    """Of input and output, as they are charged."""
    shown: bool = False
    """The vendor's headers tell the true numbers; else they tell none."""
    retry_after: NonNegativeFloat | None = None
    """Seconds that a refusal asks to wait; None: it does not say."""
    burst_seconds: PositiveFloat = 1.0
    """What may come at once after a pause: as much as in these seconds."""

    def concerns(self, endpoint: str, model: str) -> bool:
        return self.match in endpoint or self.match in model

    def numbers(self) -> Iterator[tuple[Kind, int]]:
        if self.requests_per_minute is not None:
            yield "requests", self.requests_per_minute
        if self.tokens_per_minute is not None:
            yield "tokens", self.tokens_per_minute


LIMITS = TypeAdapter(tuple[Limit, ...])


@dataclass(frozen=True, slots=True)
class Passage:
    """Whether a call may pass, and what its headers may tell."""

    standing: Standing | None
    trouble: Trouble | None = None


FREE = Passage(None)


class _Bucket:
    """One number of a limit. Full at first."""

    def __init__(self, limit: Limit, kind: Kind, per_minute: int, now: datetime) -> None:
        self.limit = limit
        self.kind: Kind = kind
        self._per_minute = per_minute
        self._per_second = per_minute / SECONDS_PER_MINUTE
        self._capacity = max(1.0, self._per_second * limit.burst_seconds)
        self._content = self._capacity
        self._filled_at = now

    def fill(self, now: datetime) -> None:
        # A wall clock may be set back.
        seconds = max(0.0, (now - self._filled_at).total_seconds())
        self._content = min(self._capacity, self._content + seconds * self._per_second)
        self._filled_at = now

    def has(self, amount: int) -> bool:
        # What no bucket holds passes when it is full, and leaves a debt. A millionth is rounding.
        return self._content + 1e-6 >= min(amount, self._capacity)

    def take(self, amount: int) -> None:
        self._content -= amount

    def level(self) -> Level:
        missing = self._capacity - self._content
        return Level(self._per_minute, max(0, int(self._content)), missing / self._per_second)

    def refusal(self) -> Trouble:
        return Trouble(
            429,
            f"Rate limit reached for {self.kind}: {self._per_minute} per minute.",
            retry_after=self.limit.retry_after,
            short_of=self.kind,
        )


class Gate:
    """Lets calls pass as far as the limits allow. Who is refused has used nothing up."""

    def __init__(self, limits: Iterable[Limit], now: datetime) -> None:
        self._buckets = [
            _Bucket(limit, kind, per_minute, now)
            for limit in limits
            for kind, per_minute in limit.numbers()
        ]

    @property
    def untold(self) -> Standing | None:
        """Return what the headers of an answer may tell that no limit has a part in."""
        return HIDDEN if self._buckets else None

    def admit(self, endpoint: str, model: str, tokens: int, now: datetime) -> Passage:
        """Let a call of so many tokens pass, or say why not."""
        if not self._buckets:
            return FREE
        held = [bucket for bucket in self._buckets if bucket.limit.concerns(endpoint, model)]
        if not held:
            return FREE
        costs = {"requests": 1, "tokens": tokens}
        for bucket in held:
            bucket.fill(now)
        full = next((bucket for bucket in held if not bucket.has(costs[bucket.kind])), None)
        if full is None:
            for bucket in held:
                bucket.take(costs[bucket.kind])
        return Passage(_standing(held), full and full.refusal())


def _standing(buckets: Sequence[_Bucket]) -> Standing:
    return Standing(_tightest(buckets, "requests"), _tightest(buckets, "tokens"))


def _tightest(buckets: Sequence[_Bucket], kind: Kind) -> Level | None:
    levels = [one.level() for one in buckets if one.kind == kind and one.limit.shown]
    return min(levels, key=lambda level: level.remaining, default=None)
