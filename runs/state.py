"""What is known of a run at one moment, as frozen values: the fold of its journal."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from runs.counts import Counts

__all__ = ["Chunk", "Chunks", "FrozenFile", "RunSpec", "RunState", "Stage", "Status", "StepSpec"]
__all__ += ["Waiting"]


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


class Stage(StrEnum):
    """Where a chunk stands at its step."""

    PENDING = "PENDING"
    """Its units wait for the step, or are in it."""
    VALIDATED = "VALIDATED"
    """Every unit has a final verdict, and at least one passed."""
    FAILED = "FAILED"
    """No unit is left."""


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step as the run was made with it."""

    name: str
    scope: str
    provider: str | None
    model: str | None


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


@dataclass(frozen=True, slots=True)
class Chunk:
    """A fixed group of units on its way through the steps."""

    name: str
    items: int
    step: str | None
    """None at the end of the way."""
    stage: Stage = Stage.PENDING
    counts: Mapping[str, Counts] = field(default_factory=dict[str, Counts])
    """Of the steps it has passed, in their order."""

    @property
    def terminal(self) -> bool:
        """Return True when the chunk has no step left."""
        return self.step is None

    @property
    def alive(self) -> int:
        """Return how many units have not failed: what enters the next step, or passed the last."""
        last = next(reversed(list(self.counts.values())), None)
        return self.items if last is None else last.passed


class Chunks(Mapping[str, Chunk]):
    """All chunks of a run by name, in order; never changed.

    `changed` gives a new value that shares all but one shelf with the old one, so that a transition
    costs the same at ten chunks and at ten thousand.
    """

    SHELF = 128

    __slots__ = ("_places", "_shelves")

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        row = tuple(chunks)
        self._places = {chunk.name: place for place, chunk in enumerate(row)}
        self._shelves = tuple(row[i : i + self.SHELF] for i in range(0, len(row), self.SHELF))

    def __getitem__(self, name: str) -> Chunk:
        shelf, place = divmod(self._places[name], self.SHELF)
        return self._shelves[shelf][place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def changed(self, chunk: Chunk) -> "Chunks":
        """Return these chunks with `chunk` in the place of the one of its name."""
        at, place = divmod(self._places[chunk.name], self.SHELF)
        shelf = self._shelves[at]
        new = object.__new__(Chunks)
        new._places = self._places
        new._shelves = (
            *self._shelves[:at],
            (*shelf[:place], chunk, *shelf[place + 1 :]),
            *self._shelves[at + 1 :],
        )
        return new


@dataclass(frozen=True, slots=True)
class RunState:
    """A run at one moment."""

    spec: RunSpec
    files: tuple[FrozenFile, ...]
    units: int
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
    flow_runs: tuple[str, ...] = ()
    progress: Mapping[str, Any] | None = None
    """The last hint of how far the open chunks are; of this holder, or None."""

    @property
    def steps(self) -> tuple[StepSpec, ...]:
        return self.spec.steps

    @property
    def launch(self) -> Mapping[str, Any]:
        return self.spec.launch
