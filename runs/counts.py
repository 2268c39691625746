"""All counting: the counts that close a round, and everything that is derived from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runs.chunks import Chunk
    from runs.state import RunState

__all__ = ["ANSWERED", "Counts", "Totals", "current_step", "hinted", "merged", "open_rounds"]
__all__ += ["passed_all", "step_counts", "summed", "total_usd", "totals"]


ANSWERED = frozenset({"schema_validation", "validation", "truncated", "refused"})
"""Classes of failures in which the model has answered, and what it said does not pass."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What went into a chunk-step, what came of it, and what that took; over any rounds of it."""

    entered: int = 0
    """Once for each round in which a unit came here."""
    valid: int = 0
    skipped: int = 0
    failed: Mapping[str, int] = field(default_factory=dict[str, int])
    """Units that did not pass, by class of failure."""
    attempts: int = 0
    tokens: Mapping[str, int] = field(default_factory=dict[str, int])
    cost_usd: Decimal | None = Decimal(0)
    """None when the price of a part is unknown: then the sum is, too."""
    seconds: float = 0.0
    returned: int = 0
    """Units that were sent back to an earlier step."""
    again: int = 0
    """Of `entered`: had been here before."""
    mended: int = 0
    """Of those that passed: only after having been sent back."""
    retry_usd: Decimal | None = Decimal(0)
    """Of `cost_usd`: for askings after the first of a unit."""
    possible_usd: Decimal | None = Decimal(0)
    """Beside `cost_usd`: the most that calls without an answer may have cost; None: unknown."""

    @property
    def passed(self) -> int:
        """Return how many units go on to the next step."""
        return self.valid + self.skipped

    @property
    def lost(self) -> int:
        """Return how many units failed, whatever the class."""
        return sum(self.failed.values())

    @property
    def hard(self) -> int:
        """Return how many units failed by a fault on the way, and not by what a model said."""
        return sum(n for failure, n in self.failed.items() if failure not in ANSWERED)

    @property
    def units(self) -> int:
        """Return how many units have come here, each once however often it did."""
        return self.entered - self.again

    @property
    def units_passed(self) -> int:
        """Return how many units have passed, each once however often it did."""
        return min(self.passed, self.units - self.lost)

    @property
    def units_skipped(self) -> int:
        """Return how many units it was not for, each once however often they came."""
        return min(self.skipped, self.units_passed)

    @property
    def retries(self) -> int:
        """Return how many askings came after the first of a unit in a round."""
        return max(0, self.attempts - (self.entered - self.skipped))

    @property
    def open(self) -> int:
        """Return how many units have no verdict yet."""
        return self.entered - self.passed - self.lost - self.returned

    def repeated(self) -> "Counts":
        """Return the counts of a round whose units had all been here before."""
        return replace(self, again=self.entered, mended=self.passed)

    def given_another_chance(self, classes: Mapping[str, int]) -> "Counts":
        """Return the counts when so many units that had failed, by class, begin again elsewhere."""
        failed = {name: n - classes.get(name, 0) for name, n in self.failed.items()}
        return replace(
            self,
            failed={name: n for name, n in failed.items() if n},
            returned=self.returned + sum(classes.values()),
        )

    def __add__(self, other: "Counts") -> "Counts":
        return summed((self, other))

    def to_json(self) -> dict[str, Any]:
        """Return the counts as they stand on disk, where `entered` is called `in`."""
        return {
            "in": self.entered,
            "valid": self.valid,
            "skipped": self.skipped,
            "failed": self.failed,
            "returned": self.returned,
            "again": self.again,
            "mended": self.mended,
            "attempts": self.attempts,
            "tokens": self.tokens,
            "cost_usd": self.cost_usd,
            "retry_usd": self.retry_usd,
            "possible_usd": self.possible_usd,
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> "Counts":
        """Return the counts that stand in `row`, which may have other keys as well."""
        return cls(
            entered=row["in"],
            valid=row["valid"],
            skipped=row["skipped"],
            failed=row["failed"],
            attempts=row["attempts"],
            tokens=row["tokens"],
            cost_usd=_usd(row["cost_usd"]),
            seconds=row["seconds"],
            returned=row.get("returned", 0),
            again=row.get("again", 0),
            mended=row.get("mended", 0),
            retry_usd=_usd(row.get("retry_usd", 0)),
            possible_usd=_usd(row.get("possible_usd", 0)),
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """A whole run in numbers."""

    units: int
    valid: int
    """Units that passed every step."""
    failed: int
    hard: int
    """Of those that failed: by a fault on the way."""
    attempts: int
    tokens: Mapping[str, int]
    cost_usd: Decimal | None
    retry_usd: Decimal | None
    """Of `cost_usd`: for asking again."""
    possible_usd: Decimal | None
    """Beside `cost_usd`: the most that calls without an answer may have cost."""
    progress: float
    """Share of all unit-steps that are behind us, 0 to 1; a failed unit has none ahead."""

    @property
    def open(self) -> int:
        """Return how many units have no final verdict yet."""
        return self.units - self.valid - self.failed


def totals(state: "RunState") -> Totals:
    """Return the run in numbers."""
    work = summed(step_counts(state).values())
    chunks, under_way = list(state.chunks.values()), open_rounds(state)
    last = state.steps[-1].name
    return Totals(
        units=sum(chunk.units for chunk in chunks),
        valid=sum(passed_all(chunk, last, under_way.get(chunk.name)) for chunk in chunks),
        failed=work.lost,
        hard=work.hard,
        attempts=work.attempts,
        tokens=work.tokens,
        cost_usd=work.cost_usd,
        retry_usd=work.retry_usd,
        possible_usd=total_usd((work.possible_usd, state.in_doubt_usd)),
        progress=_progress(state, chunks, under_way),
    )


def passed_all(chunk: "Chunk", last: str, under_way: Counts | None) -> int:
    """Return how many units of a chunk have passed every step; others of it may still be about to.

    Args:
        chunk: wherever it stands.
        last: the last step.
        under_way: what is known of its open round, if anything is.
    """
    if chunk.terminal:
        return chunk.valid
    rounds = [chunk.counts[last]] if last in chunk.counts else []
    if under_way is not None and chunk.step == last:
        rounds.append(under_way)
    return summed(rounds).units_passed if rounds else 0


def step_counts(state: "RunState") -> dict[str, Counts]:
    """Return the counts of every step: of its closed rounds, and what is known of the open ones."""
    rounds: dict[str, list[Counts]] = {step.name: [] for step in state.steps}
    for step, counts in state.chunks.counted():
        rounds[step].append(counts)
    for chunk, counts in open_rounds(state).items():
        step = state.chunks[chunk].step
        assert step is not None, "an open round is at a step"
        rounds[step].append(counts)
    return {step: summed(rows) for step, rows in rounds.items()}


def open_rounds(state: "RunState") -> dict[str, Counts]:
    """Return the last hint of every chunk that is still in the round it was then, by name."""
    return {name: state.chunks[name].knowing(counts) for name, (_, counts) in hinted(state).items()}


def hinted(state: "RunState") -> dict[str, tuple[str, Counts]]:
    """Return the step and the counts of these rounds, as they were told."""
    told: Mapping[str, Any] = (state.progress or {}).get("rounds", {})
    rounds: dict[str, tuple[str, Counts]] = {}
    for name, row in told.items():
        chunk = state.chunks[name]
        if (chunk.step, chunk.round) == (row["step"], row["round"]):
            rounds[name] = row["step"], Counts.from_json(row)
    return rounds


def current_step(state: "RunState") -> str | None:
    """Return the earliest step at which a chunk stands; None when all are at their end."""
    at = {chunk.step for chunk in state.chunks.values()}
    return next((step.name for step in state.steps if step.name in at), None)


def _progress(
    state: "RunState", chunks: Iterable["Chunk"], under_way: Mapping[str, Counts]
) -> float:
    """Return the share of all unit-steps that are behind; a fan-out adds those of its children."""
    places = {step.name: place for place, step in enumerate(state.steps)}
    whole = ahead = 0
    for chunk in chunks:
        fanned_out = chunk.units < chunk.items
        steps = len(chunk.counts) if fanned_out else len(places) - places[chunk.first]
        whole += chunk.items * steps
        ahead += _ahead(chunk, places, under_way.get(chunk.name))
    return 1 - ahead / whole if whole else 1.0


def _ahead(chunk: "Chunk", places: Mapping[str, int], under_way: Counts | None) -> int:
    """Return how many unit-steps a chunk has left; units in a detour have those in it again."""
    if chunk.step is None:
        return 0
    left = len(places) - places[chunk.step]
    done = under_way.passed + under_way.lost * left if under_way else 0
    waiting = sum(
        detour.passed * (len(places) - places[detour.step] - 1) for detour in chunk.detours
    )
    return chunk.due * left + waiting - done


def summed(rows: Iterable[Counts]) -> Counts:
    """Return the counts of all rows together."""
    rows = list(rows)
    return Counts(
        entered=sum(row.entered for row in rows),
        valid=sum(row.valid for row in rows),
        skipped=sum(row.skipped for row in rows),
        failed=merged(row.failed for row in rows),
        attempts=sum(row.attempts for row in rows),
        tokens=merged(row.tokens for row in rows),
        cost_usd=total_usd(row.cost_usd for row in rows),
        seconds=sum(row.seconds for row in rows),
        returned=sum(row.returned for row in rows),
        again=sum(row.again for row in rows),
        mended=sum(row.mended for row in rows),
        retry_usd=total_usd(row.retry_usd for row in rows),
        possible_usd=total_usd(row.possible_usd for row in rows),
    )


def total_usd(costs: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum, or None as soon as one part is unknown: a part is not the whole."""
    total = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total


def _usd(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def merged(rows: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum of some counts, kind by kind."""
    total: dict[str, int] = {}
    for row in rows:  # a Counter's update is four times slower, and a manifest sums 40,000 rows
        for key, n in row.items():
            total[key] = total.get(key, 0) + n
    return total
