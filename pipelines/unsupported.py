"""What the format of pipelines knows and this version does not do yet: refused, never ignored."""

from collections.abc import Iterator

from pydantic import BaseModel

from pipelines.errors import Problem
from pipelines.folder import CONFIG
from pipelines.model import Pipeline
from pipelines.strict_yaml import Document, Keys

__all__ = ["ASKING", "PIPELINE", "unsupported"]

# Where no batch is ever in flight, `max_inflight_batches` is kept to.
ASKING = ("max_batch_age",)
"""Keys of `api` and of steps."""
PIPELINE = ("min_pass_rate",)
"""Keys at the top of the file."""


def unsupported(pipeline: Pipeline, document: Document) -> Iterator[Problem]:
    """Yield a problem for each key and value of `pipeline` that this version does not act on."""

    def problem(keys: Keys, what: str) -> Problem:
        message = f"{what} is not supported by this version: remove it"
        return Problem(pipeline.folder / CONFIG, document.line(keys), message)

    for keys, part, names in _parts(pipeline):
        for name in names:
            if name in part.model_fields_set:
                yield problem((*keys, name), f"{name!r}")


def _parts(pipeline: Pipeline) -> Iterator[tuple[Keys, BaseModel, tuple[str, ...]]]:
    yield (), pipeline, PIPELINE
    yield ("api",), pipeline.api, ASKING
    for place, step in enumerate(pipeline.steps):
        yield ("pipeline", place), step, ASKING
