"""Steps that ask nobody: whom a step is for, what is computed, and children."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

import orjson

from pipelines import (
    Computation,
    Computed,
    Error,
    Fault,
    Passed,
    PreparedStep,
    Rejected,
    Sandbox,
    Step,
    Unit,
    judge_fields,
    stream_seed,
)
from tasks.policy import Again, FailureClass
from tasks.work import Due, Failed, Outcome, Skipped, StepAtWork, Valid, settled

__all__ = ["Gated", "children", "compute", "fan_out", "gate"]

_Fields: TypeAlias = Mapping[str, Any]


class Gated(NamedTuple):
    """The units of a step before it begins."""

    through: list[Due]
    """Those that it is for."""
    computed: dict[str, _Fields]
    """What the pipeline's expressions make of them, by id."""
    settled: list[Outcome]
    """The others: skipped, or failed because an expression did."""


async def gate(
    due: Sequence[Due], prepared: PreparedStep, step: StepAtWork, sandbox: Sandbox
) -> Gated:
    """Say which of `due` the step is for, and compute what its templates need to know of them."""
    through, others = list(due), list[Outcome]()
    if prepared.when is not None:
        answers = await _run(prepared.when, through, prepared, sandbox)
        through, others = [], []
        for unit, answer in answers:
            if isinstance(answer, Fault):
                others.append(_faulty(unit, step, answer))
            elif answer.fields["when"]:
                through.append(unit)
            else:
                others.append(Skipped(unit.unit))
    if prepared.computed is None:
        return Gated(through, {}, others)
    computed: dict[str, _Fields] = {}
    asked: list[Due] = []
    for unit, answer in await _run(prepared.computed, through, prepared, sandbox):
        if isinstance(answer, Fault):
            others.append(_faulty(unit, step, answer))
        else:
            computed[unit.unit_id] = answer.fields
            asked.append(unit)
    return Gated(asked, computed, others)


async def compute(
    due: Sequence[Due], prepared: PreparedStep, step: StepAtWork, sandbox: Sandbox
) -> list[Outcome]:
    """Return what an expression step makes of each unit, judged as every reply is; any order."""
    assert prepared.computation is not None, "an expression step has expressions"
    outcomes: list[Outcome] = []
    made: list[tuple[Due, _Fields]] = []
    for unit, answer in await _run(prepared.computation, due, prepared, sandbox):
        if isinstance(answer, Fault):
            outcomes.append(_faulty(unit, step, answer))
        else:
            made.append((_told(unit, answer), answer.fields))
    rows = [(unit.unit, dict(fields)) for unit, fields in made]
    verdicts = await judge_fields(prepared, rows, sandbox)
    for (unit, fields), verdict in zip(made, verdicts, strict=True):
        outcomes.append(_final(unit, step, _worth(verdict, fields)))
    return outcomes


def fan_out(due: Iterable[Due], step: Step, work: StepAtWork) -> list[Outcome]:
    """Return which units can be fanned out: those whose field is a list."""
    assert step.field is not None, "a fan-out names its field"
    outcomes: list[Outcome] = []
    for unit in due:
        value = unit.unit.get(step.field)
        if isinstance(value, list):
            verdict = Passed({})
        else:
            found = "missing" if step.field not in unit.unit else f"a {type(value).__name__}"
            error = Error(f"$.{step.field}", "fan_out", f"{step.field} is {found}, not a list")
            verdict = Failed(FailureClass.VALIDATION, (error,), None)
        outcomes.append(_final(unit, work, verdict))
    return outcomes


def children(outcomes: Iterable[Outcome], step: Step) -> Iterator[Unit]:
    """Yield a unit for each element of each unit's field; a unit that was skipped as it is."""
    for outcome in outcomes:
        if isinstance(outcome, Valid):
            yield from _children(outcome.unit, step)
        elif isinstance(outcome, Skipped):
            yield outcome.unit


def _children(unit: Unit, step: Step) -> Iterator[Unit]:
    assert step.field is not None, "a fan-out names its field"
    for index, element in enumerate(unit[step.field]):
        yield {
            **unit,
            "unit_id": f"{unit['unit_id']}__fan{index:03d}",
            step.child_field or step.field: element,
            "_fan_parent_id": unit["unit_id"],
            "_fan_index": index,
        }


async def _run(
    computation: Computation, due: Sequence[Due], prepared: PreparedStep, sandbox: Sandbox
) -> list[tuple[Due, Computed | Fault]]:
    rows = [
        (unit.unit, stream_seed(unit.unit_id, prepared.step.name, prepared.seed)) for unit in due
    ]
    return list(zip(due, await computation.run(rows, sandbox), strict=True))


def _told(due: Due, computed: Computed) -> Due:
    """Say of a unit how often its loop went round; that is nothing that a schema must allow."""
    if computed.iterations is None:
        return due
    metadata = {"iterations": computed.iterations, "timeout": computed.timed_out}
    return replace(due, unit={**due.unit, "_metadata": metadata})


def _worth(verdict: Passed | Rejected, fields: _Fields) -> Passed | Failed:
    if isinstance(verdict, Passed):
        return verdict
    return Failed(FailureClass.VALIDATION, verdict.errors, orjson.dumps(fields).decode())


def _faulty(due: Due, step: StepAtWork, fault: Fault) -> Outcome:
    error = Error(f"$.{fault.expression}", "expression", f"{fault.expression}: {fault.reason}")
    return _final(due, step, Failed(FailureClass.EXPRESSION, (error,), None))


def _final(due: Due, step: StepAtWork, verdict: Passed | Failed) -> Outcome:
    outcome = settled(due, step, verdict)
    assert not isinstance(outcome, Again), "what is computed comes out the same again"
    return outcome
