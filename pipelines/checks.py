"""Check what a pipeline's files say of one another, without running any of it."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.doubts import check_shadows, doubt_files, doubt_yaml
from pipelines.errors import PipelineError
from pipelines.expression_checks import check_expressions
from pipelines.fields import Fields, Names
from pipelines.folder_checks import check_folder, check_links
from pipelines.model import Pipeline, Scope
from pipelines.post_process_checks import check_post_process
from pipelines.report import Report
from pipelines.scope_checks import check_order
from pipelines.step_checks import StepCheck, made_by
from pipelines.unit_checks import check_items, doubt_size, unit_fields

__all__ = ["check"]

RESERVED = frozenset({"final"})
"""Names of steps whose files would be another's: final_validated.jsonl."""


def check(pipeline: Pipeline, report: Report, *, frozen: bool) -> None:
    """Report everything that is wrong or doubtful in a pipeline whose config.yaml is well formed.

    Args:
        pipeline: What config.yaml says.
        report: Where to put what is found.
        frozen: It is a run's own copy: its folder is named as runs are, its items may be elsewhere.
    """
    check_links(pipeline, report)
    _step_names(pipeline, report)
    check_order(pipeline, report)
    known: Fields = None
    if not frozen:
        check_folder(pipeline, report)
        if check_items(pipeline, report):
            known = _fields(pipeline, report)
        doubt_yaml(pipeline, report, items=known is not None)
    used: set[Path] = set()
    known = _steps(pipeline, known, used, report)
    check_post_process(pipeline, known, report)
    check_shadows(pipeline, known, report)
    doubt_files(pipeline, used, report)


def _fields(pipeline: Pipeline, report: Report) -> Fields:
    try:
        fields = unit_fields(pipeline)
        doubt_size(pipeline, report)
    except PipelineError as error:
        report.problems.extend(error.problems)
        return None
    return fields


def _steps(pipeline: Pipeline, known: Fields, used: set[Path], report: Report) -> Fields:
    """Check each step knowing the fields from those before it; return the fields in the end."""
    made = [made_by(pipeline, step) for step in pipeline.steps]
    asked = False
    for place, step in enumerate(pipeline.steps):
        others = _others(pipeline, made, place)
        if step.scope is Scope.CHUNK and not asked:
            names = Names(known, others)
            check_expressions(pipeline.expressions, names, report, doubts=step.when is None)
            asked = True
        at = report.within(("pipeline", place), f"step {step.name!r}: ")
        known = StepCheck(pipeline, step, others, at, used).fields(known)
    if pipeline.expressions and not asked:
        message = "'expressions' are for templates, and no step asks: let a step compute them"
        report.wrong(("expressions",), message)
    return known


def _others(pipeline: Pipeline, made: Sequence[frozenset[str]], place: int) -> dict[str, str]:
    """Return names that are no fields at a step, with what to say of each."""
    context = "is known to templates only, from `{}`; expressions see the fields of units"
    others = {
        name: context.format(key)
        for key in ("expressions", "global_context")
        for name in getattr(pipeline, key)
    }
    for later in range(len(made) - 1, place, -1):
        said = f"is made by step {pipeline.steps[later].name!r}, which comes later"
        others |= dict.fromkeys(made[later], said)
    return others | dict.fromkeys(made[place], "is not there yet: this very step makes it")


def _step_names(pipeline: Pipeline, report: Report) -> None:
    if report.document.value.get("pipeline") == []:
        report.wrong(("pipeline",), "a pipeline has at least one step")
    first: dict[str, int] = {}
    for place, step in enumerate(pipeline.steps):
        keys = ("pipeline", place, "name")
        earlier = first.setdefault(step.name, place)
        if step.name in RESERVED:
            message = f"{step.name!r} is a name of Octobatch's own: call the step otherwise"
            report.wrong(keys, message)
        elif earlier != place:
            line = report.document.line(("pipeline", earlier))
            message = f"there is a step {step.name!r} already, on line {line}: rename one"
            report.wrong(keys, message)
