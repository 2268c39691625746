"""The door `run`: from what a person typed to a run that has come to its end."""

import asyncio
import difflib
import shutil
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pipelines
import runs
from flows import pipes, progress, reporting, server, summary, together
from flows.agreeing import agree
from flows.detach import detach
from flows.errors import BadRequest
from flows.launching import launch_of
from flows.notify import notify
from flows.spool import spooled
from pipelines import Launch, Pipeline
from runs import RunView, Status, totals
from tasks.create import create_run
from tasks.crowd import crowded
from tasks.leaving import leave
from tasks.ready import make_ready
from tasks.withholding import plainly

__all__ = ["Show", "run"]

SCRIPTS = "allow_scripts"
"""Said of each start of a run, and never kept with it: who sends a run cannot say it for you."""
WHEN_GOING_ON = Launch.OF_A_START | Launch.CHANGEABLE
"""Options that may also be said when a run is gone on with."""
INTERRUPTED = 130
PROVIDER_GONE = 4
"""As for every service that outlasts our patience."""


@dataclass(frozen=True, slots=True)
class Show:
    """How much the console says, and how; and who is told how it ended."""

    quiet: bool
    as_json: bool
    debug: bool
    tell: str | None = None
    """A URL, or a command."""

    def end(self, view: RunView) -> None:
        """Tell whoever wants to know how a run stands that is not worked on any more."""
        if self.tell is not None:
            notify(self.tell, view)

    def say(self, line: str) -> None:
        """Say something that is not data."""
        if not self.quiet:
            pipes.say(line)


def run(
    target: str,
    told: Mapping[str, Any],
    *,
    show: Show,
    init_only: bool = False,
    resume: bool = False,
    yes: bool = False,
    detached: bool = False,
) -> int:
    """Start a run of a pipeline, or go on with a run; return the exit code.

    Args:
        target: A pipeline or a run.
        told: What was typed of the options in `Launch`.
        show: How much is shown.
        init_only: Make the run and stop there.
        resume: It must be a run.
        yes: Nobody is asked whether much may be paid.
        detached: A process of its own works on it.

    Raises:
        BadRequest: what was typed does not make sense together.
        PipelineError, RunError, TaskError, ProviderError: each says what is wrong.
    """
    with ThreadPoolExecutor(1) as pool:
        if _means_a_run(target):
            view = _going_on(target, told, init_only=init_only)
            if _nothing_to_do(view, told):
                return _said(view, show)
            serving = None if detached else pool.submit(server.ensure)
            run_dir = view.paths.dir
        else:
            if resume:
                raise BadRequest(
                    f"{target} is a pipeline, and --resume goes on with a run: name the run "
                    "(octobatch ps lists them), or say `last`."
                )
            folder = pipelines.find(target)
            launch = _launch(folder.name, told)
            with _claimed(launch, folder) as run_dir, spooled(launch.items, run_dir) as items:
                pipeline = _ready(folder, items, launch, yes=yes, show=show)
                # Writing the units to disk overlaps with the start of the server.
                serving = None if init_only or detached else pool.submit(server.ensure)
                create_run(pipeline, launch, run_dir)
            units = runs.read(run_dir).state.units
            show.say(f"Made {run_dir}: {units:,} units.")
            if (why := crowded(pipeline, launch, units)) is not None:
                show.say(why)
        said = {name: told[name] for name in _given(told) if name in WHEN_GOING_ON}
        if detached:
            return detach(run_dir, said, notify=show.tell)
        if serving is None:
            show.say(f"Go on with: octobatch run {run_dir.name}")
            return 0
        try:
            chosen = serving.result()
            return _through(run_dir, chosen, show, said)
        except KeyboardInterrupt:  # before or after the time in which the run itself listens
            pipes.say(f"Stopped. Go on with: octobatch run {_named(run_dir)}")
            show.end(runs.read(run_dir))
            return INTERRUPTED


def _means_a_run(target: str) -> bool:
    """A run directory is a loadable pipeline too, so runs are looked for first."""
    if target in pipelines.available():
        return False
    folder = Path(target).expanduser()
    return runs.is_run(folder) or not ("/" in target or folder.is_dir())


@contextmanager
def _claimed(launch: Launch, folder: Path) -> Generator[Path]:
    """Give a new run its folder, and take the folder away again if no run comes of it."""
    run_dir = runs.claim(launch.name, folder.name, datetime.now(UTC))
    try:
        yield run_dir
    finally:
        if not runs.is_run(run_dir):
            shutil.rmtree(run_dir, ignore_errors=True)


