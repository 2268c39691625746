"""What came of a chunk at a step, in numbers."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

from runs import Attempt, Counts
from tasks.work import Invalid, Outcome, Returned, Skipped, Valid

__all__ = ["counts"]


def counts(outcomes: Iterable[Outcome], *, entered: int, seconds: float = 0.0) -> Counts:
    """Return what is known of a round: each outcome and its attempts once; the rest is open."""
    settled = list(outcomes)
    attempts = [attempt for outcome in settled for attempt in outcome.attempts]
    return Counts(
        entered=entered,
        valid=sum(isinstance(outcome, Valid) for outcome in settled),
        skipped=sum(isinstance(outcome, Skipped) for outcome in settled),
        failed=dict(Counter(o.failure.value for o in settled if isinstance(o, Invalid))),
        returned=sum(isinstance(outcome, Returned) for outcome in settled),
        attempts=len(attempts),
        tokens=_tokens(attempts),
        cost_usd=_cost(attempts),
        seconds=seconds,
    )


def _tokens(attempts: Iterable[Attempt]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for attempt in attempts:
        total.update(attempt.usage or {})
    return dict(total)


def _cost(attempts: Iterable[Attempt]) -> Decimal | None:
    """Return the sum, or None as soon as one answer's price is unknown: a part is not the whole."""
    answered = [attempt.cost_usd for attempt in attempts if attempt.error is None]
    known = [cost for cost in answered if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(answered) else None
