"""Faults of batches by script: which batches go wrong, and which lines of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

__all__ = ["BATCHES", "BatchDo", "BatchRule", "Batching", "Limits", "Mischief", "mischief"]

VendorName = Literal["openai", "anthropic", "gemini"]
Junk = Literal["not_json", "half", "array", "blank", "bom"]
JUNK: Mapping[str, bytes] = {
    "not_json": b"<html>502 Bad Gateway</html>\n",
    "half": b'{"custom_id": "3f9a1c2b-0000\n',
    "array": b"[]\n",
    "blank": b"\n",
}


class BatchDo(StrEnum):
    """What becomes of a batch, or of some lines of its results."""

    TAKE = "take"
    """It takes `seconds` of the emulator's clock."""
    EXPIRE = "expire"
    """When its time is over it expires, `share` of its lines answered."""
    CANCEL = "cancel"
    """When its time is over somebody else has cancelled it, `share` of its lines answered."""
    STUCK = "stuck"
    """It never ends: `share` of its lines are answered, and no window closes on it."""
    FAIL = "fail"
    """Its validation ends with `code` and `message`; no line is answered."""
    QUEUE_LIMIT = "queue_limit"
    """It is accepted, and fails later: too many tokens wait already."""
    DROP = "drop"
    """Lines were answered and charged, and the results do not have them."""
    DUPLICATE = "duplicate"
    """Lines come twice; with `different` the second time with another text, charged once."""
    REORDER = "reorder"
    """The results come in an order of their own."""
    UNKNOWN = "unknown"
    """Results of requests come along that nobody sent."""
    ERROR_LINES = "error_lines"
    """Lines end with an error of `status`: 400 is the request's fault, 500 the server's."""
    BAD_LINES = "bad_lines"
    """The results have lines that are none, of the kinds in `junk`."""
    CUT_DOWNLOAD = "cut_download"
    """The connection breaks after `body_bytes` of the results, the first `times` times."""
    NO_RESULTS = "no_results"
    """Asked for its results the vendor answers 404, the first `times` times."""
    HANG_UP = "hang_up"
    """It is created, and the connection is cut; with `status` that is the answer instead."""
    HIDE = "hide"
    """Lists do not show it for the first `seconds`; whoever has its id finds it."""
    PARTIAL = "partial"
    """A vendor who gives nothing of a batch that was cancelled gives what there is."""
    DEAF = "deaf"
    """It takes no notice of being cancelled."""


