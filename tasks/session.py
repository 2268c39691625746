"""A run held open by this process: its one writer, its frozen pipeline, its desk."""

import asyncio
import contextlib
import itertools
import math
import time
from collections.abc import AsyncGenerator, Generator, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pipelines
from pipelines import Launch, Pipeline
from providers.errors import Misconfigured, Unreachable
from runs import (
    Attempt,
    Counts,
    Results,
    Run,
    RunError,
    Status,
    StepSpec,
    attempts,
    collect_outputs,
    disk_trouble,
    read_jsonl,
    settle,
    totals,
)
from tasks.brake import Brake
from tasks.choose import Asked
from tasks.desk import Desk, opened_desk
from tasks.outcomes import counts
from tasks.work import Invalid, Open, Outcome, Valid, advance

__all__ = ["End", "Session", "Tally", "find", "opened"]

EARLY_HINTS = 60
LATER_HINT_SECONDS = 5.0
ROUNDS_PER_HINT_SECOND = 20


class End(NamedTuple):
    """How a session ended, in words for Prefect; the run directory says it to everybody else."""

    paused: bool
    message: str


@dataclass
class Tally:
    """A chunk-step under way, for those who watch."""

    step: str
    units: int
    outcomes: list[Outcome] = field(default_factory=list["Outcome"])

    def counts(self) -> Counts:
        """Return what is known of it so far."""
        return counts(self.outcomes, entered=self.units)


@dataclass
class Session:
    """What the tasks of one run share; they find it by the run's directory (`find`)."""

    run: Run
    pipeline: Pipeline
    desk: Desk
    tallies: dict[str, Tally] = field(default_factory=dict)
    """Chunks under way, by name; one that waits for its retry is not among them."""
    paused_for: str | None = None
    trouble: BaseException | None = None
    """What went wrong beside the chunks: in telling others, or in keeping the run."""
    _hinted: dict[str, tuple[str, Counts]] | None = None

    @property
    def run_dir(self) -> Path:
        return self.run.paths.dir

    @property
    def brake(self) -> Brake:
        return self.desk.brake

    @property
    def chunks_at_once(self) -> int:
        """Return how many chunks keep the window full while some wait for stragglers."""
        return max(2, math.ceil(2 * self.desk.window / self.pipeline.chunk_size))

    def open_chunks(self) -> list[str]:
        """Return the chunks that are not at their end, in order."""
        return [name for name, chunk in self.run.state.chunks.items() if not chunk.terminal]

    def next_step(self, chunk: str) -> str | None:
        """Return the step a chunk is due at; None when it is at its end or the run stops."""
        if self.brake.pulled:
            return None
        return self.run.state.chunks[chunk].step

    async def advance(self, step: str, chunk: str) -> dict[str, int]:
        """Take a chunk through a step and close the round; a stopped one stays open.

        Answers that an earlier process wrote down count as they are.
        """
        began = time.monotonic()
        paths = self.run.paths.chunk(chunk)
        units = list(read_jsonl(self.run.entry(step, chunk)))
        past = attempts(paths.results(step))
        tally = self.tallies[chunk] = Tally(step, len(units))
        try:
            async with Results(paths.results(step)) as results:
                asker = self.desk.asker(step, partial(self.run.trace, step=step, chunk=chunk))
                outcomes = await advance(
                    units,
                    self.desk.step(step),
                    asker,
                    _Sink(results, tally, self.brake),
                    history=past,
                )
            closing = counts(outcomes, entered=len(units), seconds=time.monotonic() - began)
            if not any(isinstance(outcome, Open) for outcome in outcomes):
                # A disk takes its time to sync, and other chunks have answers coming in.
                await asyncio.to_thread(self._close_round, chunk, step, outcomes, closing)
        finally:
            if self.brake.pulled:
                self.hint(force=True)  # what a round cost that stays open is not forgotten
            del self.tallies[chunk]
        return {
            "in": closing.entered,
            "valid": closing.valid,
            "failed": sum(closing.failed.values()),
        }

    def _close_round(self, chunk: str, step: str, outcomes: list[Outcome], closing: Counts) -> None:
        settle(
            self.run.paths.chunk(chunk),
            step,
            valid=(outcome.unit for outcome in outcomes if isinstance(outcome, Valid)),
            failed=(outcome.record for outcome in outcomes if isinstance(outcome, Invalid)),
        )
        self.run.close_round(chunk, step, closing)

    def interrupt(self) -> None:
        """Pause because a person or the system asks for it."""
        self._pause("interrupted")

    @contextlib.contextmanager
    def pausing_on_outage(self) -> Generator[None]:
        """Let an outage pause the run: no unit fails for a provider's sins."""
        try:
            yield
        except (Misconfigured, Unreachable) as error:
            self._pause(f"provider: {error}")
        except OSError as error:
            self.brake.pull()
            if (reason := disk_trouble(error)) is None:
                raise
            self._pause(reason)
        except Exception:
            self.brake.pull()  # a fault of ours: what is under way may land, nothing new begins
            raise

    def end(self) -> End:
        """Write down how the run ends, and say it."""
        if self.trouble is not None:
            raise self.trouble
        numbers = totals(self.run.state)
        if self.paused_for is not None:
            self.run.set_status(Status.PAUSED, reason=self.paused_for)
            message = f"{self.paused_for}; go on with: octobatch run {self.run_dir.name}"
            return End(paused=True, message=message)
        collect_outputs(self.run_dir)
        self.run.set_status(Status.COMPLETE)
        return End(paused=False, message=f"{numbers.valid} of {numbers.units} valid")

    def _pause(self, reason: str) -> None:
        if self.paused_for is None:
            self.paused_for = reason
            self.brake.pull()

    async def hint_now_and_then(self) -> None:
        """Keep those who watch from outside informed, until cancelled."""
        for number in itertools.count():
            # Hints stay in the journal: a long run, or one of many small chunks, gives fewer.
            patience = 1.0 if number < EARLY_HINTS else LATER_HINT_SECONDS
            await asyncio.sleep(max(patience, len(self.tallies) / ROUNDS_PER_HINT_SECOND))
            self.hint()

    def hint(self, *, force: bool = False) -> None:
        """Tell those who watch from outside how far the open rounds are."""
        rounds = {name: (tally.step, tally.counts()) for name, tally in self.tallies.items()}
        if force or rounds != self._hinted:
            self.run.hint(rounds, self.desk.limits(), force=force)
        self._hinted = rounds

    def hinted(self, task: asyncio.Task[None]) -> None:
        """Stop when hints cannot be written: the run was taken over, or the disk is full."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.trouble = error
            self.brake.pull()


@dataclass(frozen=True, slots=True)
class _Sink:
    """Answers go to the chunk's history at once, outcomes to the tally."""

    results: Results
    tally: Tally
    brake: Brake

    def keep(self, attempt: Attempt) -> None:
        try:
            self.results.keep(attempt)
        except OSError:
            self.brake.pull()  # what cannot be kept must not be paid for
            raise

    def done(self, outcome: Outcome) -> None:
        self.tally.outcomes.append(outcome)


