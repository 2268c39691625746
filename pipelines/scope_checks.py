"""Check what a step may say and must say, by its scope, and where it may stand among the others."""

from collections.abc import Mapping, Sequence

from pipelines.folder import inside
from pipelines.model import Api, Level, Pipeline, Scope, Step
from pipelines.nearest import did_you_mean
from pipelines.report import Report

__all__ = ["KEYS", "NEEDED", "check_order", "check_scope", "check_script"]

_OF_ALL = frozenset({"name", "description", "scope"})
_CHECKS = frozenset({"output_schema", "into", "required", "types", "enums", "ranges", "rules"})
KEYS: Mapping[Scope, frozenset[str]] = {
    Scope.CHUNK: _OF_ALL
    | _CHECKS
    | Api.model_fields.keys()
    | {"when", "template", "system", "retry_step"},
    Scope.EXPRESSION: _OF_ALL
    | _CHECKS
    | {"when", "expressions", "init", "loop_until", "max_iterations", "retry_step"},
    Scope.FAN_OUT: _OF_ALL | {"when", "field", "child_field"},
    Scope.RUN: _OF_ALL | {"script", "timeout_seconds"},
}
"""What does something at a step, by its scope."""
_TELLING: Mapping[str, Scope] = {
    "expressions": Scope.EXPRESSION,
    "init": Scope.EXPRESSION,
    "loop_until": Scope.EXPRESSION,
    "field": Scope.FAN_OUT,
    "child_field": Scope.FAN_OUT,
    "script": Scope.RUN,
}
"""Keys that show which scope was meant."""
NEEDED: Mapping[Scope, tuple[str, str]] = {
    Scope.CHUNK: ("template", "the file in templates/ that asks the model"),
    Scope.EXPRESSION: ("expressions", "what is computed, as in `expressions: {total: a + b}`"),
    Scope.FAN_OUT: ("field", "the list of which each element becomes a unit"),
    Scope.RUN: ("script", "the Python file that is called when all units are through"),
}
_INSTEAD: Mapping[tuple[Scope, str], str] = {
    (Scope.CHUNK, "expressions"): "what templates need stands under `expressions` at the top",
    (Scope.RUN, "when"): "a script is called once for the whole run",
}


def check_scope(step: Step, report: Report) -> None:
    """Report keys that do nothing at the step, and the one that it lacks."""
    if meant := _meant(step):
        key = next(key for key in _TELLING if key in step.model_fields_set)
        message = f"has {key!r} and no template: add `scope: {meant.value}`"
        report.wrong((), message)
        return
    needed, what = NEEDED[step.scope]
    if not getattr(step, needed):
        report.wrong((), f"needs `{needed}`: {what}")
    for key in sorted(step.model_fields_set - KEYS[step.scope]):
        report.wrong((key,), _idle(key, step.scope))
    if step.max_iterations is not None and step.loop_until is None:
        report.wrong(("max_iterations",), "'max_iterations' does nothing without `loop_until`")
    for key in ("into", "child_field"):
        name = getattr(step, key)
        if name is not None and (name == "unit_id" or name.startswith("_")):
            message = "is a name of Octobatch's own; take another"
            report.wrong((key,), f"{key}: {name!r} {message}")


def _meant(step: Step) -> Scope | None:
    """Return the scope that was forgotten, if one was."""
    if "scope" in step.model_fields_set or step.template is not None:
        return None
    return next((_TELLING[key] for key in _TELLING if key in step.model_fields_set), None)


def _idle(key: str, scope: Scope) -> str:
    owners = [f"`{other.value}`" for other, keys in KEYS.items() if key in keys]
    why = _INSTEAD.get((scope, key)) or f"it belongs to scope {' or '.join(owners)}"
    return f"{key!r} does nothing at a step of scope `{scope.value}`: {why}"


def check_order(pipeline: Pipeline, report: Report) -> None:
    """Report steps that stand where they cannot."""
    for place, step in enumerate(pipeline.steps):
        at = report.within(("pipeline", place), f"step {step.name!r}: ")
        later = [s for s in pipeline.steps[place + 1 :] if s.scope is not Scope.RUN]
        if step.scope is Scope.FAN_OUT and not later:
            at.wrong((), "no step comes after it, so its units go nowhere: add one, or remove this")
        if step.scope is Scope.RUN and later:
            message = f"is called at the very end, not before {later[-1].name!r}: put it behind"
            at.doubtful((), message)
        if step.scope is Scope.RUN and step.script is not None:
            check_script(pipeline, step.script, at)
        if step.retry_step is not None:
            _retry(pipeline, place, step.retry_step, at)


def check_script(pipeline: Pipeline, script: str, report: Report) -> None:
    """Report a script that is not there, or not in the pipeline's folder."""
    path = inside(pipeline.folder, script)
    if path is None:
        message = f"script: {script!r} leads out of the pipeline's folder; put a copy in scripts/"
        report.wrong(("script",), message)
    elif not path.is_file():
        found = [*pipeline.folder.glob("*.py"), *pipeline.folder.glob("scripts/*.py")]
        near = did_you_mean(script, [f.relative_to(pipeline.folder).as_posix() for f in found])
        message = f"script: there is no {script!r} in the folder{near or '; make it'}"
        report.wrong(("script",), message)


def _retry(pipeline: Pipeline, place: int, name: str, report: Report) -> None:
    """A unit can go back to an earlier step that asks a model, if it is still the same unit."""
    step, earlier = pipeline.steps[place], pipeline.steps[:place]
    if message := _no_way_back(pipeline, step, earlier, name):
        report.wrong(("retry_step",), f"retry_step: {name!r} {message}")
        return
    fails = any(rule.level is Level.ERROR for rule in step.rules)
    fails |= any((step.required, step.types, step.enums, step.ranges))
    if step.scope is Scope.CHUNK and not fails:
        message = "'retry_step' does nothing, since no check can fail here: add `rules`"
        report.wrong(("retry_step",), message)
    if pipeline.max_retries == 0:
        report.doubtful(("retry_step",), "'retry_step' does nothing while `max_retries` is 0")


def _no_way_back(pipeline: Pipeline, step: Step, earlier: Sequence[Step], name: str) -> str | None:
    asking = [other.name for other in earlier if other.scope is Scope.CHUNK]
    choice = f"name an earlier step that asks a model: {', '.join(asking)}"
    if not asking:
        choice = "and no step before this one asks a model: remove it"
    target = next((other for other in pipeline.steps if other.name == name), None)
    if target is None:
        return f"is no step{did_you_mean(name, asking) or f'; {choice}'}"
    if target is step:
        return f"is this step itself, which asks again anyway; {choice}"
    if target not in earlier:
        return f"comes later, and units only go back; {choice}"
    if target.scope is not Scope.CHUNK:
        return f"asks no model and would make the same again; {choice}"
    behind = earlier[earlier.index(target) :]
    fan_out = next((other for other in behind if other.scope is Scope.FAN_OUT), None)
    if fan_out is None:
        return None
    said = f"comes before {fan_out.name!r}, which makes other units"
    return f"{said}, and these cannot go back there: remove it"
