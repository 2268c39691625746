"""Which units are due at a chunk-step, and what each has behind it there."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines import Error, Exchange
from runs import Attempt, Run, attempts
from tasks.judging import reply_of
from tasks.work import Due

__all__ = ["due"]


def due(run: Run, step: str, chunk: str) -> list[Due]:
    """Return the units that are due at `step`, with what is on disk of them already."""
    history = attempts(run.paths.chunk(chunk).results(step))
    sent_back = run.sent_back(chunk)
    reasons = _reasons(run, step, chunk)
    units: list[Due] = []
    for unit in run.due(step, chunk):
        unit_id = unit["unit_id"]
        turn = 1 + sum(by[unit_id] for by in sent_back.values())
        known = history.get(unit_id, ())
        answers = [attempt for attempt in known if not attempt.lost]
        units.append(
            Due(
                unit=unit,
                round=turn,
                history=[attempt for attempt in answers if attempt.round == turn],
                lost=[call for call in known if call.lost and call.round == turn],
                exchange=_exchange(answers, reasons.get(unit_id), turn),
                sent_back=sent_back[step][unit_id] if step in sent_back else 0,
            )
        )
    return units


def _reasons(run: Run, step: str, chunk: str) -> Mapping[str, Mapping[str, Any]]:
    """Return why a later step has sent units back to this one in the current detour."""
    detours = run.state.chunks[chunk].detours
    if not detours or detours[-1].to != step:
        return {}
    records = run.returned(detours[-1].step, chunk)
    return {unit_id: rows[-1] for unit_id, rows in records.items()}


def _exchange(
    history: Sequence[Attempt], reason: Mapping[str, Any] | None, turn: int
) -> Exchange | None:
    """Return the last reply of the rounds before, and why the later step did not take it."""
    earlier = [attempt for attempt in history if attempt.round < turn]
    if reason is None or not earlier:
        return None
    return Exchange(
        attempt=earlier[-1].attempt,
        reply=reply_of(earlier[-1]).text if earlier[-1].raw else "",
        errors=tuple(Error(**error) for error in reason["errors"]),
        sent_back_by=reason["step"],
        findings=reason["raw_response"],
    )