def _ready(folder: Path, items: Path | None, launch: Launch, *, yes: bool, show: Show) -> Pipeline:
    pipeline = pipelines.load(folder, items)
    make_ready(pipeline, launch)
    if not launch.free:
        agree(pipeline, launch, yes=yes, say=show.say)
    return pipeline


def _launch(pipeline: str, told: Mapping[str, Any]) -> Launch:
    if told.get("name") in pipelines.available():
        raise BadRequest(f"--name {told['name']} is a pipeline's name: call the run otherwise.")
    return launch_of(pipeline, told)


def _going_on(target: str, told: Mapping[str, Any], *, init_only: bool) -> RunView:
    folder = Path(target).expanduser()
    try:
        view = runs.read(runs.resolve(str(folder.resolve()) if runs.is_run(folder) else target))
    except runs.RunNotFound as error:
        raise BadRequest(_neither(target, error)) from error
    given = [f"--{name.replace('_', '-')}" for name in _given(told) if name not in WHEN_GOING_ON]
    if init_only or given:
        raise BadRequest(
            f"{view.name} is a run already and goes on as it was made: "
            f"{', '.join(given) or '--init'} has no place here."
        )
    view = together.agreed(view)
    if view.state.status is Status.CANCELLED:
        raise BadRequest(f"{view.name} was cancelled: it does not go on.")
    return view


def _given(told: Mapping[str, Any]) -> list[str]:
    """Return the options that were typed; a share of 0 is something, a flag that is off is not."""
    return [name for name, value in told.items() if value is not None and value is not False]


def _nothing_to_do(view: RunView, told: Mapping[str, Any]) -> bool:
    """Say whether a run has nothing left that was asked for; a tick wakes nobody who paused."""
    match view.state.status:
        case Status.COMPLETE:
            again = told.get("retry_failures") and totals(view.state).failed
            return not (again or told.get(SCRIPTS))
        case Status.PAUSED | Status.FAILED:
            return bool(told.get("tick"))
        case _:
            return False


def _neither(target: str, error: runs.RunNotFound) -> str:
    if target == "last":
        return str(error)
    known = pipelines.available()
    near = difflib.get_close_matches(target, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"pipelines are: {', '.join(known)}."
    return f"{target!r} is neither a pipeline ({hint}) nor a run. {error}"


def _through(run_dir: Path, chosen: server.Server, show: Show, said: Mapping[str, Any]) -> int:
    chosen = server.ready(chosen)
    if not show.debug:
        reporting.quiet()
    from flows import catalog  # imports Prefect, which reads its server from the environment

    show.say(f"Prefect UI: {chosen.url.removesuffix('/api')}")
    if chosen.ours:
        show.say(f"  (started by octobatch; for workers: export PREFECT_API_URL={chosen.url})")
    flow = catalog.flow(runs.read(run_dir).state.spec.pipeline)
    flow_run = flow(run=_named(run_dir), **said, return_state=True)
    work = reporting.reported(flow_run, run_dir, chosen.url)
    with asyncio.Runner() as runner:
        state = runner.run(progress.beside(work, run_dir, quiet=show.quiet))
        if state is None:
            leave(_unheard(run_dir, chosen, show))
    if state.is_failed() or state.is_crashed():
        show.end(runs.read(run_dir))
        with plainly():
            asyncio.run(state.aresult(raise_on_failure=True))
    return _said(runs.read(run_dir), show)


def _unheard(run_dir: Path, gone: server.Server, show: Show) -> int:
    """Say how a run stands whose server has gone; what is on disk is right whatever it knows."""
    view = runs.read(run_dir)
    pipes.say(
        f"The Prefect server at {gone.url} does not answer any more: its UI does not know how this "
        f"run went on. The run itself is whole, in {run_dir}."
    )
    if view.state.status in {Status.PENDING, Status.RUNNING}:
        pipes.say(f"Go on with: octobatch run {_named(run_dir)}")
        show.end(view)
        return PROVIDER_GONE
    return _said(view, show)


def _named(run_dir: Path) -> str:
    return run_dir.name if run_dir.parent == runs.runs_root() else str(run_dir)


def _said(view: RunView, show: Show) -> int:
    summary.say(view, as_json=show.as_json)
    show.end(view)
    return summary.exit_of(view)
