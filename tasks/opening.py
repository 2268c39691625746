"""Take a run up: its lock, its frozen pipeline, its desk, and what is said of this start."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pipelines
from pipelines import Launch
from runs import BatchState, Run, RunError, Status, StepSpec, disk_trouble
from tasks.brake import Brake
from tasks.choose import Asked
from tasks.desk import NO_RATES, opened_desk
from tasks.keys import Keys
from tasks.purse import Purse
from tasks.session import Session, held
from tasks.shared import Rates
from tasks.spent import spent_usd

__all__ = ["opened"]


@contextlib.asynccontextmanager
async def opened(
    run_dir: Path,
    *,
    flow_run: str | None = None,
    deployment: str | None = None,
    rates: Rates = NO_RATES,
    kept: Keys | None = None,
    **said: Any,
) -> AsyncGenerator[Session]:
    """Hold a run: its lock, its frozen pipeline, its desk; give all of it up at the end.

    An exception of ours fails the run, with its message, and goes on to the caller.

    Args:
        run_dir: Where the run is.
        flow_run: The id of the flow run that goes on with it.
        deployment: Whose flow run that is, as `<flow>/<name>`.
        rates: Rates that are shared with other machines.
        kept: Keys from elsewhere than the environment.
        said: Options of `Launch` that are said of this start. Scripts of the pipeline, for one, are
            called only if whoever opens it allows it, whatever the run says. Those of
            `Launch.CHANGEABLE` hold from now on.

    Raises:
        RunHeld: another process works on it.
        MissingKey: a provider that it asks cannot be asked from here.
    """
    async with contextlib.AsyncExitStack() as stack:
        run = Run.open(run_dir, flow_run=flow_run, deployment=deployment)
        stack.callback(run.close)
        pipeline = pipelines.load_frozen(run.paths.dir)
        launch = _relaunched(run, said)
        if launch.ask_again:
            _give_up_uncertain(run)
        _sweep(run)
        asked, purse = _asked(run.state.steps), _purse(run, launch.max_cost)
        desk = await stack.enter_async_context(
            opened_desk(
                pipeline,
                pipeline.unit_steps,
                launch,
                asked,
                brake=Brake(),
                purse=purse,
                rates=rates,
                kept=kept,
            )
        )
        session = Session(run, pipeline, launch, desk)
        stack.enter_context(held(session))
        hinting = asyncio.create_task(session.hint_now_and_then())
        hinting.add_done_callback(session.hinted)
        stack.callback(hinting.cancel)
        if launch.timeout is not None:
            loop = asyncio.get_running_loop()
            stack.callback(loop.call_later(launch.timeout, session.time_is_up).cancel)
        if run.state.status is not Status.CANCELLED:
            run.set_status(Status.RUNNING)
        try:
            if launch.retry_failures:
                # Not before: a run that is complete, with units to do, would never be gone on with.
                run.retry_failures()
            yield session
        except BaseException as error:
            _write_down(run, error)
            raise


def _relaunched(run: Run, said: dict[str, Any]) -> Launch:
    """Return the options that hold now; the journal knows from here on what is new of them."""
    was = Launch.model_validate(run.state.launch)
    known = {**was.model_dump(), "lane": was.mode}
    new = {
        name: value
        for name, value in said.items()
        # A deadline that is said once more begins anew.
        if name in Launch.CHANGEABLE and (name == "deadline" or value != known[name])
    }
    if new:
        run.relaunch(**new)
    return Launch.model_validate({**run.state.launch, **said})


def _give_up_uncertain(run: Run) -> None:
    for batch in run.state.batches.open:
        if batch.state is BatchState.UNCERTAIN:
            run.move_batch(batch.key, BatchState.REFUSED, message="given up by a person")


def _sweep(run: Run) -> None:
    """Remove what a killed process was about to make."""
    for pattern in ("*.tmp", "*.part"):
        for path in run.paths.batches.glob(pattern):
            path.unlink()


def _purse(run: Run, cap_usd: Decimal | None) -> Purse:
    """Open a purse; only a cap is worth reading every open chunk's history."""
    spent = Decimal(0) if cap_usd is None else spent_usd(run)
    handed_in = sum((batch.reserved_usd for batch in run.state.batches.open), Decimal(0))
    return Purse(cap_usd, spent, reserved_usd=handed_in)


def _write_down(run: Run, error: BaseException) -> None:
    """Say in the manifest why a session ended early, unless even that cannot be written."""
    with contextlib.suppress(OSError, RunError):
        if isinstance(error, OSError) and (reason := disk_trouble(error)):
            run.set_status(Status.PAUSED, reason=reason)
        elif isinstance(error, Exception):
            run.set_status(Status.FAILED, error=f"{type(error).__name__}: {error}")
        else:  # cancelled, or Ctrl-C before anybody listened for it
            run.set_status(Status.PAUSED, reason="interrupted")


def _asked(steps: Iterable[StepSpec]) -> dict[str, Asked]:
    return {
        step.name: Asked(step.provider, step.model)
        for step in steps
        if step.provider and step.model
    }