FATES = frozenset({BatchDo.EXPIRE, BatchDo.CANCEL, BatchDo.STUCK})
OF_LINES = frozenset(
    {BatchDo.DROP, BatchDo.DUPLICATE, BatchDo.UNKNOWN, BatchDo.ERROR_LINES, BatchDo.BAD_LINES}
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BatchRule(_Frozen):
    """One fault. Without `nth` and `every` it befalls every batch that matches.

    Lines are chosen by `lines`, `count` or `share`; by none of them, it is one line.
    """

    vendor: VendorName | None = None
    """None: all of them."""
    model: str = ""
    """Part of the model's name."""
    nth: tuple[PositiveInt, ...] = ()
    """Which batches of the vendor, counted from 1 in the order of creation."""
    every: PositiveInt | None = None

    do: BatchDo
    seconds: NonNegativeFloat | None = None
    share: float | None = Field(default=None, ge=0, le=1)
    count: PositiveInt | None = None
    lines: tuple[NonNegativeInt, ...] = ()
    """Numbers of request lines, from 0."""
    status: int | None = Field(default=None, ge=400, le=599)
    code: str | None = None
    message: str = "The emulator's script says so."
    different: bool = False
    junk: tuple[Junk, ...] = ("not_json", "half", "array", "blank", "bom")
    body_bytes: NonNegativeInt = 0
    times: PositiveInt | None = None
    """None: always."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.nth and self.every:
            raise ValueError("nth and every exclude one another")
        if (self.seconds is not None) != (self.do in {BatchDo.TAKE, BatchDo.HIDE}):
            raise ValueError("'seconds' is what `do: take` and `do: hide` need, and nothing else")
        if sum(map(bool, (self.share is not None, self.count, self.lines))) > 1:
            raise ValueError("share, count and lines exclude one another")
        if self.share is not None and self.do not in FATES | OF_LINES:
            raise ValueError(f"`do: {self.do}` has no share")
        if (self.count or self.lines) and self.do not in OF_LINES:
            raise ValueError(f"`do: {self.do}` chooses no lines")
        return self

    def befalls(self, vendor: str, model: str, nth: int) -> bool:
        if self.vendor not in {None, vendor} or self.model not in model:
            return False
        if self.every is not None:
            return nth % self.every == 0
        return not self.nth or nth in self.nth

    def part(self) -> float:
        """Return which part of a batch is answered before its fate is met."""
        return 0.0 if self.share is None else self.share

    def still(self, downloads: int) -> bool:
        """Say whether it strikes at a download that so many have gone before."""
        return self.times is None or downloads < self.times


class Limits(_Frozen):
    """What a vendor takes. None: no limit."""

    requests: PositiveInt | None = None
    """In one batch."""
    size_bytes: PositiveInt | None = None
    """Of one batch's requests."""
    jobs: PositiveInt | None = None
    """At work at the same time."""
    created_per_hour: PositiveInt | None = None
    queued_tokens: PositiveInt | None = None
    """Of the batches of one model that are at work, a token being four bytes of a request."""
    queued_requests: PositiveInt | None = None
    window_seconds: float = 24 * 3600.0


BATCHES: Mapping[str, Limits] = {
    "openai": Limits(requests=50_000, size_bytes=200_000_000, created_per_hour=2_000),
    "anthropic": Limits(requests=100_000, size_bytes=256_000_000),
    "gemini": Limits(size_bytes=2_000_000_000, jobs=100, window_seconds=48 * 3600.0),
}


class Batching(_Frozen):
    """How long batches take, what the vendors take of them, and what goes wrong."""

    seed: int = 0
    seconds: NonNegativeFloat = 0.0
    """Of the emulator's clock, from creation to end; 0: it is over at the next look."""
    spread: float = Field(default=0.0, ge=0, le=1)
    """Batches take up to this part more or less, each its own."""
    cancel_seconds: NonNegativeFloat = 0.0
    """From being asked to cancel to the end."""
    limits: dict[str, dict[str, float | None]] = {}
    """By vendor, what differs from its true limits, by the names in `Limits`."""
    rules: tuple[BatchRule, ...] = ()

    @model_validator(mode="after")
    def _has_limits(self) -> Self:
        if unknown := self.limits.keys() - BATCHES.keys():
            raise ValueError(f"there is no vendor {min(unknown)!r}")
        for vendor in self.limits:
            self.limits_of(vendor)
        return self

    def limits_of(self, vendor: str) -> Limits:
        usual = BATCHES[vendor].model_dump()
        return Limits.model_validate({**usual, **self.limits.get(vendor, {})})

    def takes(self, vendor: str, nth: int) -> float:
        chance = Random(f"{self.seed} {vendor} {nth}")  # noqa: S311  nothing secret hangs on it
        return self.seconds * (1 + self.spread * chance.uniform(-1, 1))

    def strikes(self, vendor: str, model: str, nth: int) -> tuple[BatchRule, ...]:
        return tuple(rule for rule in self.rules if rule.befalls(vendor, model, nth))


NO_LINES: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Mischief:
    """What goes wrong with which lines of one batch."""

    dropped: frozenset[int] = NO_LINES
    doubled: frozenset[int] = NO_LINES
    changed: frozenset[int] = NO_LINES
    """Come twice, with another text the second time."""
    unknown: frozenset[int] = NO_LINES
    """A stranger comes after them."""
    errors: Mapping[int, BatchRule] = field(default_factory=dict[int, BatchRule])
    junk: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    """What stands before them."""
    bom: bool = False
    shuffled: bool = False


def mischief(rules: tuple[BatchRule, ...], total: int, seed: str) -> Mischief:
    """Return what the rules do to a batch of so many lines; the same for the same arguments."""
    chosen: dict[BatchDo | str, set[int]] = {do: set() for do in OF_LINES} | {"changed": set()}
    errors: dict[int, BatchRule] = {}
    junk: dict[int, bytes] = {}
    for index, rule in enumerate(rules):
        if rule.do not in OF_LINES:
            continue
        lines = _chosen(rule, total, f"{seed} {index}")
        different = rule.do is BatchDo.DUPLICATE and rule.different
        chosen["changed" if different else rule.do] |= lines
        if rule.do is BatchDo.ERROR_LINES:
            errors |= dict.fromkeys(lines, rule)
        if rule.do is BatchDo.BAD_LINES:
            junk |= dict.fromkeys(lines, b"".join(JUNK.get(kind, b"") for kind in rule.junk))
    return Mischief(
        dropped=frozenset(chosen[BatchDo.DROP]),
        doubled=frozenset(chosen[BatchDo.DUPLICATE]),
        changed=frozenset(chosen["changed"]),
        unknown=frozenset(chosen[BatchDo.UNKNOWN]),
        errors=errors,
        junk=junk,
        bom=any(rule.do is BatchDo.BAD_LINES and "bom" in rule.junk for rule in rules),
        shuffled=any(rule.do is BatchDo.REORDER for rule in rules),
    )


def _chosen(rule: BatchRule, total: int, seed: str) -> set[int]:
    if rule.lines:
        return set(rule.lines)
    wanted = rule.count or 1
    if rule.share is not None:
        wanted = round(rule.share * total)
    chance = Random(seed)  # noqa: S311
    return set(chance.sample(range(total), min(wanted, total)))
