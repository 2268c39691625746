"""Judge replies: each becomes the fields that its unit gains, or all that is wrong with it."""

from collections.abc import Sequence
from typing import Any

from pipelines.coercion import coerce, unwrap
from pipelines.constraints import check
from pipelines.prepared import PreparedStep
from pipelines.replies import extract
from pipelines.sandbox import Sandbox
from pipelines.values import Unfit
from pipelines.verdicts import Error, Passed, Rejected, Stage, Unit, Verdict

__all__ = ["judge", "judge_fields"]


async def judge(
    step: PreparedStep, asked: Sequence[tuple[Unit, str]], sandbox: Sandbox
) -> list[Verdict]:
    """Return the verdict on each (unit, reply), in order.

    Each reply is judged alone; only rules see the unit's other fields. Nothing in a reply raises.
    """
    return await _ruled(step, asked, [_read(step, reply) for _, reply in asked], sandbox)


async def judge_fields(
    step: PreparedStep, computed: Sequence[tuple[Unit, dict[str, Any]]], sandbox: Sandbox
) -> list[Verdict]:
    """Return the verdict on each (unit, fields computed of it), in order.

    It is the gate that replies pass, but that nobody is kept from naming fields as they like.
    """
    verdicts = [_fit(step, fields, ()) for _, fields in computed]
    return await _ruled(step, computed, verdicts, sandbox)


async def _ruled(
    step: PreparedStep,
    asked: Sequence[tuple[Unit, object]],
    verdicts: list[Verdict],
    sandbox: Sandbox,
) -> list[Verdict]:
    """Return `verdicts` with what the step's rules say of those that pass so far."""
    if step.rules is None:
        return verdicts
    passed = [(n, verdict) for n, verdict in enumerate(verdicts) if isinstance(verdict, Passed)]
    into = step.step.into
    merged = [
        {**asked[n][0], **verdict.fields, **({into: verdict.fields} if into else {})}
        for n, verdict in passed
    ]
    judged = await step.rules.judge(merged, sandbox)
    for (n, verdict), (errors, warnings, notes) in zip(passed, judged, strict=True):
        verdicts[n] = (
            Rejected(Stage.VALIDATION, errors)
            if errors
            else Passed(verdict.fields, verdict.notes + notes, warnings)
        )
    return verdicts


def _read(step: PreparedStep, reply: str) -> Verdict:
    """Return what a reply is worth before its rules are asked."""
    try:
        fields, notes = extract(reply)
    except Unfit as unfit:
        error = Error(unfit.path, unfit.rule, unfit.message)
        return Rejected(Stage.SCHEMA_VALIDATION, (error,))
    if step.validator is not None:
        fields = unwrap(fields, step.validator.required)
    return _fit(step, _own(fields), notes)


def _fit(step: PreparedStep, fields: dict[str, Any], notes: tuple[str, ...]) -> Verdict:
    """Return whether `fields` are what the schema and the constraints ask for."""
    if step.validator is not None:
        fields, coerced = coerce(fields, step.validator)
        notes += coerced
        if not step.validator.accepts(fields):
            return Rejected(Stage.SCHEMA_VALIDATION, step.validator.errors(fields))
    fields, errors = check(fields, step.step)
    return Rejected(Stage.VALIDATION, errors) if errors else Passed(fields, notes)


def _own(fields: dict[str, Any]) -> dict[str, Any]:
    """Return `fields` without those that are not the model's to set."""
    return {
        name: value
        for name, value in fields.items()
        if name != "unit_id" and not name.startswith("_")
    }
