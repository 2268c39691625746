"""What a run has cost so far, by its journal and its files."""

from collections.abc import Iterator
from decimal import Decimal

from runs import Attempt, Run, attempts

__all__ = ["spent_usd"]


def spent_usd(run: Run) -> Decimal:
    """Return what earlier holders of a run have spent, or may have: calls without an answer too.

    What is unknown counts as nothing; a run whose prices are unknown has no cap.
    """
    total = run.state.in_doubt_usd
    for name, chunk in run.state.chunks.items():
        if not chunk.terminal:  # its round is open: only the files know
            total += sum(map(_cost, _attempts(run, name)), Decimal(0))
            continue
        for counts in chunk.counts.values():
            total += (counts.cost_usd or 0) + (counts.possible_usd or 0)
    return total


def _attempts(run: Run, chunk: str) -> Iterator[Attempt]:
    paths = run.paths.chunk(chunk)
    for step in run.state.steps:
        for history in attempts(paths.results(step.name)).values():
            yield from history


def _cost(attempt: Attempt) -> Decimal:
    return attempt.cost_usd or attempt.possible_usd or Decimal(0)
