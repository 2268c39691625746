"""What is known of a run at one moment, as frozen values: the fold of its journal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from runs.batches import Batches
from runs.chunks import Chunks

__all__ = ["FrozenFile", "RunSpec", "RunState", "Status", "StepSpec", "Told", "Waiting"]


class Status(StrEnum):
    """Where a run as a whole stands."""

    PENDING = "pending"
    """It is made, and nobody has worked on it yet."""
    RUNNING = "running"
    """Somebody works on it, or it waits for a batch (then `waiting` says until when)."""
    PAUSED = "paused"
    """It was stopped with work left, and says why; resuming goes on where it stood."""
    COMPLETE = "complete"
    """Every chunk is at its end; units may have failed."""
    FAILED = "failed"
    """A fault of ours ended it; what was done is kept, and resuming tries again."""
    CANCELLED = "cancelled"
    """Somebody gave it up; it does not go on."""

    def may_become(self, status: "Status") -> bool:
        """Say whether a run may go from here to `status`; staying is always allowed."""
        return status is self or status in _MOVES[self]


_ENDS = frozenset({Status.PAUSED, Status.COMPLETE, Status.FAILED, Status.CANCELLED})
_MOVES: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: _ENDS | {Status.RUNNING},
    Status.RUNNING: _ENDS,
    Status.PAUSED: frozenset({Status.RUNNING, Status.CANCELLED}),
    Status.COMPLETE: frozenset({Status.RUNNING}),
    Status.FAILED: frozenset({Status.RUNNING, Status.CANCELLED}),
    Status.CANCELLED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step as the run was made with it."""

    name: str
    scope: str
    provider: str | None
    model: str | None
    retry_step: str | None = None
    """The earlier step to which units that fail here are sent back."""


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a run is made with."""

    pipeline: str
    mode: str
    chunk_size: int
    steps: tuple[StepSpec, ...]
    launch: Mapping[str, Any]
    emulate: bool


@dataclass(frozen=True, slots=True)
class FrozenFile:
    """A file of the pipeline as it was when the run was made."""

    path: str
    size_bytes: int
    sha256: str
    copied: bool
    """False for one too large to copy: then `path` is where it was."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nobody works on the run before `until`."""

    until: datetime
    reason: str


class Told(NamedTuple):
    """What came of something that was done when the run was at its end: a script, a table."""

    name: str
    message: str
    """For people."""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class RunState:
    """A run at one moment."""

    spec: RunSpec
    files: tuple[FrozenFile, ...]
    units: int
    """As many as it was made with; what a fan-out makes comes on top."""
    created: datetime
    chunks: Chunks
    updated: datetime
    seq: int
    """Number of the last line of the journal that is in here."""
    epoch: int = 0
    """How many holders the run has had."""
    status: Status = Status.PENDING
    waiting: Waiting | None = None
    paused_reason: str | None = None
    error: str | None = None
    told: tuple[Told, ...] = ()
    """What was done after the last chunk, by scripts and post-processing."""
    batches: Batches = field(default_factory=Batches)
    """What is at providers, and what was."""
    flow_runs: tuple[str, ...] = ()
    deployment: str | None = None
    """Whose flow runs work on it, as `<flow>/<name>`; None if only people's commands do."""
    progress: Mapping[str, Any] | None = None
    """The last hint of how far the open chunks are; None after a holder that died."""
    deadline: datetime | None = None
    """When batches are not waited for any more: what is left goes on in realtime then."""
    looks: int = 0
    """How often its batches have been looked at."""
    in_doubt_usd: Decimal = Decimal(0)
    """The most that calls may have cost which were under way when a holder died."""

    @property
    def steps(self) -> tuple[StepSpec, ...]:
        return self.spec.steps

    @property
    def no_room(self) -> tuple[str, ...]:
        """Why batches that are ready are not handed in, when that was last told."""
        return tuple((self.progress or {}).get("no_room", ()))

    @property
    def launch(self) -> Mapping[str, Any]:
        return self.spec.launch
