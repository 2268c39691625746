"""The desk where a pipeline's steps are done: connections, limiters and the sandbox, held open."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pipelines
from pipelines import Launch, Pipeline, PreparedStep, Prompt, Sandbox, Scope, Step
from providers.batches import Batches
from providers.connect import batches, connect
from providers.emulator import client as emulator
from providers.keys import Keys
from providers.limit import Limiter, State
from providers.protocol import Provider
from providers.registry import BatchLimits, batch_limits
from runs import runs_root
from tasks.ask import Computed, LiveAsker, Rehearse, Trace
from tasks.brake import Brake
from tasks.choose import Asked, Choice, check_priced, settle_choice
from tasks.compute import compute, fan_out, gate
from tasks.judging import MicroBatchJudge
from tasks.meter import Meter
from tasks.parcels import Pool
from tasks.poster import Poster, journeys
from tasks.purse import Purse
from tasks.shared import Rates
from tasks.work import Asker, Asking, Due, Outcome, Sink, StepAtWork, advance

__all__ = ["NO_RATES", "Counter", "Desk", "opened_desk"]

NO_RATES: Rates = {}


@dataclass(frozen=True, slots=True)
class _Line:
    """Who is asked at a step."""

    choice: Choice
    provider: Provider
    limiter: Limiter
    meter: Meter
    batch_meter: Meter
    rehearse: Rehearse | None


class Counter(NamedTuple):
    """Where batches of one step are handed in and fetched."""

    choice: Choice
    batches: Batches
    limits: BatchLimits
    max_inflight: int | None
    """Batches at its provider at once, as the pipeline asks for; None: any number."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One step's place at the desk."""

    prepared: PreparedStep
    work: StepAtWork
    line: _Line | None
    """None at a step that asks no model."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Who is asked at each step, and who judges the answers."""

    brake: Brake
    purse: Purse
    sandbox: Sandbox
    rates: Rates
    """Those that are shared with other machines."""
    _places: Mapping[str, _Place]

    async def take(
        self, step: str, due: Sequence[Due], sink: Sink, trace: Trace, *, once: bool = False
    ) -> list[Outcome]:
        """Take units through a step of any kind; their outcomes are in the order of `due`.

        With `once` each is asked once at most: what would be asked again is `Open`.

        Raises:
            Misconfigured, Unreachable: a model cannot be asked; all answers that came are kept.
        """

        def live(place: _Place, line: _Line, computed: Computed) -> Asker:
            return LiveAsker(
                step=place.prepared,
                choice=line.choice,
                provider=line.provider,
                limiter=line.limiter,
                meter=line.meter,
                purse=self.purse,
                sink=sink,
                trace=trace,
                brake=self.brake,
                rehearse=line.rehearse,
                computed=computed,
                rates=self.rates,
                once=once,
            )

        return await self._through(self._places[step], due, sink, live)

    async def post(
        self, step: str, due: Sequence[Due], sink: Sink, *, chunk: str, pool: Pool
    ) -> list[Outcome]:
        """Judge what there is of units at a step that asks; put what is to be asked into parcels.

        Units that are asked are `Open`.
        """

        def poster(place: _Place, line: _Line, computed: Computed) -> Asker:
            return Poster(
                chunk=chunk,
                step=place.prepared,
                choice=line.choice,
                meter=line.batch_meter,
                pool=pool,
                rehearse=line.rehearse,
                computed=computed,
                journeys=journeys(due),
            )

        return await self._through(self._places[step], due, sink, poster)

    async def _through(
        self,
        place: _Place,
        due: Sequence[Due],
        sink: Sink,
        asker: Callable[[_Place, _Line, Computed], Asker],
    ) -> list[Outcome]:
        ready, computed, settled = await gate(due, place.prepared, place.work, self.sandbox)
        outcomes: list[Outcome] = []
        match place.prepared.step.scope:
            case Scope.CHUNK:
                assert place.line is not None, "a step that asks was given somebody to ask"
                asking = asker(place, place.line, computed)
                outcomes = await advance(ready, place.work, asking, sink)
            case Scope.EXPRESSION:
                settled += await compute(ready, place.prepared, place.work, self.sandbox)
            case Scope.FAN_OUT:
                settled += fan_out(ready, place.prepared.step, place.work)
            case Scope.RUN:
                raise AssertionError("a script is not for single units")
        for outcome in settled:
            sink.done(outcome)
        order = {unit.unit_id: number for number, unit in enumerate(due)}
        return sorted([*outcomes, *settled], key=lambda outcome: order[outcome.unit_id])

    def counter(self, step: str) -> Counter:
        """Return where batches of a step are handed in.

        Raises:
            Misconfigured: its provider has no batch lane.
        """
        place = self._places[step]
        assert place.line is not None, "only a step that asks has batches"
        provider = place.line.choice.provider
        return Counter(
            place.line.choice,
            batches(provider, place.line.provider),
            batch_limits(provider),
            place.prepared.step.max_inflight_batches,
        )

    @property
    def window(self) -> int:
        """Return how many calls may be in flight at the widest step."""
        return max((line.provider.limits.most for line in self._lines()), default=1)

    def limits(self) -> dict[str, State]:
        """Return the state of every limiter, by `provider/model`."""
        return {
            f"{line.choice.provider}/{line.choice.model}": line.limiter.state()
            for line in self._lines()
        }

    def _lines(self) -> list[_Line]:
        return [place.line for place in self._places.values() if place.line is not None]


