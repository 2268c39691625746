"""The funnel of a run: what has come to each step, what came of it, and what is still to come."""

from collections import Counter
from dataclasses import dataclass

from runs import Counts, RunState, Status, step_counts

__all__ = ["Stretch", "funnel"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """One step of a funnel."""

    step: str
    model: str | None
    """Who is asked, as `provider/model`; None at a step that asks nobody."""
    counts: Counts
    due: int
    """Units that it will have had, as far as that is known."""
    in_batches: int

    @property
    def through(self) -> int:
        """Return how many units have been through it, those that came back only once."""
        counts = self.counts
        return max(0, counts.passed + counts.lost + counts.returned - counts.again)

    @property
    def valid(self) -> int:
        """Return how many units have passed a step that was for them."""
        return self.counts.units_passed - self.counts.units_skipped

    @property
    def asked_again(self) -> int:
        """Return how many askings came after the first of a unit, those sent back as well."""
        return max(0, self.counts.attempts - (self.counts.units - self.counts.units_skipped))


def funnel(state: RunState) -> list[Stretch]:
    """Return the steps of a run in order."""
    by_step, in_batches = step_counts(state), _in_batches(state)
    stretches: list[Stretch] = []
    due = state.units
    for step in state.steps:
        counts = by_step[step.name]
        due = counts.units if state.status is Status.COMPLETE else max(due, counts.units)
        model = f"{step.provider}/{step.model}" if step.provider else None
        stretches.append(Stretch(step.name, model, counts, due, in_batches[step.name]))
        due = 0 if step.scope == "fan_out" else due - counts.lost
    return stretches


def _in_batches(state: RunState) -> Counter[str]:
    """Return how many units of each step are in batches."""
    units: Counter[str] = Counter()
    for batch in state.batches.open:
        units[batch.step] += batch.requests
    return units
