"""A batch as the emulator keeps it, whoever's it is, and what the clock makes of it."""

from collections.abc import Mapping
from enum import StrEnum
from math import inf
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from providers.emulator.mischief import BatchDo, BatchRule

__all__ = [
    "ANSWERED",
    "CHECKED",
    "End",
    "Fate",
    "Job",
    "Stage",
    "checked_at",
    "due",
    "fate",
    "has_work",
    "stage",
]

CHECKED = 0.05
"""The part of a batch's time after which it is validated."""
ANSWERED = 0.95
"""The part after which all its lines are answered, and its files are written."""


class End(StrEnum):
    """How a batch ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    """How far a batch is that has not ended."""

    VALIDATING = "validating"
    RUNNING = "running"
    FINALIZING = "finalizing"
    CANCELLING = "cancelling"


class Job(BaseModel):
    """A batch. Times are of the emulator's clock, but for `created_wall`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    vendor: str
    nth: int
    """Of its vendor's batches, from 1."""
    key: str
    model: str
    """What all its requests ask; empty where each names its own."""
    endpoint: str
    """The path that its requests would go to in realtime."""
    created_wall: float
    created: float
    seconds: float
    window_seconds: float
    cancel_seconds: float = 0.0
    size_bytes: int
    rules: tuple[BatchRule, ...] = ()
    told: Mapping[str, Any] = {}
    """What its creator said, in the vendor's words."""

    total: int | None = None
    """Requests; None until they were counted."""
    checked: bool = False
    """What can be wrong with the whole of it was looked for."""
    errors: tuple[Mapping[str, Any], ...] = ()
    """Why it failed, in the vendor's words."""
    read_bytes: int = 0
    written: int = 0
    """Lines that are dealt with."""
    answered: int = 0
    failed: int = 0
    unserved: int = 0
    output_bytes: int = 0
    error_bytes: int = 0
    usage: Mapping[str, int] = {}
    cancel_asked: float | None = None
    ended: End | None = None
    ended_at: float | None = None
    downloads: int = 0
    deleted: bool = False

    def wall(self, at: float) -> float:
        """Return a time as the vendor tells it: so long after its creation by the wall's clock."""
        return self.created_wall + at - self.created

    def rule(self, do: BatchDo) -> BatchRule | None:
        return next((rule for rule in self.rules if rule.do is do), None)

    @property
    def visible(self) -> float:
        """When lists begin to show it."""
        rule = self.rule(BatchDo.HIDE)
        return self.created + (rule.seconds or 0.0 if rule else 0.0)


class Fate(NamedTuple):
    """How a batch is going to end, as far as it is known; None: it does not."""

    end: End | None
    at: float
    share: float = 1.0
    """How many of its lines can be answered."""


def fate(job: Job) -> Fate:
    planned = _planned(job)
    asked = job.cancel_asked
    if asked is None or asked >= planned.at:
        return planned
    return Fate(End.CANCELLED, asked + job.cancel_seconds, planned.share)


def _planned(job: Job) -> Fate:
    over = job.created + job.seconds
    for rule in job.rules:
        if rule.do is BatchDo.EXPIRE:
            return Fate(End.EXPIRED, over, rule.part())
        if rule.do is BatchDo.CANCEL:
            return Fate(End.CANCELLED, over, rule.part())
        if rule.do is BatchDo.STUCK:
            return Fate(None, inf, rule.part())
    if job.seconds > job.window_seconds:
        return Fate(End.EXPIRED, job.created + job.window_seconds)
    return Fate(End.COMPLETED, over)


def due(job: Job, now: float) -> int:
    """Return how many lines are to be answered by now."""
    total, ahead = job.total or 0, fate(job)
    until = min(now, ahead.at, inf if job.cancel_asked is None else job.cancel_asked)
    return min(round(ahead.share * total), int(total * _progress(job, until)))


def _progress(job: Job, now: float) -> float:
    if not job.seconds:
        return 1.0
    part = (now - job.created) / job.seconds
    return min(1.0, max(0.0, (part - CHECKED) / (ANSWERED - CHECKED)))


def checked_at(job: Job) -> float:
    """Return when a batch is validated: also if it is cancelled first."""
    return min(job.created + CHECKED * job.seconds, fate(job).at)


def has_work(job: Job, now: float) -> bool:
    """Say whether there is something to do on a batch that is due by now."""
    if job.ended is not None:
        return False
    if not job.checked:
        return now >= checked_at(job)
    return job.written < due(job, now) or now >= fate(job).at


def stage(job: Job, now: float) -> Stage:
    """Return how far a batch is that has not ended."""
    if job.cancel_asked is not None:
        return Stage.CANCELLING
    if not job.checked:
        return Stage.VALIDATING
    finalizing = now >= job.created + ANSWERED * job.seconds and fate(job).end is End.COMPLETED
    return Stage.FINALIZING if finalizing and job.seconds else Stage.RUNNING
