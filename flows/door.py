"""The door `run`: from what a person typed to a run that has come to its end."""

import asyncio
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

import pipelines
import runs
from flows import progress, server, summary
from flows.errors import BadRequest
from pipelines import Launch, Pipeline
from runs import RunView, Status
from tasks.choose import choose
from tasks.create import create_run
from tasks.ready import make_ready

__all__ = ["Show", "run"]

ASK_ABOVE_REQUESTS = 100


@dataclass(frozen=True, slots=True)
class Show:
    """How much the console says, and how."""

    quiet: bool
    as_json: bool
    debug: bool

    def say(self, line: str) -> None:
        """Say something that is not data."""
        if not self.quiet:
            click.echo(line, err=True)


def run(target: str, told: Mapping[str, Any], *, init_only: bool, yes: bool, show: Show) -> int:
    """Start a run of a pipeline, or go on with a run; return the exit code.

    Raises:
        BadRequest: what was typed does not make sense together.
        PipelineError, RunError, TaskError, ProviderError: each says what is wrong.
    """
    with ThreadPoolExecutor(1) as pool:
        if _means_a_run(target):
            view = _going_on(target, told, init_only=init_only)
            if view.state.status is Status.COMPLETE:
                return _said(view, show)
            reporting, run_dir = pool.submit(server.ensure), view.paths.dir
        else:
            pipeline, launch = _starting(target, told, yes=yes)
            # Writing the units to disk overlaps with the start of the server.
            reporting = None if init_only else pool.submit(server.ensure)
            run_dir = runs.claim(launch.name, pipeline.name, datetime.now(UTC))
            create_run(pipeline, launch, run_dir)
            show.say(f"Made {run_dir}: {runs.read(run_dir).state.units} units.")
        if reporting is None:
            show.say(f"Go on with: octobatch run {run_dir.name}")
            return 0
        chosen = reporting.result()
    return _through(run_dir, chosen, show)


def _means_a_run(target: str) -> bool:
    """A run directory is a loadable pipeline too, so runs are looked for first."""
    if "/" in target:
        return runs.is_run(Path(target).expanduser())
    return target not in pipelines.available() and not Path(target).is_dir()


def _starting(target: str, told: Mapping[str, Any], *, yes: bool) -> tuple[Pipeline, Launch]:
    pipeline = pipelines.load(pipelines.find(target))
    launch = Launch(pipeline=pipeline.name, **told)
    make_ready((choose(pipeline, step, launch) for step in pipeline.steps), free=launch.free)
    if not (yes or launch.free):
        _agree(pipeline, launch)
    return pipeline, launch


def _agree(pipeline: Pipeline, launch: Launch) -> None:
    units = pipelines.units(pipeline, max_units=launch.max_units, sample=launch.sample)
    requests = sum(1 for _ in units) * len(pipeline.steps)
    if requests <= ASK_ABOVE_REQUESTS:
        return
    question = f"At least {requests:,} requests will be paid for. Go on?"
    if not sys.stdin.isatty():
        raise BadRequest(f"{question} Nobody is here to answer: say --yes.")
    click.confirm(question, abort=True, err=True)


def _going_on(target: str, told: Mapping[str, Any], *, init_only: bool) -> RunView:
    try:
        view = runs.read(runs.resolve(target))
    except runs.RunNotFound as error:
        raise BadRequest(
            f"{target!r} is neither a pipeline ({', '.join(pipelines.available())}) "
            f"nor a run. {error}"
        ) from error
    given = [f"--{name.replace('_', '-')}" for name, value in told.items() if value]
    if init_only or given:
        raise BadRequest(
            f"{view.name} is a run already and goes on as it was made: "
            f"{', '.join(given) or '--init'} has no place here."
        )
    if view.state.status is Status.CANCELLED:
        raise BadRequest(f"{view.name} was cancelled: it does not go on.")
    return view


def _through(run_dir: Path, chosen: server.Server, show: Show) -> int:
    if not show.debug:  # people read our lines, the Prefect UI has its own
        os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    from flows import catalog  # imports Prefect: a second, while the server starts

    server.wait_until_healthy(chosen.url)
    show.say(f"Prefect UI: {chosen.url.removesuffix('/api')}")
    if chosen.ours:
        show.say(f"  (started by octobatch; for workers: export PREFECT_API_URL={chosen.url})")
    flow = catalog.flow(runs.read(run_dir).state.spec.pipeline)
    work = flow(run=_named(run_dir), return_state=True)
    state = asyncio.run(progress.beside(work, run_dir, quiet=show.quiet))
    if state.is_failed() or state.is_crashed():
        asyncio.run(state.aresult(raise_on_failure=True))
    return _said(runs.read(run_dir), show)


def _named(run_dir: Path) -> str:
    return run_dir.name if run_dir.parent == runs.runs_root() else str(run_dir)


def _said(view: RunView, show: Show) -> int:
    summary.say(view, as_json=show.as_json)
    return summary.exit_of(view)
