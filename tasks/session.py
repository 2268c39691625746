"""A run held open by this process: its one writer, its frozen pipeline, its desk."""

import asyncio
import contextlib
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pipelines import Launch, Passed, Pipeline, Scope
from providers import points
from providers.errors import Misconfigured, Unreachable
from runs import (
    Attempt,
    Counts,
    Results,
    Run,
    RunState,
    RunView,
    Status,
    Told,
    Verb,
    Waiting,
    collect_outputs,
    disk_trouble,
    hinted,
    lasting,
    requests,
    totals,
)
from tasks.brake import Brake
from tasks.compute import children
from tasks.desk import Desk
from tasks.due import due
from tasks.errors import CapReached
from tasks.first_wave import LEAST_SHARE, FirstWave
from tasks.outcomes import counts
from tasks.parcels import Pool
from tasks.post_process import post_process
from tasks.scripts import run_scripts
from tasks.withholding import outward
from tasks.work import Due, Failed, Invalid, Open, Outcome, Returned, Skipped, Valid

if TYPE_CHECKING:
    from tasks.batch_lane import BatchLane

__all__ = ["End", "Session", "Tally", "ended", "find", "held"]

COUNTED = ("in", "valid", "failed", "sent_back", "open")
EARLY_HINTS = 60
LATER_HINT_SECONDS = 5.0
ROUNDS_PER_HINT_SECOND = 20


class End(NamedTuple):
    """How a session ended, in words for Prefect; the run directory says it to everybody else."""

    status: Status
    message: str
    waiting: Waiting | None = None
    """What for, and until when, if it is left to whoever looks next."""


CANCELLED = End(Status.CANCELLED, "cancelled; what came is kept")


def ended(view: RunView) -> End | None:
    """Return how a run has ended that nobody is to go on with; None if it is still to be worked on.

    A pause is a person's, or a limit's: who merely waited for batches does not undo it.
    """
    match view.state.status:
        case Status.COMPLETE:
            return _complete(view.state)
        case Status.CANCELLED:
            return CANCELLED
        case Status.PAUSED:
            return _paused(view.name, str(view.state.paused_reason))
        case _:
            return None


def _complete(state: RunState) -> End:
    numbers = totals(state)
    return End(Status.COMPLETE, f"{numbers.valid} of {numbers.units} valid")


def _paused(run: str, reason: str) -> End:
    return End(Status.PAUSED, f"{outward(reason)}; go on with: octobatch resume {run}")


@dataclass
class Tally:
    """A chunk-step under way, for those who watch."""

    step: str
    units: int
    attempts: list[Attempt]
    """Askings, by earlier holders of the run too; also of units whose outcome is to come."""
    lost: list[Attempt]
    """Calls that were sent and never answered."""
    outcomes: list[Outcome] = field(default_factory=list["Outcome"])

    def counts(self) -> Counts:
        """Return what is known of it so far."""
        return counts(self.outcomes, self.attempts, entered=self.units, lost=self.lost)


