"""Check what is to be made of the results when a run is complete."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from pipelines.fields import Fields, unknown
from pipelines.folder import inside
from pipelines.model import Pipeline, PostProcess, PostProcessType
from pipelines.report import Report
from pipelines.scope_checks import check_script

__all__ = ["KEYS", "NEEDED", "check_post_process"]

_OF_ALL = frozenset({"name", "type"})
KEYS: Mapping[PostProcessType, frozenset[str]] = {
    PostProcessType.TABLE: _OF_ALL | {"group_by", "count", "output"},
    PostProcessType.GZIP: _OF_ALL | {"files", "keep_originals"},
    PostProcessType.SCRIPT: _OF_ALL | {"script", "args", "output"},
}
"""What does something at an entry, by its type."""
NEEDED: Mapping[PostProcessType, Mapping[str, str]] = {
    PostProcessType.TABLE: {
        "group_by": "the field that has a row for each of its values",
        "output": "the table's file in outputs/, as in `output: table.csv`",
    },
    PostProcessType.GZIP: {"files": 'what to compress in outputs/, as in `files: ["*.csv"]`'},
    PostProcessType.SCRIPT: {"script": "a Python file of the pipeline"},
}
_TELLING = {"script": PostProcessType.SCRIPT, "files": PostProcessType.GZIP}
_OWN = frozenset({"results.jsonl", "failures.jsonl"})
"""What a run itself writes into outputs/."""


def check_post_process(pipeline: Pipeline, known: Fields, report: Report) -> None:
    """Report what is wrong with each entry, knowing the fields of units in the end."""
    written: dict[str, str] = {}
    for place, entry in enumerate(pipeline.post_process):
        at = report.within(("post_process", place), f"post_process {entry.name!r}: ")
        _keys(entry, at)
        _output(entry, written, at)
        _fields(entry, known, at)
        if entry.script is not None:
            check_script(pipeline, entry.script, at)
        for number, pattern in enumerate(entry.files):
            if inside(pipeline.folder, pattern) is None:
                message = f"files: {pattern!r} leads out of outputs/; only what is there is packed"
                at.wrong(("files", number), message)


def _keys(entry: PostProcess, report: Report) -> None:
    for key, meant in _TELLING.items():
        if key in entry.model_fields_set and "type" not in entry.model_fields_set:
            report.wrong((), f"has {key!r}: add `type: {meant.value}`")
            return
    for key, what in NEEDED[entry.type].items():
        if not getattr(entry, key):
            report.wrong((), f"needs `{key}`: {what}")
    for key in sorted(entry.model_fields_set - KEYS[entry.type]):
        owner = next(other.value for other, keys in KEYS.items() if key in keys)
        message = f"{key!r} does nothing with type `{entry.type.value}`: it belongs to `{owner}`"
        report.wrong((key,), message)


def _output(entry: PostProcess, written: dict[str, str], report: Report) -> None:
    name = entry.output
    if name is None:
        return
    if inside(report.folder, name) is None:
        report.wrong(("output",), f"output {name!r} leads out of outputs/: give a file's name")
    elif name in _OWN:
        report.wrong(("output",), f"output {name!r} is the run's own file: take another name")
    elif name in written:
        message = f"output {name!r} is written by {written[name]!r} already: take another name"
        report.wrong(("output",), message)
    elif entry.type is PostProcessType.TABLE and PurePosixPath(name).suffix.lower() != ".csv":
        report.doubtful(("output",), f"output {name!r} will hold CSV: let its name end in .csv")
    written.setdefault(name, entry.name)


def _fields(entry: PostProcess, known: Fields, report: Report) -> None:
    for key in ("group_by", "count") if entry.type is PostProcessType.TABLE else ():
        name: str | None = getattr(entry, key)
        if name is None or known is None or name in known:
            continue
        if (top := name.partition(".")[0]) not in known:
            report.wrong((key,), f"{key}: {unknown(top, known, {})}")
