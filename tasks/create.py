"""Make a run from a pipeline's folder: what it was told, what it is made of, and its units."""

from pathlib import Path

import pipelines
from pipelines import Launch, Pipeline
from runs import RunSpec, StepSpec, create
from tasks.choose import choose

__all__ = ["create_run"]


def create_run(pipeline: Pipeline, launch: Launch, run_dir: Path) -> None:
    """Fill a new run directory: the pipeline's files, its units in chunks, its first manifest.

    Raises:
        NoProvider, UnknownProvider: nobody to ask at some step.
        PipelineError: the items do not make units.
    """
    steps = []
    for step in pipeline.steps:
        provider, model = choose(pipeline, step, launch)
        steps.append(StepSpec(name=step.name, scope=step.scope, provider=provider, model=model))
    create(
        run_dir,
        RunSpec(
            pipeline=pipeline.name,
            mode=launch.lane,
            chunk_size=pipeline.chunk_size,
            steps=tuple(steps),
            launch=launch.model_dump(exclude_none=True),
            emulate=launch.emulate,
        ),
        files=[(pipeline.folder / name, name) for name in pipeline.files()],
        units=pipelines.units(pipeline, max_units=launch.max_units, sample=launch.sample),
    )