_held: dict[Path, Session] = {}


def find(run_dir: Path) -> Session | None:
    """Return the session that this process holds for a run, if it does."""
    return _held.get(run_dir.resolve())


@contextlib.asynccontextmanager
async def opened(run_dir: Path, *, flow_run: str | None = None) -> AsyncGenerator[Session]:
    """Hold a run: its lock, its frozen pipeline, its desk; give all of it up at the end.

    An exception of ours fails the run, with its message, and goes on to the caller.

    Raises:
        RunHeld: another process works on it.
        MissingKey: a provider that it asks cannot be asked from here.
    """
    async with contextlib.AsyncExitStack() as stack:
        run = Run.open(run_dir, flow_run=flow_run)
        run_dir = run.paths.dir  # links resolved, as those who look for it will
        stack.callback(run.close)
        pipeline = pipelines.load_frozen(run_dir)
        launch = Launch.model_validate(run.state.launch)
        desk = await stack.enter_async_context(
            opened_desk(pipeline, launch, _asked(run.state.steps), brake=Brake())
        )
        session = Session(run, pipeline, desk)
        stack.callback(_held.pop, run_dir)
        _held[run_dir] = session
        hinting = asyncio.create_task(session.hint_now_and_then())
        hinting.add_done_callback(session.hinted)
        stack.callback(hinting.cancel)
        run.set_status(Status.RUNNING)
        try:
            yield session
        except BaseException as error:
            _write_down(run, error)
            raise


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
