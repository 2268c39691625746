"""Load a pipeline from its folder, or say everything that is wrong with it at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.checks import check
from pipelines.errors import PipelineError, Problem
from pipelines.folder import CONFIG
from pipelines.form import formed
from pipelines.long_form import translate
from pipelines.model import Api, Pipeline, Scope, Step
from pipelines.report import Report
from pipelines.strict_yaml import Document, read_yaml

__all__ = ["Findings", "inspect", "load", "load_frozen"]

MAX_CONFIG_BYTES = 2**20

_INHERITED = (
    *("max_tokens", "temperature", "reasoning", "seed", "timeout_seconds"),
    *("concurrency", "requests_per_minute", "tokens_per_minute"),
    *("max_inflight_batches", "max_batch_age", "stragglers"),
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to say of a pipeline."""

    pipeline: Pipeline | None
    """None when there are problems."""
    problems: tuple[Problem, ...]
    """What is wrong: it cannot be run."""
    doubts: tuple[Problem, ...]
    """What can be run, and was probably not meant."""
    document: Document
    """Its config.yaml, with the line of each key."""
    draft: Pipeline | None
    """The pipeline as far as it can be made out in spite of problems."""


def inspect(folder: Path, items: Path | None = None, *, frozen: bool = False) -> Findings:
    """Return everything wrong and doubtful about the pipeline in `folder`, by file and line.

    Args:
        folder: The pipeline's folder.
        items: The file that it is to be run on instead of its own.
        frozen: The folder is a run's, and the pipeline the copy that it was made from.
    """
    return _inspect(folder.resolve(), items, frozen=frozen)


def load(folder: Path, items: Path | None = None) -> Pipeline:
    """Return the pipeline in `folder`, to be run on `items` instead of its own.

    Raises:
        PipelineError: with every mistake that can be found, by file and line.
    """
    return _loaded(_inspect(folder.resolve(), items, frozen=False))


def load_frozen(run_dir: Path) -> Pipeline:
    """Return the pipeline that a run was made from, out of the run's own directory.

    Raises:
        PipelineError: its files are not what they were.
    """
    return _loaded(_inspect(run_dir.resolve(), None, frozen=True))


def _loaded(findings: Findings) -> Pipeline:
    if findings.pipeline is None:
        raise PipelineError(findings.problems)
    return findings.pipeline


def _inspect(folder: Path, items: Path | None, *, frozen: bool) -> Findings:
    try:
        document = _read(folder / CONFIG)
    except PipelineError as error:
        return Findings(None, error.problems, (), Document(None, {}), None)
    report, defaults = _translated(document, folder)
    pipeline = formed(report, {"folder": folder, "items": items, "defaults": defaults})
    if pipeline is not None:
        check(pipeline, report, frozen=frozen)
        steps = tuple(_settled(step, pipeline.api) for step in pipeline.steps)
        pipeline = pipeline.model_copy(update={"steps": steps})
    return Findings(
        None if report.problems else pipeline,
        _sorted(report.problems),
        _sorted(report.doubts),
        report.document,
        pipeline,
    )


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(set(problems), key=_place))


def _place(problem: Problem) -> tuple[Path, int, int, str]:
    return problem.path, problem.line or 0, problem.column or 0, problem.message


def _settled(step: Step, api: Api) -> Step:
    """Return `step` with the pipeline's settings for asking where it has none of its own."""
    if step.scope is not Scope.CHUNK:  # how long a model may take says nothing of a script
        return step
    missing = {name: getattr(api, name) for name in _INHERITED if getattr(step, name) is None}
    return step.model_copy(update=missing)


def _read(path: Path) -> Document:
    try:
        content = path.read_bytes()
        if len(content) > MAX_CONFIG_BYTES:
            message = "larger than 1 MB, which no pipeline needs: put data into the items"
            raise PipelineError([Problem(path, None, message)])
        document = read_yaml(path, content.decode("utf-8-sig"), texts=True)
    except OSError as error:
        message = f"cannot be read: {error.strerror}; this file makes a folder a pipeline"
        raise PipelineError([Problem(path, None, message)]) from error
    except UnicodeDecodeError as error:
        message = f"not UTF-8 ({error.reason}): save it as UTF-8"
        raise PipelineError([Problem(path, None, message)]) from error
    if not isinstance(document.value, dict):
        message = "a pipeline is a mapping of keys, as in `name: MyPipeline`"
        raise PipelineError([Problem(path, 1, message)])
    return document


def _translated(document: Document, folder: Path) -> tuple[Report, Mapping[str, Any]]:
    """Return a report on the document in our form, and what its templates know by default."""
    if not isinstance(document.value.get("pipeline"), dict):
        return Report(folder, document), {}
    translation = translate(document, folder)
    problems, doubts = [*translation.problems], [*translation.notes]
    return Report(folder, translation.document, problems, doubts), translation.defaults
