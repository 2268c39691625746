"""Check a step's schema, and what the step says of single fields beside it."""

from collections.abc import Collection

from pipelines.fields import listed
from pipelines.model import Pipeline, Scope, Step
from pipelines.nearest import did_you_mean
from pipelines.report import Report
from pipelines.schemas import Schema, SchemaFault, parse_schema
from pipelines.template_checks import existing

__all__ = ["SCHEMAS", "check_constraints", "check_schema"]

SCHEMAS = "schemas"


def check_schema(pipeline: Pipeline, step: Step, report: Report) -> Schema | None:
    """Return the step's schema, if it has one that can be used."""
    if step.output_schema is None:
        return None
    path = existing(pipeline, "output_schema", SCHEMAS, step.output_schema, report)
    if path is None:
        return None
    try:
        return parse_schema(path.read_bytes())
    except SchemaFault as fault:
        report.wrong_file(path, fault.line, fault.message)
    return None


def check_constraints(
    step: Step, schema: Schema | None, made: Collection[str] | None, report: Report
) -> None:
    """Report constraints on what the step does not make.

    Args:
        step: The step.
        schema: Its schema.
        made: The names that it makes; None when nobody can tell.
        report: Where to put what is found.
    """
    asks = step.scope is Scope.CHUNK
    wanted = {*(schema.required if schema else ()), *step.required}
    for name in sorted(wanted) if asks else ():
        if name == "unit_id" or name.startswith("_"):
            message = f"asks the model for {name!r}, which a reply never sets: take another name"
            report.wrong((), message)
    if made is None:
        return
    for key in ("required", "types", "enums", "ranges"):
        for place, name in enumerate(getattr(step, key)):
            if name not in made:
                keys = (key, place if key == "required" else name)
                said = f"the schema has no {name!r}" if asks else f"no expression makes {name!r}"
                near = did_you_mean(name, made) or listed(made)
                report.wrong(keys, f"{key}: {said}{near}")
    if not asks and schema is not None:
        _computed(schema, made, report)


def _computed(schema: Schema, made: Collection[str], report: Report) -> None:
    """What is computed is the step's own doing: that it can never fit is a mistake."""
    for name in sorted(schema.required.difference(made)):
        message = f"no expression makes {name!r}, which the schema requires: add it here"
        report.wrong(("output_schema",), message)
    if schema.fields is not None and schema.document.get("additionalProperties") is False:
        for name in sorted({*made} - schema.fields - {"_metadata"}):
            message = f"the schema does not allow {name!r}, which is computed here: add it there"
            report.wrong(("output_schema",), message)
