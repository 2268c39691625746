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

__all__ = ["judge"]


async def judge(
    step: PreparedStep, asked: Sequence[tuple[Unit, str]], sandbox: Sandbox
) -> list[Verdict]:
    """Return the verdict on each (unit, reply), in order.

    Each reply is judged alone; only rules see the unit's other fields. Nothing in a reply raises.
    """
    verdicts = [_read(step, reply) for _, reply in asked]
    if step.rules is None:
        return verdicts
    passed = [(n, verdict) for n, verdict in enumerate(verdicts) if isinstance(verdict, Passed)]
    merged = [{**asked[n][0], **verdict.fields} for n, verdict in passed]
    judged = await step.rules.judge(merged, sandbox)
    for (n, verdict), (errors, notes) in zip(passed, judged, strict=True):
        verdicts[n] = (
            Rejected(Stage.VALIDATION, errors)
            if errors
            else Passed(verdict.fields, verdict.notes + notes)
        )
    return verdicts


def _read(step: PreparedStep, reply: str) -> Verdict:
    """Return what a reply is worth before its rules are asked."""
    try:
        extracted = extract(reply)
    except Unfit as unfit:
        error = Error(unfit.path, unfit.rule, unfit.message)
        return Rejected(Stage.SCHEMA_VALIDATION, (error,))
    fields, notes = extracted
    if step.validator is not None:
        fields, coerced = coerce(unwrap(fields, step.validator.required), step.validator)
        notes += coerced
    fields = _own(fields)
    if step.validator is not None and not step.validator.accepts(fields):
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
