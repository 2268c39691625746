"""What came of a chunk at a step, in numbers."""

from collections import Counter
from collections.abc import Iterable, Sequence

from runs import Attempt, Counts, total_usd
from runs.counts import merged
from tasks.work import Invalid, Outcome, Returned, Skipped, Valid

__all__ = ["counts"]


def counts(
    outcomes: Iterable[Outcome],
    attempts: Sequence[Attempt],
    *,
    entered: int,
    lost: Iterable[Attempt] = (),
    seconds: float = 0.0,
) -> Counts:
    """Return what is known of a round: its outcomes so far; units without one are open.

    Args:
        outcomes: Of the units that have one.
        attempts: All askings of the round, also of units that are still open.
        entered: How many units are due.
        lost: Calls that were sent and never answered.
        seconds: How long it took.
    """
    settled = list(outcomes)
    answered = [attempt for attempt in attempts if attempt.error is None]
    return Counts(
        entered=entered,
        valid=sum(isinstance(outcome, Valid) for outcome in settled),
        skipped=sum(isinstance(outcome, Skipped) for outcome in settled),
        failed=dict(Counter(o.failure.value for o in settled if isinstance(o, Invalid))),
        returned=sum(isinstance(outcome, Returned) for outcome in settled),
        attempts=len(attempts),
        tokens=merged(attempt.usage for attempt in attempts if attempt.usage),
        cost_usd=total_usd(attempt.cost_usd for attempt in answered),
        retry_usd=total_usd(a.cost_usd for a in answered if (a.round, a.attempt) > (1, 1)),
        possible_usd=total_usd(attempt.possible_usd for attempt in lost),
        seconds=seconds,
    )
