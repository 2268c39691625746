"""Batches as records: what is at a provider for this run, and what was."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from runs.errors import IllegalMove
from runs.times import moment, stamp

__all__ = ["Batch", "BatchState", "Batches", "Parcel"]


class BatchState(StrEnum):
    """How far a batch has come."""

    INTENDED = "intended"
    """It is written down; whether its provider has it is not known yet."""
    UNCERTAIN = "uncertain"
    """Its provider cannot tell whether it has it: a person decides."""
    SUBMITTED = "submitted"
    """Its provider has it."""
    ENDED = "ended"
    """Its provider is through with it; what it holds is not on disk yet."""
    COLLECTED = "collected"
    """All there was to fetch is in the histories of its chunks."""
    REFUSED = "refused"
    """Its provider does not have it: nothing was asked."""

    @property
    def open(self) -> bool:
        """Return True while something is still to come of it."""
        return self not in {BatchState.COLLECTED, BatchState.REFUSED}

    def may_become(self, state: "BatchState") -> bool:
        """Say whether a batch may go from here to `state`."""
        return state in _MOVES[self]


_MOVES: Mapping[BatchState, frozenset[BatchState]] = {
    BatchState.INTENDED: frozenset(
        {BatchState.UNCERTAIN, BatchState.SUBMITTED, BatchState.REFUSED}
    ),
    BatchState.UNCERTAIN: frozenset({BatchState.SUBMITTED, BatchState.REFUSED}),
    # An adopted batch may turn out to be another's, or its results may be gone.
    BatchState.SUBMITTED: frozenset({BatchState.ENDED, BatchState.REFUSED, BatchState.UNCERTAIN}),
    BatchState.ENDED: frozenset({BatchState.COLLECTED, BatchState.REFUSED, BatchState.UNCERTAIN}),
    BatchState.COLLECTED: frozenset(),
    BatchState.REFUSED: frozenset(),
}


class Parcel(NamedTuple):
    """The part of a batch that belongs to one chunk."""

    chunk: str
    units: int
    attempt: int
    """The lowest among its askings: 1 for a chunk's first."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A provider's job: one step, provider and model, for units of one or more chunks."""

    key: str
    """64 hexadecimal digits, made of what is asked: the same asking has the same key."""
    step: str
    provider: str
    model: str
    parcels: tuple[Parcel, ...]
    requests: int
    size_bytes: int
    sha256: str
    """Of its request file."""
    intended_at: datetime
    tokens: int = 0
    """About so many are read of its requests."""
    most_usd: float | None = None
    """The most that it can cost; None when a price is unknown."""
    state: BatchState = BatchState.INTENDED
    batch_id: str | None = None
    submitted_at: datetime | None = None
    ended_at: datetime | None = None
    end: str | None = None
    """How it ended, in the words of `providers.batches.End`."""
    answered: int = 0
    """Requests with an answer, of those that were collected."""
    message: str | None = None
    queue: int | None = None
    """How many tokens its model's queue takes, as it taught by failing; None: it did not."""

    @property
    def reserved_usd(self) -> Decimal:
        """Return what is set aside for it; nothing where the price is unknown."""
        return Decimal(str(self.most_usd or 0))

    @property
    def short(self) -> str:
        """Return what its files, and its requests, are called by."""
        return self.key[:8]

    def moved(self, state: BatchState, **changes: Any) -> "Batch":
        """Return the batch in another state.

        Raises:
            IllegalMove: it cannot get there from where it stands.
        """
        if not self.state.may_become(state):
            raise IllegalMove(f"batch {self.short} is {self.state}: it cannot become {state}")
        return replace(self, state=state, **changes)

    def to_json(self) -> dict[str, Any]:
        """Return the batch as it stands in the journal and the manifest."""
        return {
            "key": self.key,
            "step": self.step,
            "provider": self.provider,
            "model": self.model,
            "parcels": [parcel._asdict() for parcel in self.parcels],
            "requests": self.requests,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "intended_at": stamp(self.intended_at),
            "tokens": self.tokens,
            "most_usd": self.most_usd,
            "state": self.state.value,
            "batch_id": self.batch_id,
            "submitted_at": self.submitted_at and stamp(self.submitted_at),
            "ended_at": self.ended_at and stamp(self.ended_at),
            "end": self.end,
            "answered": self.answered,
            "message": self.message,
            "queue": self.queue,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Batch":
        """Return what `to_json` took apart."""
        fields = dict(row)
        for name in ("intended_at", "submitted_at", "ended_at"):
            fields[name] = fields[name] and moment(fields[name])
        fields["parcels"] = tuple(Parcel(**parcel) for parcel in fields["parcels"])
        fields["state"] = BatchState(fields["state"])
        return cls(**fields)


class Batches(Mapping[str, Batch]):
    """All batches of a run by key, never changed: `changed` gives a new value.

    A change costs what is open costs; only an end copies those that are over (0.1 ms at 10,000).
    """

    __slots__ = ("_open", "_over")

    def __init__(self, batches: Iterable[Batch] = ()) -> None:
        """Take batches in the order in which they were intended."""
        known = list(batches)
        self._open = {batch.key: batch for batch in known if batch.state.open}
        self._over = {batch.key: batch for batch in known if not batch.state.open}

    def __getitem__(self, key: str) -> Batch:
        return self._open[key] if key in self._open else self._over[key]

    def __iter__(self) -> Iterator[str]:
        yield from self._over
        yield from self._open

    def __len__(self) -> int:
        return len(self._over) + len(self._open)

    @property
    def open(self) -> tuple[Batch, ...]:
        """Return those of which something is still to come."""
        return tuple(self._open.values())

    def ended(self, most: int) -> Iterator[Batch]:
        """Yield those that are over, the last first, at most so many."""
        return islice(reversed(self._over.values()), most)

    def changed(self, batch: Batch) -> "Batches":
        """Return these batches with `batch` in the place of the one of its key, or added."""
        new = object.__new__(Batches)
        new._open, new._over = dict(self._open), self._over
        if batch.state.open:
            new._open[batch.key] = batch
        else:
            new._open.pop(batch.key, None)
            new._over = {**self._over, batch.key: batch}
        return new
