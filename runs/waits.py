"""What a run waits for at its providers, and for how long as a rule."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from statistics import median
from typing import NamedTuple

from runs.batches import Batch, Batches
from runs.times import lasting

__all__ = ["Wait", "age_seconds", "usual_seconds", "waits"]

REMEMBERED = 50
"""Of the batches that have ended, the last so many tell what is usual."""


class Wait(NamedTuple):
    """The batches that one provider has of a run."""

    provider: str
    batches: int
    requests: int
    age: float
    """Of the oldest, in seconds."""
    usual: float | None
    """How many seconds a batch of this run takes there as a rule; None until one has ended."""
    left: float | None
    """Seconds until the last of them is due, as a rule; None when that is over, or unknown."""

    def __str__(self) -> str:
        words = [f"{self.batches} batch{'es' * (self.batches != 1)} at {self.provider}"]
        words.append(lasting(self.age))
        if self.usual is not None:
            words[-1] += f" (usual {lasting(self.usual)})"
        if self.left is not None:
            words.append(f"about {lasting(self.left)} to go")
        return ", ".join(words)


def waits(batches: Batches, at: datetime) -> list[Wait]:
    """Return what is waited for at `at`, by provider."""
    usual = usual_seconds(batches)
    by_provider: defaultdict[str, list[Batch]] = defaultdict(list)
    for batch in batches.open:
        by_provider[batch.provider].append(batch)
    return [
        _wait(provider, waiting, usual.get(provider), at)
        for provider, waiting in by_provider.items()
    ]


def usual_seconds(batches: Batches) -> Mapping[str, float]:
    """Return how long batches take as a rule, by provider; learned from those that have ended."""
    took: defaultdict[str, list[float]] = defaultdict(list)
    for batch in batches.ended(REMEMBERED):
        if batch.submitted_at and batch.ended_at and batch.queue is None:
            span = (batch.ended_at - batch.submitted_at).total_seconds()
            if span >= 0:  # else the clock was set in between
                took[batch.provider].append(span)
    return {provider: median(spans) for provider, spans in took.items()}


def age_seconds(batch: Batch, at: datetime) -> float:
    """Return for how long a batch has been at its provider; a clock put back makes it 0."""
    return max(0.0, (at - (batch.submitted_at or batch.intended_at)).total_seconds())


def _wait(provider: str, batches: list[Batch], usual: float | None, at: datetime) -> Wait:
    ages = [age_seconds(batch, at) for batch in batches]
    left = None if usual is None else usual - min(ages)
    return Wait(
        provider,
        batches=len(batches),
        requests=sum(batch.requests for batch in batches),
        age=max(ages),
        usual=usual,
        left=left if left is not None and left > 0 else None,
    )
