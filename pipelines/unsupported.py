"""What the format of pipelines knows and this version does not do yet: refused, never ignored."""

from collections.abc import Iterator

from pydantic import BaseModel

from pipelines.errors import Problem
from pipelines.folder import CONFIG
from pipelines.model import Pipeline, Scope, Strategy
from pipelines.strict_yaml import Document, Keys

__all__ = ["unsupported"]

_ASKING = ("requests_per_minute", "tokens_per_minute", "max_inflight_batches", "max_batch_age")
_PIPELINE = ("min_pass_rate", "expressions", "post_process")
_UNITS = ("repeat", "seed")
_STEP = (
    *("when", "into", "retry_step", "expressions", "init", "loop_until", "max_iterations"),
    *("field", "child_field", "script"),
)


def unsupported(pipeline: Pipeline, document: Document) -> Iterator[Problem]:
    """Yield a problem for each key and value of `pipeline` that this version does not act on."""

    def problem(keys: Keys, what: str) -> Problem:
        message = f"{what} is not supported by this version"
        return Problem(pipeline.folder / CONFIG, document.line(keys), message)

    for keys, part, names in _parts(pipeline):
        for name in names:
            if name in part.model_fields_set:
                yield problem((*keys, name), f"{name!r}")
    if pipeline.units.strategy is Strategy.PERMUTATION:
        yield problem(("units", "strategy"), "strategy 'permutation'")
    for place, step in enumerate(pipeline.steps):
        if step.scope is not Scope.CHUNK:
            yield problem(("pipeline", place, "scope"), f"scope {step.scope.value!r}")


def _parts(pipeline: Pipeline) -> Iterator[tuple[Keys, BaseModel, tuple[str, ...]]]:
    yield (), pipeline, _PIPELINE
    yield ("units",), pipeline.units, _UNITS
    yield ("api",), pipeline.api, _ASKING
    for place, step in enumerate(pipeline.steps):
        yield ("pipeline", place), step, _ASKING + _STEP
