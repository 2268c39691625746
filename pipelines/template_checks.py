"""Check a step's templates and its rehearsal: they are there, and names mean something."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipelines.fields import Field, Names, unknown
from pipelines.folder import inside
from pipelines.model import Pipeline, Step
from pipelines.nearest import did_you_mean
from pipelines.rehearsal import FOLDER as REHEARSAL
from pipelines.rehearsal import NAMES as REHEARSAL_NAMES
from pipelines.rehearsal import rehearses
from pipelines.report import Report
from pipelines.template_names import Uses, uses
from pipelines.templates import environment

__all__ = ["TEMPLATES", "check_templates", "existing"]

TEMPLATES = "templates"


def check_templates(pipeline: Pipeline, step: Step, names: Names, report: Report) -> set[Path]:
    """Report what is wrong with the templates of a step that asks; return those that it uses."""
    given: dict[str, Field] | None = None
    if names.known is not None:
        more = {*pipeline.expressions, *pipeline.global_context, *pipeline.defaults, "previous"}
        given = {**names.known, **dict.fromkeys(more, Field("the pipeline"))}
    check = _Check(pipeline.folder / TEMPLATES, step, Names(given, names.others), report)
    used: set[Path] = set()
    for key, name in (("template", step.template), ("system", step.system)):
        if name is not None and existing(pipeline, key, TEMPLATES, name, report):
            used |= check.template(name)
    if rehearses(pipeline, step):
        if given is not None:
            given = {**given, **dict.fromkeys(REHEARSAL_NAMES, Field("the rehearsal"))}
        check = _Check(pipeline.folder / REHEARSAL, step, Names(given, names.others), report)
        used |= check.template(f"{step.name}.jinja2")
    return used


def existing(pipeline: Pipeline, key: str, folder: str, name: str, report: Report) -> Path | None:
    """Return the file that a step names, or report that there is none."""
    root = pipeline.folder / folder
    path = inside(root, name)
    if path is not None and path.is_file():
        return path
    there = [file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()]
    remedy = did_you_mean(name, there) or "; make it, or correct the name"
    if path is None:
        remedy = "; it cannot be elsewhere: put a copy there"
    report.wrong((key,), f"{key} {name!r} is not in {folder}/{remedy}")
    return None


class _Check(NamedTuple):
    root: Path
    step: Step
    names: Names
    report: Report

    def template(self, name: str) -> set[Path]:
        """Report what is wrong with one template and those it includes; return all of them."""
        used = uses(environment(self.root), name)
        for site, message in used.faults:
            self.report.wrong_file(self.root / site.template, site.line, message)
        if self.names.known is not None:
            self._needed(used, self.names.known)
            self._guarded(used, self.names.known)
        return {self.root / template for template in used.reached}

    def _needed(self, used: Uses, given: Mapping[str, Field]) -> None:
        for name, site in used.needed.items():
            path, field = self.root / site.template, given.get(name)
            if field is None:
                self.report.wrong_file(path, site.line, unknown(name, given, self.names.others))
            # Whoever says `when` will have thought of units that lack a field.
            elif field.lacking and self.step.when is None:
                message = (
                    f"{name!r} may be missing: {field.lacking}; a unit without it fails here. "
                    f"Say {{{{ {name} | default('…') }}}}, or see that all have it"
                )
                self.report.doubtful_file(path, site.line, message)

    def _guarded(self, used: Uses, given: Mapping[str, Field]) -> None:
        for name, site in used.guarded.items():
            if name not in given:
                message = f"{unknown(name, given, self.names.others)} (so it is never there)"
                self.report.doubtful_file(self.root / site.template, site.line, message)