@dataclass
class Session:
    """What the tasks of one run share; they find it by the run's directory (`find`)."""

    run: Run
    pipeline: Pipeline
    launch: Launch
    desk: Desk
    tallies: dict[str, Tally] = field(default_factory=dict)
    """Chunks under way, by name; one that waits for its retry is not among them."""
    _resting: dict[str, tuple[str, Counts]] = field(default_factory=dict[str, tuple[str, Counts]])
    """Chunks whose round was left open, with its step and what is known of it."""
    batch_lane: "BatchLane | None" = None
    """How its chunks go through batches; None in realtime."""
    paused_for: str | None = None
    cancelled: bool = False
    """Whether somebody gives the run up."""
    trouble: BaseException | None = None
    """What went wrong beside the chunks: in telling others, or in keeping the run."""
    first_wave: FirstWave = field(init=False)
    _hinted: tuple[dict[str, tuple[str, Counts]], list[str]] | None = None

    def __post_init__(self) -> None:
        """Hold first replies against the share that must pass; know what was known before."""
        self.first_wave = FirstWave(self._least_share())
        self._resting.update(hinted(self.run.state))

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

    @property
    def lane(self) -> str:
        """Return how models are asked: `realtime` or `batch`."""
        return self.launch.mode

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
        trace = partial(self.run.trace, step=step, chunk=chunk)
        return await self._advance(
            step, chunk, lambda units, sink: self.desk.take(step, units, sink, trace)
        )

    async def post(self, step: str, chunk: str, pool: Pool) -> dict[str, int]:
        """Judge what is there of a chunk at a step that asks; put what is to be asked into `pool`.

        The round is closed when nothing is left to ask.
        """
        return await self._advance(
            step,
            chunk,
            lambda units, sink: self.desk.post(step, units, sink, chunk=chunk, pool=pool),
        )

    async def _advance(
        self,
        step: str,
        chunk: str,
        through: Callable[[list[Due], "_Sink"], Awaitable[list[Outcome]]],
    ) -> dict[str, int]:
        if self.run.state.chunks[chunk].step != step:
            return dict.fromkeys(COUNTED, 0)  # a task is repeated: its work is done
        began = time.monotonic()
        self._resting.pop(chunk, None)
        units = due(self.run, step, chunk)
        tally = self.tallies[chunk] = Tally(
            step,
            len(units),
            attempts=[attempt for unit in units for attempt in unit.history],
            lost=[call for unit in units for call in unit.lost],
        )
        still_open = True
        try:
            async with self._results(step, chunk) as results:
                outcomes = await through(units, self._sink(results, tally, chunk))
            self.first_wave.close(step, chunk)
            closing = replace(tally.counts(), seconds=time.monotonic() - began)
            if not any(isinstance(outcome, Open) for outcome in outcomes):
                # A disk takes its time to sync, and other chunks have answers coming in.
                await asyncio.to_thread(self._close_round, chunk, step, outcomes, closing)
                still_open = False
        finally:
            del self.tallies[chunk]
            if still_open:  # what it cost so far is not forgotten
                self._resting[chunk] = step, tally.counts()
            if self.brake.pulled:
                self.hint(force=True)
        told = closing.entered, closing.passed, closing.lost, closing.returned, closing.open
        return dict(zip(COUNTED, told, strict=True))

    def _sink(self, results: Results | None, tally: Tally, chunk: str) -> "_Sink":
        def judged(due: Due, number: int, verdict: Passed | Failed) -> None:
            self.first_wave.note(tally.step, chunk, due, number, verdict)
            if why := self.first_wave.trouble(tally.step):
                self.pause(f"pass rate: {why}")
                self.relaunch(min_pass_rate=0.0)  # who goes on with the run has read it

        return _Sink(results, tally, self.brake, judged if results is not None else None)

    def children(self, chunk: str) -> list[str]:
        """Return the chunks that a chunk was fanned out into."""
        return self.run.state.chunks.children(chunk)

    def _results(self, step: str, chunk: str) -> contextlib.AbstractAsyncContextManager[Any]:
        """Open the history of a step that asks; others have none."""
        if self.pipeline.step(step).scope is not Scope.CHUNK:
            return contextlib.nullcontext()
        return Results(self.run.paths.chunk(chunk).results(step))

    def _close_round(self, chunk: str, step: str, outcomes: list[Outcome], closing: Counts) -> None:
        passed = [o.unit for o in outcomes if isinstance(o, Valid | Skipped)]
        self.run.settle(
            chunk,
            step,
            valid=passed,
            failed=(outcome.record for outcome in outcomes if isinstance(outcome, Invalid)),
            returned=(outcome.record for outcome in outcomes if isinstance(outcome, Returned)),
        )
        one = self.pipeline.step(step)
        made: list[int] = []
        if one.scope is Scope.FAN_OUT:
            made = self.run.write_children(chunk, children(outcomes, one))
        points.at("settle.before_close")
        self.run.close_round(chunk, step, closing, children=made)

    async def rest(self, seconds: float) -> None:
        """Wait so long, or until the run stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.brake.wait()

    def cancel(self) -> None:
        """Give the run up, at its vendors as well."""
        self.cancelled = True
        self.pause(Status.CANCELLED)
        self._say_so()

    def heed(self) -> None:
        """Do what other processes ask of this run."""
        for asked in requests(self.run.paths):
            self.run.log("request", verb=asked.verb.value)
            match asked.verb:
                case Verb.PAUSE:
                    self.interrupt()
                case Verb.CANCEL:
                    self.cancel()
            asked.path.unlink(missing_ok=True)

    def interrupt(self) -> None:
        """Pause because a person or the system asks for it."""
        self.pause("interrupted")
        self._say_so()

    def _say_so(self) -> None:
        """Journal that the run is about to stop: what is under way may take its time to land."""
        if self.run.state.status is Status.RUNNING:
            with contextlib.suppress(OSError):  # a full disk pauses it anyway
                self.run.set_status(Status.RUNNING, reason=self.paused_for)

    def time_is_up(self) -> None:
        """Pause because the run was to be worked on for so long at most."""
        assert self.launch.timeout is not None
        self.pause(f"time: the {lasting(self.launch.timeout)} of this start are over")

    def change_lane(self, lane: Literal["realtime", "batch"], why: str) -> None:
        """Go on in another lane from here on; the journal knows."""
        self.run.log("lane", lane=lane, why=why)
        self.relaunch(lane=lane)

    def relaunch(self, **changes: Any) -> None:
        """Let options hold from here on in place of those that the run has; the journal knows."""
        self.run.relaunch(**changes)
        self.launch = self.launch.model_copy(update=changes)
        self.first_wave.least = self._least_share()

    def _least_share(self) -> float:
        said = (self.launch.min_pass_rate, self.pipeline.min_pass_rate)
        return next((share for share in said if share is not None), LEAST_SHARE)

    @contextlib.contextmanager
    def pausing_on_outage(self) -> Generator[None]:
        """Let an outage pause the run: no unit fails for a provider's sins."""
        try:
            yield
        except (Misconfigured, Unreachable) as error:
            self.pause(f"provider: {error}")
        except CapReached as error:
            self.pause(f"cap: {error}")
        except OSError as error:
            self.brake.pull()
            if (reason := disk_trouble(error)) is None:
                raise
            self.pause(reason)
        except Exception:
            self.brake.pull()  # a fault of ours: what is under way may land, nothing new begins
            raise

    async def end(self) -> End:
        """Write down how the run ends, and say it."""
        if self.trouble is not None:
            raise self.trouble
        if self.paused_for is not None:
            if self.cancelled:
                return await self._give_up()
            self.run.set_status(Status.PAUSED, reason=self.paused_for)
            return _paused(self.run_dir.name, self.paused_for)
        if self.open_chunks():
            return self._defer()
        await asyncio.to_thread(collect_outputs, self.run_dir)
        told = await self.brake.unless_pulled(self._afterwards())
        if told is None:
            return await self.end()
        self.run.set_status(Status.COMPLETE, told=told)
        return _complete(self.run.state)

    def _defer(self) -> End:
        """Leave the run to whoever looks at its batches next."""
        assert self.batch_lane is not None, "only batches are waited for by nobody"
        waiting = self.batch_lane.waiting()
        self.hint(force=True)
        self.run.set_status(Status.RUNNING, waiting=waiting)
        message = f"{waiting.reason}; next look {waiting.until:%H:%M} UTC"
        return End(Status.RUNNING, message, waiting)

    async def _give_up(self) -> End:
        if self.batch_lane is not None:
            await self.batch_lane.give_up()
            self.hint(force=True)
        self.run.set_status(Status.CANCELLED)
        return CANCELLED

    async def _afterwards(self) -> list[Told]:
        scripts = await run_scripts(self.run, self.pipeline, self.launch)
        return [*scripts, *await post_process(self.run, self.pipeline, self.launch)]

    def pause(self, reason: str) -> None:
        """Pause for a reason that a person has to know; the first one counts."""
        if self.paused_for is None:
            self.paused_for = reason
            self.brake.pull()

    async def hint_now_and_then(self) -> None:
        """Keep those who watch from outside informed, until cancelled."""
        for number in itertools.count():
            # Hints stay in the journal: a long run, or one of many small chunks, gives fewer.
            patience = 1.0 if number < EARLY_HINTS else LATER_HINT_SECONDS
            await asyncio.sleep(max(patience, len(self.tallies) / ROUNDS_PER_HINT_SECOND))
            self.heed()
            self.hint()

    def hint(self, *, force: bool = False) -> None:
        """Tell those who watch from outside how far the open rounds are."""
        under_way = {name: (tally.step, tally.counts()) for name, tally in self.tallies.items()}
        rounds = {**self._resting, **under_way}
        no_room = self.batch_lane.no_room() if self.batch_lane is not None else []
        if force or (rounds, no_room) != self._hinted:
            # What is in batches is written down with them.
            handed_in = sum(batch.reserved_usd for batch in self.run.state.batches.open)
            reserved = self.desk.purse.reserved_usd - handed_in
            self.run.hint(
                rounds, self.desk.limits(), no_room=no_room, reserved_usd=reserved, force=force
            )
        self._hinted = rounds, no_room

    def hinted(self, task: asyncio.Task[None]) -> None:
        """Stop when hints cannot be written: the run was taken over, or the disk is full."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.trouble = error
            self.brake.pull()


@dataclass(frozen=True, slots=True)
class _Sink:
    """Answers go to the chunk's history at once, outcomes to the tally."""

    results: Results | None
    """None at a step that asks nobody."""
    tally: Tally
    brake: Brake
    watch: Callable[[Due, int, Passed | Failed], None] | None
    """Takes verdicts on replies; None at a step that asks nobody."""

    def keep(self, attempt: Attempt) -> None:
        self._write(attempt)
        self.tally.attempts.append(attempt)

    def lose(self, call: Attempt) -> None:
        self._write(call)
        self.tally.lost.append(call)

    def _write(self, attempt: Attempt) -> None:
        assert self.results is not None, "only a step that asks is answered"
        try:
            self.results.keep(attempt)
        except OSError:
            self.brake.pull()  # what cannot be kept must not be paid for
            raise

    def judged(self, due: Due, number: int, verdict: Passed | Failed) -> None:
        if self.watch is not None:
            self.watch(due, number, verdict)

    def done(self, outcome: Outcome) -> None:
        self.tally.outcomes.append(outcome)


_held: dict[Path, Session] = {}


@contextlib.contextmanager
def held(session: Session) -> Generator[None]:
    """Let `find` find a session while the block runs."""
    _held[session.run_dir] = session
    try:
        yield
    finally:
        del _held[session.run_dir]


def find(run_dir: Path) -> Session | None:
    """Return the session that this process holds for a run, if it does."""
    return _held.get(run_dir.resolve())
