"""Make a run from a pipeline's folder: what it was told, what it is made of, and its units."""

from collections.abc import Iterator
from pathlib import Path, PurePath

import pipelines
from pipelines import Launch, Pipeline, Scope, Step
from runs import RunSpec, StepSpec, create
from tasks.choose import choose

__all__ = ["create_run"]


def create_run(pipeline: Pipeline, launch: Launch, run_dir: Path) -> None:
    """Fill a new run directory: the pipeline's files, its units in chunks, its first manifest.

    Raises:
        NoProvider, UnknownProvider: nobody to ask at some step.
        PipelineError: the items do not make units.
    """
    steps = tuple(_spec(pipeline, step, launch) for step in pipeline.unit_steps)
    create(
        run_dir,
        RunSpec(
            pipeline=pipeline.name,
            mode=launch.mode,
            chunk_size=pipeline.chunk_size,
            steps=steps,
            launch=launch.model_dump(exclude_none=True, exclude=set(Launch.OF_A_START)),
            emulate=launch.emulate,
        ),
        files=_files(pipeline),
        units=pipelines.units(
            pipeline, max_units=launch.max_units, sample=launch.sample, repeat=launch.repeat
        ),
    )


def _files(pipeline: Pipeline) -> Iterator[tuple[Path, PurePath]]:
    """Yield what a run freezes, and where: the pipeline, and the items that it is run on."""
    for name in pipeline.files():
        yield pipeline.folder / name, name
    if pipeline.items is not None:
        own = pipeline.items_source if pipeline.own_items else None
        yield pipeline.items, PurePath(own or f"items{pipelines.suffix_of(pipeline.items)}")


def _spec(pipeline: Pipeline, step: Step, launch: Launch) -> StepSpec:
    asked = choose(pipeline, step, launch) if step.scope is Scope.CHUNK else None
    return StepSpec(
        name=step.name,
        scope=step.scope,
        provider=asked and asked.provider,
        model=asked and asked.model,
        retry_step=step.retry_step,
    )
