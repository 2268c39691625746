"""What is allowed in a pipeline, and probably not meant."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from pipelines.fields import Fields
from pipelines.folder import CONFIG
from pipelines.item_file import opened
from pipelines.items import Format, format_of
from pipelines.model import Pipeline, Scope
from pipelines.nearest import did_you_mean
from pipelines.readings import read
from pipelines.rehearsal import FOLDER as REHEARSAL
from pipelines.report import Report
from pipelines.schema_checks import SCHEMAS
from pipelines.template_checks import TEMPLATES
from pipelines.yaml_traps import traps

__all__ = ["check_shadows", "doubt_files", "doubt_yaml"]

LOOKED_AT = 2**18
"""Bytes of a file of items that are looked at: who writes `no` for a word does so early."""
MOST_TRAPS = 10
"""Words that are told, each where it stands first."""
_IGNORED = (".md", ".txt")


def doubt_files(pipeline: Pipeline, used: Iterable[Path], report: Report) -> None:
    """Doubt files that no step uses."""
    schemas = (step.output_schema for step in pipeline.steps if step.output_schema)
    known = {*used, *(pipeline.folder / SCHEMAS / name for name in schemas)}
    asking = [step.name for step in pipeline.steps if step.scope is Scope.CHUNK]
    for folder in (TEMPLATES, SCHEMAS, REHEARSAL):
        for path in sorted((pipeline.folder / folder).rglob("*")):
            plain = not path.name.startswith(".") and path.suffix not in _IGNORED
            if plain and path.is_file() and path not in known:
                report.doubtful_file(
                    path, None, f"no step uses this file{_why(path, folder, asking)}"
                )


def _why(path: Path, folder: str, asking: Iterable[str]) -> str:
    if folder != REHEARSAL:
        return ""
    near = did_you_mean(path.stem, asking)
    return near or ": a rehearsal is called as its step is, with .jinja2"


def check_shadows(pipeline: Pipeline, known: Fields, report: Report) -> None:
    """Doubt names that mean something else to templates than to the units that have them."""
    # What is computed from its old value is overwritten on purpose.
    meant = {r.name for r in read(pipeline.expressions) if r.name in r.needs}
    for key in ("global_context", "expressions"):
        for name in getattr(pipeline, key):
            if name == "previous":
                message = "in templates 'previous' is the reply before this one: call it otherwise"
                report.wrong((key, name), message)
            elif known is not None and name in known and name not in meant:
                said = f"units have {name!r} too, from {known[name].maker}: templates see this one"
                report.doubtful((key, name), f"{said}; call it otherwise to have both")
    for name in sorted(pipeline.global_context.keys() & pipeline.expressions.keys()):
        message = f"{name!r} stands under `global_context` too: templates see that one"
        report.doubtful(("expressions", name), message)


def doubt_yaml(pipeline: Pipeline, report: Report, *, items: bool) -> None:
    """Doubt what other readers of YAML take for something else, in config.yaml and in `items`."""
    _doubt_traps(pipeline.folder / CONFIG, report)
    if items and pipeline.items is not None and format_of(pipeline.items) is Format.YAML:
        _doubt_traps(pipeline.items, report)


def _doubt_traps(path: Path, report: Report) -> None:
    with opened(path) as file:
        text = file.read(LOOKED_AT).decode("utf-8-sig", errors="replace")
    lines: dict[str, list[int]] = {}
    for trap in traps(text):
        lines.setdefault(trap.message, []).append(trap.line)
    for message, (first, *others) in islice(lines.items(), MOST_TRAPS):
        more = f" (and on {len(others):,} more lines)" if others else ""
        report.doubtful_file(path, first, message + more)
