"""How much a run has in batches at providers, in few numbers that other runs reckon with."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from runs.batches import Batch, Batches, BatchState

__all__ = ["Line", "Load", "Loads", "loads_from_json", "loads_of", "loads_to_json"]

HOUR = timedelta(hours=1)
"""Over which vendors count creations."""
MOST_REMEMBERED = 5_000
"""More batches than are created in an hour."""
ANY = ""
"""In the place of a model: it is not told which."""


class Line(NamedTuple):
    """Who is asked."""

    provider: str
    model: str


class Load(NamedTuple):
    """How much there is in batches that are not over."""

    batches: int = 0
    requests: int = 0
    tokens: int = 0
    """About so many are read of the requests."""

    def plus(self, other: "Load") -> "Load":
        """Return both together."""
        return Load(
            self.batches + other.batches,
            self.requests + other.requests,
            self.tokens + other.tokens,
        )


@dataclass(frozen=True, slots=True)
class Loads:
    """What is at providers."""

    lines: Mapping[Line, Load] = field(default_factory=dict[Line, Load])
    created: Mapping[str, int] = field(default_factory=dict[str, int])
    """Batches of the last hour, by provider; whatever came of them."""

    def at_provider(self, provider: str) -> Load:
        """Return what is at a provider, of all its models."""
        return _sum(load for line, load in self.lines.items() if line.provider == provider)

    def at_model(self, asked: Line) -> Load:
        """Return what waits for one model, and what waits for nobody knows which."""
        mine = {asked, asked._replace(model=ANY)}
        return _sum(load for line, load in self.lines.items() if line in mine)

    def plus(self, other: "Loads") -> "Loads":
        """Return both together."""
        lines = {
            line: self.lines.get(line, Load()).plus(other.lines.get(line, Load()))
            for line in {**self.lines, **other.lines}
        }
        return Loads(lines, Counter(self.created) + Counter(other.created))

    def coarse(self) -> "Loads":
        """Return the same without saying which models: it takes less room."""
        lines: defaultdict[Line, Load] = defaultdict(Load)
        for line, load in self.lines.items():
            whole = line._replace(model=ANY)
            lines[whole] = lines[whole].plus(load)
        return Loads(lines, self.created)


def loads_of(batches: Batches, at: datetime) -> Loads:
    """Return what a run has at providers.

    Batches of which nobody can tell whether they are there are not counted: a person is asked.
    """
    there: defaultdict[Line, list[Batch]] = defaultdict(list)
    for batch in batches.open:
        if batch.state in {BatchState.INTENDED, BatchState.SUBMITTED}:
            there[Line(batch.provider, batch.model)].append(batch)
    known = (*batches.open, *batches.ended(MOST_REMEMBERED))
    created = Counter(batch.provider for batch in known if _is_new(batch, at))
    return Loads({line: _together(those) for line, those in there.items()}, created)


def loads_to_json(told: Loads) -> dict[str, Any]:
    """Return loads as they stand in a summary."""
    lines = {f"{line.provider}/{line.model}": list(load) for line, load in told.lines.items()}
    return {"in_flight": lines, "created_in_last_hour": dict(told.created)}


def loads_from_json(row: Mapping[str, Any]) -> Loads:
    """Return what `loads_to_json` wrote; nothing from a summary of before there were batches."""
    lines = {
        Line(*name.split("/", 1)): Load(*load) for name, load in row.get("in_flight", {}).items()
    }
    return Loads(lines, row.get("created_in_last_hour", {}))


def _is_new(batch: Batch, at: datetime) -> bool:
    """Say whether a batch counts among those that were created in the hour before."""
    if batch.state is BatchState.INTENDED:
        return True
    return batch.submitted_at is not None and at - batch.submitted_at < HOUR


def _together(batches: list[Batch]) -> Load:
    """Return what batches come to; a run may have thousands, and asks before each that it sends."""
    return Load(
        len(batches),
        sum(batch.requests for batch in batches),
        sum(batch.tokens for batch in batches),
    )


def _sum(loads: Iterable[Load]) -> Load:
    whole = Load()
    for load in loads:
        whole = whole.plus(load)
    return whole
