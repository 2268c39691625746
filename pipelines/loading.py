"""Load a pipeline from its folder, or say everything that is wrong with it at once."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipelines.checks import problems_of
from pipelines.errors import PipelineError, Problem
from pipelines.folder import CONFIG
from pipelines.model import Api, Pipeline, Rule, Step, Units
from pipelines.nearest import did_you_mean
from pipelines.strict_yaml import Document, Keys, read_yaml

__all__ = ["load", "load_frozen"]

MAX_CONFIG_BYTES = 2**20

_PARTS: dict[Keys, type[BaseModel]] = {
    (): Pipeline,
    ("api",): Api,
    ("units",): Units,
    ("pipeline",): Step,
    ("pipeline", "rules"): Rule,
}
"""What each part of config.yaml is, by its keys without places in lists."""
_INHERITED = ("max_tokens", "temperature", "reasoning", "seed", "timeout_seconds", "concurrency")


def load(folder: Path) -> Pipeline:
    """Return the pipeline in `folder`.

    Raises:
        PipelineError: with every mistake that can be found, by file and line.
    """
    return _load(folder.resolve(), frozen=False)


def load_frozen(run_dir: Path) -> Pipeline:
    """Return the pipeline that a run was made from, out of the run's own directory.

    Raises:
        PipelineError: its files are not what they were.
    """
    return _load(run_dir.resolve(), frozen=True)


def _load(folder: Path, *, frozen: bool) -> Pipeline:
    document = _read(folder / CONFIG)
    pipeline, problems = _validate(document, folder)
    if pipeline is not None:
        problems += problems_of(pipeline, document, frozen=frozen)
    if pipeline is None or problems:
        raise PipelineError(sorted(set(problems), key=_place))
    steps = tuple(_settled(step, pipeline.api) for step in pipeline.steps)
    return pipeline.model_copy(update={"steps": steps})


def _place(problem: Problem) -> tuple[Path, int, str]:
    return problem.path, problem.line or 0, problem.message


def _settled(step: Step, api: Api) -> Step:
    """Return `step` with the pipeline's settings where it has none of its own."""
    missing = {name: getattr(api, name) for name in _INHERITED if getattr(step, name) is None}
    return step.model_copy(update=missing)


def _read(path: Path) -> Document:
    try:
        content = path.read_bytes()
        if len(content) > MAX_CONFIG_BYTES:
            raise PipelineError([Problem(path, None, "larger than 1 MB: no pipeline needs that")])
        document = read_yaml(path, content.decode("utf-8-sig"))
    except OSError as error:
        raise PipelineError([Problem(path, None, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise PipelineError([Problem(path, None, f"not UTF-8: {error.reason}")]) from error
    if not isinstance(document.value, dict):
        raise PipelineError([Problem(path, 1, "a pipeline is a mapping of keys")])
    if isinstance(document.value.get("pipeline"), dict):
        message = (
            "`pipeline` is a list of steps here; the form of the original Octobatch "
            "is not supported by this version"
        )
        raise PipelineError([Problem(path, document.line(("pipeline",)), message)])
    return document


def _validate(document: Document, folder: Path) -> tuple[Pipeline | None, list[Problem]]:
    """Return the pipeline and its problems; None when not even leaving out what is wrong helps."""
    context = {"folder": folder}
    try:
        return Pipeline.model_validate_json(json.dumps(document.value), context=context), []
    except ValidationError as error:
        found = error.errors(include_url=False)
    problems = [_problem(folder / CONFIG, document, details) for details in found]
    rest = deepcopy(document.value)
    for details in found:
        _leave_out(rest, details["loc"])
    try:
        return Pipeline.model_validate_json(json.dumps(rest), context=context), problems
    except ValidationError:
        return None, problems


def _leave_out(value: Any, keys: Keys) -> None:
    for key in keys[:-1]:
        if isinstance(value, dict) and key not in value:
            return
        value = value[key]
    if isinstance(value, dict):
        value.pop(keys[-1], None)


def _problem(path: Path, document: Document, details: ErrorDetails) -> Problem:
    keys = details["loc"]
    return Problem(path, document.line(keys), _message(document, details))


def _message(document: Document, details: ErrorDetails) -> str:
    keys = details["loc"]
    where = _where(document, keys[:-1])
    match details["type"]:
        case "extra_forbidden":
            near = did_you_mean(str(keys[-1]), _known(keys[:-1]))
            return f"{where}unknown key {keys[-1]!r}{near}"
        case "missing":
            return f"{where}the key {keys[-1]!r} is missing"
        case _:
            said = details["msg"].removeprefix("Input ").removeprefix("String ")
            near = did_you_mean(str(details["input"]), _options(details))
            return f"{where}{keys[-1]!r} {said}, not {details['input']!r}{near}"


def _options(details: ErrorDetails) -> Iterator[str]:
    expected = str(details.get("ctx", {}).get("expected", ""))
    return (word.strip("'") for part in expected.split(" or ") for word in part.split(", "))


def _known(keys: Keys) -> list[str]:
    part = _PARTS.get(tuple(key for key in keys if isinstance(key, str)))
    if part is None:
        return []
    return [field.alias or name for name, field in part.model_fields.items()]


def _where(document: Document, keys: Keys) -> str:
    """Return "step 'score': " for what is inside a step, else nothing: the line says it."""
    match keys:
        case ("pipeline", int(place), *_):
            step = document.value["pipeline"][place]
            name = step.get("name") if isinstance(step, dict) else None
            return f"step {name!r}: " if name else f"step {place + 1}: "
        case _:
            return ""