@contextlib.asynccontextmanager
async def opened_desk(
    pipeline: Pipeline,
    steps: Sequence[Step],
    launch: Launch,
    asked: Mapping[str, Asked],
    *,
    brake: Brake,
    purse: Purse,
    rates: Rates = NO_RATES,
    kept: Keys | None = None,
) -> AsyncGenerator[Desk]:
    """Open what `steps` need, those that ask at whom `asked` names, and close it at the end.

    Steps that share a provider and model share its connection and limiter. With `launch.emulate` no
    provider is ever reached. `kept` are keys from elsewhere than the environment.

    Raises:
        MissingKey, BadAddress: a provider that cannot be asked from here.
        NoPrice: the purse has a cap, and what a model costs is unknown.
    """
    async with contextlib.AsyncExitStack() as stack:
        emulator_url = (
            await asyncio.to_thread(emulator.start, runs_root())
            if launch.emulate and asked
            else None
        )
        local_url = await _served(launch.gguf, stack) if launch.local and asked else None
        sandbox = await stack.enter_async_context(Sandbox())
        now = datetime.now(UTC)
        choices = {
            step.name: settle_choice(pipeline, step, asked[step.name], base_url=local_url, at=now)
            for step in steps
            if step.name in asked
        }
        if purse.cap_usd is not None:
            for choice in choices.values():
                check_priced(choice, launch.mode)
        lines = _Lines(stack, emulator_url, choices.values(), kept)
        places: dict[str, _Place] = {}
        for step in steps:
            prepared = pipelines.prepare(pipeline, step)
            line = None
            if (choice := choices.get(step.name)) is not None:
                rehearse = _rehearse(pipeline, prepared, emulator_url)
                meters = Meter(choice.rate), Meter(choice.batch_rate)
                line = _Line(choice, *lines.to(choice), *meters, rehearse)
            places[step.name] = _Place(prepared, _work(pipeline, prepared, sandbox), line)
        yield Desk(brake, purse, sandbox, rates, places)


def _work(pipeline: Pipeline, prepared: PreparedStep, sandbox: Sandbox) -> StepAtWork:
    step = prepared.step
    return StepAtWork(
        name=step.name,
        max_retries=pipeline.max_retries if step.scope is Scope.CHUNK else 0,
        max_returns=pipeline.max_retries if step.retry_step else None,
        judge=MicroBatchJudge(prepared, sandbox),
        merged=prepared.merged,
    )


async def _served(gguf: Path | None, stack: contextlib.AsyncExitStack) -> str:
    from providers import local

    return await asyncio.to_thread(stack.enter_context, local.serve(gguf, root=runs_root()))


class _Lines:
    """Connections and limiters, each made once."""

    def __init__(
        self,
        stack: contextlib.AsyncExitStack,
        emulator_url: str | None,
        choices: Collection[Choice],
        kept: Keys | None,
    ) -> None:
        self._stack = stack
        self._emulator_url = emulator_url
        self._choices = choices
        self._kept = kept
        self._providers: dict[tuple[str, str | None], Provider] = {}
        self._limiters: dict[tuple[str, str | None, str], Limiter] = {}

    def to(self, choice: Choice) -> tuple[Provider, Limiter]:
        address = (choice.provider, choice.base_url)
        provider = self._providers.get(address)
        if provider is None:
            provider = connect(
                choice.provider,
                emulator_url=self._emulator_url,
                base_url=choice.base_url,
                kept=self._kept,
            )
            self._stack.push_async_callback(provider.close)
            self._providers[address] = provider
        line = (*address, choice.model)
        if line not in self._limiters:
            self._limiters[line] = self._limiter(choice, provider)
        return provider, self._limiters[line]

    def _limiter(self, choice: Choice, provider: Provider) -> Limiter:
        """Return a limiter that keeps to the tightest of what the steps on its line ask for."""
        asked = (choice.provider, choice.base_url, choice.model)
        same = [one for one in self._choices if (one.provider, one.base_url, one.model) == asked]
        at_once = _tightest(one.concurrency for one in same)
        return Limiter(
            # Who chose a concurrency knows their limits: slow start is for those who did not.
            at_once or provider.limits.start,
            at_once or provider.limits.most,
            requests_per_minute=_tightest(one.requests_per_minute for one in same),
            tokens_per_minute=_tightest(one.tokens_per_minute for one in same),
        )


def _tightest(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _rehearse(pipeline: Pipeline, prepared: PreparedStep, url: str | None) -> Rehearse | None:
    if url is None or not pipelines.rehearses(pipeline, prepared.step):
        return None

    async def rehearse(
        asking: Asking, computed: Mapping[str, Any], prompt: Prompt, wire: bytes
    ) -> None:
        reply = pipelines.rehearse(
            pipeline,
            prepared.step,
            asking.unit,
            prompt=prompt,
            attempt=asking.attempt,
            round_number=asking.round,
            computed=computed,
        )
        if reply is not None:
            await emulator.rehearse(url, {sha256(wire).hexdigest(): reply})

    return rehearse
