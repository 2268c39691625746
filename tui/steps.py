"""The steps of an open run, in numbers that are all of one state."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal

from runs import (
    Batch,
    Chunk,
    Counts,
    RunState,
    Status,
    StepSpec,
    hinted,
    is_retry,
    step_counts,
)
from tui.clean import clean
from tui.snapshot import StepView

__all__ = ["estimate_usd", "step_views"]


def step_views(state: RunState, *, active: bool) -> tuple[StepView, ...]:
    """Return the steps in order; calls are under way only while somebody works on the run."""
    counted = step_counts(state)
    rounds: defaultdict[str, list[Counts]] = defaultdict(list)
    for step, counts in hinted(state).values():
        rounds[step].append(counts)
    at: defaultdict[str, list[Chunk]] = defaultdict(list)
    begin: Counter[str] = Counter()
    for chunk in state.chunks.values():
        if chunk.step is not None:
            at[chunk.step].append(chunk)
        if not is_retry(chunk.name):
            begin[chunk.first] += chunk.items
    out: defaultdict[str, list[Batch]] = defaultdict(list)
    for batch in state.batches.open:
        out[batch.step].append(batch)
    under_way = _under_way(state, rounds) if active else {}
    views: list[StepView] = []
    passed = 0
    for place, spec in enumerate(state.steps):
        name, counts = spec.name, counted[spec.name]
        views.append(
            _view(
                spec,
                counts,
                due=max(counts.units, passed + begin[name]),
                at=at[name],
                rounds=rounds[name],
                out=out[name],
                in_flight=under_way.get(name, 0),
                finished=not any(at[earlier.name] for earlier in _before(state, place)),
            )
        )
        passed = 0 if spec.scope == "fan_out" else counts.units_passed
    return tuple(views)


def estimate_usd(state: RunState, steps: tuple[StepView, ...]) -> Decimal | None:
    """Return what a run will have cost, by what units have cost at each step so far."""
    total, come = Decimal(0), float(state.units)
    for step in steps:
        counts = step.counts
        through = counts.units_passed + counts.lost
        come = max(come, float(step.due))
        if counts.cost_usd is None:
            return None
        if step.provider is not None and state.status is not Status.COMPLETE:
            if not through:
                return None
            total += counts.cost_usd * Decimal(max(1.0, come / through))
        else:
            total += counts.cost_usd
        come *= counts.units_passed / through if through else 1.0
    return total


def _view(
    spec: StepSpec,
    counts: Counts,
    *,
    due: int,
    at: list[Chunk],
    rounds: list[Counts],
    out: list[Batch],
    in_flight: int,
    finished: bool,
) -> StepView:
    processing = sum(batch.requests for batch in out)
    waiting = sum(chunk.due for chunk in at) - sum(_settled(told) for told in rounds)
    return StepView(
        name=clean(spec.name),
        scope=clean(spec.scope),
        provider=_cleaned(spec.provider),
        model=_cleaned(spec.model),
        counts=counts,
        due=due,
        in_flight=in_flight,
        retrying=_retrying(at, rounds, out),
        processing=processing,
        pending=max(0, waiting - processing - in_flight),
        since=min((batch.submitted_at or batch.intended_at for batch in out), default=None),
        finished=finished,
    )


def _cleaned(text: str | None) -> str | None:
    return None if text is None else clean(text)


def _retrying(at: list[Chunk], rounds: list[Counts], out: list[Batch]) -> int:
    """Return how many units are asked again: in detours, in batches, or by the last hints."""
    detoured = sum(chunk.due for chunk in at if chunk.detours)
    if out:
        again = (p.units for batch in out for p in batch.parcels if p.attempt > 1)
        return max(detoured, sum(again))
    asked = sum(min(told.open, max(0, told.attempts - _settled(told))) for told in rounds)
    return max(detoured, asked)


def _settled(counts: Counts) -> int:
    return counts.passed + counts.lost + counts.returned


def _under_way(state: RunState, rounds: Mapping[str, list[Counts]]) -> dict[str, int]:
    """Return the calls under way by step; a model that several ask is shared by what is open."""
    limits: Mapping[str, Mapping[str, int]] = (state.progress or {}).get("limits", {})
    calls: dict[str, int] = {}
    for model, limit in limits.items():
        left = int(limit.get("in_flight") or 0)
        for spec in state.steps:
            if f"{spec.provider}/{spec.model}" == model and rounds.get(spec.name):
                calls[spec.name] = min(left, sum(counts.open for counts in rounds[spec.name]))
                left -= calls[spec.name]
    return calls


def _before(state: RunState, place: int) -> list[StepSpec]:
    """Return the steps from which units can still come to the one at `place`, and that itself."""
    names = [spec.name for spec in state.steps]
    return [
        spec
        for at, spec in enumerate(state.steps)
        if at <= place or (spec.retry_step and names.index(spec.retry_step) <= place)
    ]
