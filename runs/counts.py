"""All counting: the counts that close a round, and everything that is derived from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runs.state import Chunk, RunState

__all__ = ["Counts", "Totals", "current_step", "open_rounds", "step_counts", "totals"]


@dataclass(frozen=True, slots=True)
class Counts:
    """What went into a chunk-step, what came of it, and what that took."""

    entered: int = 0
    valid: int = 0
    skipped: int = 0
    failed: Mapping[str, int] = field(default_factory=dict[str, int])
    """Units that did not pass, by class of failure."""
    attempts: int = 0
    tokens: Mapping[str, int] = field(default_factory=dict[str, int])
    cost_usd: Decimal | None = Decimal(0)
    """None when the price of a part is unknown: then the sum is, too."""
    seconds: float = 0.0

    @property
    def passed(self) -> int:
        """Return how many units go on to the next step."""
        return self.valid + self.skipped

    @property
    def lost(self) -> int:
        """Return how many units failed, whatever the class."""
        return sum(self.failed.values())

    @property
    def retries(self) -> int:
        """Return how many askings came after the first of a unit."""
        return max(0, self.attempts - (self.entered - self.skipped))

    @property
    def open(self) -> int:
        """Return how many units have no verdict yet."""
        return self.entered - self.passed - self.lost

    def __add__(self, other: "Counts") -> "Counts":
        return _sum((self, other))

    def to_json(self) -> dict[str, Any]:
        """Return the counts as they stand on disk, where `entered` is called `in`."""
        return {
            "in": self.entered,
            "valid": self.valid,
            "skipped": self.skipped,
            "failed": self.failed,
            "attempts": self.attempts,
            "tokens": self.tokens,
            "cost_usd": self.cost_usd,
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Counts":
        """Return the counts that stand in `row`, which may have other keys as well."""
        cost = row["cost_usd"]
        return cls(
            entered=row["in"],
            valid=row["valid"],
            skipped=row["skipped"],
            failed=row["failed"],
            attempts=row["attempts"],
            tokens=row["tokens"],
            cost_usd=None if cost is None else Decimal(str(cost)),
            seconds=row["seconds"],
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """A whole run in numbers."""

    units: int
    valid: int
    """Units that passed every step."""
    failed: int
    attempts: int
    tokens: Mapping[str, int]
    cost_usd: Decimal | None
    progress: float
    """Share of all unit-steps that are behind us, 0 to 1; a failed unit has none ahead."""

    @property
    def open(self) -> int:
        """Return how many units have no final verdict yet."""
        return self.units - self.valid - self.failed


def totals(state: "RunState") -> Totals:
    """Return the run in numbers."""
    work = _sum(step_counts(state).values())
    chunks, under_way = state.chunks.values(), open_rounds(state)
    due = state.units * len(state.steps)
    ahead = sum(
        _ahead(chunk, len(state.steps), under_way.get(chunk.name))
        for chunk in chunks
        if not chunk.terminal
    )
    return Totals(
        units=state.units,
        valid=sum(chunk.alive for chunk in chunks if chunk.terminal),
        failed=work.lost,
        attempts=work.attempts,
        tokens=work.tokens,
        cost_usd=work.cost_usd,
        progress=1 - ahead / due if due else 1.0,
    )


def step_counts(state: "RunState") -> dict[str, Counts]:
    """Return the counts of every step: of its closed rounds, and what is known of the open ones."""
    rounds: dict[str, list[Counts]] = {step.name: [] for step in state.steps}
    for chunk in state.chunks.values():
        for step, counts in chunk.counts.items():
            rounds[step].append(counts)
    for chunk, counts in open_rounds(state).items():
        step = state.chunks[chunk].step
        assert step is not None, "an open round is at a step"
        rounds[step].append(counts)
    return {step: _sum(rows) for step, rows in rounds.items()}


def open_rounds(state: "RunState") -> dict[str, Counts]:
    """Return the last hint of every chunk that is still at the step it was then, by name."""
    hinted: Mapping[str, Any] = (state.progress or {}).get("rounds", {})
    return {
        name: Counts.from_json(row)
        for name, row in hinted.items()
        if (chunk := state.chunks.get(name)) and chunk.step == row["step"]
    }


def current_step(state: "RunState") -> str | None:
    """Return the earliest step at which a chunk stands; None when all are at their end."""
    at = {chunk.step for chunk in state.chunks.values()}
    return next((step.name for step in state.steps if step.name in at), None)


def _ahead(chunk: "Chunk", steps: int, under_way: Counts | None) -> int:
    left = steps - len(chunk.counts)
    done = under_way.passed + under_way.lost * left if under_way else 0
    return chunk.alive * left - done


def _sum(rows: Iterable[Counts]) -> Counts:
    rows = list(rows)
    costs = [row.cost_usd for row in rows]
    known = [cost for cost in costs if cost is not None]
    return Counts(
        entered=sum(row.entered for row in rows),
        valid=sum(row.valid for row in rows),
        skipped=sum(row.skipped for row in rows),
        failed=_merged(row.failed for row in rows),
        attempts=sum(row.attempts for row in rows),
        tokens=_merged(row.tokens for row in rows),
        cost_usd=sum(known, Decimal(0)) if len(known) == len(costs) else None,
        seconds=sum(row.seconds for row in rows),
    )


def _merged(rows: Iterable[Mapping[str, int]]) -> dict[str, int]:
    merged: dict[str, int] = {}
    for row in rows:  # a Counter's update is four times slower, and a manifest sums 40,000 rows
        for key, n in row.items():
            merged[key] = merged.get(key, 0) + n
    return merged
