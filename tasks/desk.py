"""The desk where a pipeline's steps are asked: connections, limiters and the sandbox, held open."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pipelines
from pipelines import Launch, Pipeline, PreparedStep, Prompt, Sandbox
from providers.connect import connect
from providers.emulator import client as emulator
from providers.limit import Limiter, State
from providers.protocol import Provider
from runs import runs_root
from tasks.ask import LiveAsker, Rehearse, Trace
from tasks.brake import Brake
from tasks.choose import Asked, Choice, settle_choice
from tasks.judging import MicroBatchJudge
from tasks.work import Asking, StepAtWork

__all__ = ["Desk", "opened_desk"]


@dataclass(frozen=True, slots=True)
class _Place:
    """One step's place at the desk."""

    prepared: PreparedStep
    choice: Choice
    provider: Provider
    limiter: Limiter
    rehearse: Rehearse | None
    work: StepAtWork


@dataclass(frozen=True, slots=True)
class Desk:
    """Who is asked at each step, and who judges the answers."""

    brake: Brake
    _places: Mapping[str, _Place]

    def step(self, name: str) -> StepAtWork:
        """Return what the engine needs to know of a step."""
        return self._places[name].work

    def asker(self, name: str, trace: Trace) -> LiveAsker:
        """Return an asker for a step, whose requests are written down by `trace`."""
        place = self._places[name]
        return LiveAsker(
            step=place.prepared,
            choice=place.choice,
            provider=place.provider,
            limiter=place.limiter,
            trace=trace,
            brake=self.brake,
            rehearse=place.rehearse,
        )

    @property
    def window(self) -> int:
        """Return how many calls may be in flight at the widest step."""
        return max(place.provider.limits.most for place in self._places.values())

    def limits(self) -> dict[str, State]:
        """Return the state of every limiter, by `provider/model`."""
        return {
            f"{place.choice.provider}/{place.choice.model}": place.limiter.state()
            for place in self._places.values()
        }


@contextlib.asynccontextmanager
async def opened_desk(
    pipeline: Pipeline, launch: Launch, asked: Mapping[str, Asked], *, brake: Brake
) -> AsyncGenerator[Desk]:
    """Open what asking the steps named in `asked` needs, and close it at the end.

    Steps that share a provider and model share its connection and limiter. With `launch.emulate` no
    provider is ever reached.

    Raises:
        MissingKey, BadAddress: a provider that cannot be asked from here.
    """
    async with contextlib.AsyncExitStack() as stack:
        emulator_url = (
            await asyncio.to_thread(emulator.start, runs_root()) if launch.emulate else None
        )
        local_url = await _served(launch.gguf, stack) if launch.local else None
        sandbox = await stack.enter_async_context(Sandbox())
        now = datetime.now(UTC)
        lines = _Lines(stack, emulator_url)
        places: dict[str, _Place] = {}
        for step in (step for step in pipeline.steps if step.name in asked):
            choice = settle_choice(pipeline, step, asked[step.name], base_url=local_url, at=now)
            provider, limiter = lines.to(choice)
            prepared = pipelines.prepare(pipeline, step)
            places[step.name] = _Place(
                prepared=prepared,
                choice=choice,
                provider=provider,
                limiter=limiter,
                rehearse=_rehearse(pipeline, prepared, emulator_url),
                work=StepAtWork(
                    step.name, pipeline.max_retries, MicroBatchJudge(prepared, sandbox)
                ),
            )
        yield Desk(brake, places)


async def _served(gguf: Path | None, stack: contextlib.AsyncExitStack) -> str:
    from providers import local

    return await asyncio.to_thread(stack.enter_context, local.serve(gguf, root=runs_root()))


class _Lines:
    """Connections and limiters, each made once."""

    def __init__(self, stack: contextlib.AsyncExitStack, emulator_url: str | None) -> None:
        self._stack = stack
        self._emulator_url = emulator_url
        self._providers: dict[tuple[str, str | None], Provider] = {}
        self._limiters: dict[tuple[str, str | None, str], Limiter] = {}

    def to(self, choice: Choice) -> tuple[Provider, Limiter]:
        address = (choice.provider, choice.base_url)
        provider = self._providers.get(address)
        if provider is None:
            provider = connect(
                choice.provider, emulator_url=self._emulator_url, base_url=choice.base_url
            )
            self._stack.push_async_callback(provider.close)
            self._providers[address] = provider
        line = (*address, choice.model)
        if line not in self._limiters:
            # Who chose a concurrency knows their limits: slow start is for those who did not.
            start, most = choice.concurrency or provider.limits.start, provider.limits.most
            self._limiters[line] = Limiter(start, choice.concurrency or most)
        return provider, self._limiters[line]


def _rehearse(pipeline: Pipeline, prepared: PreparedStep, url: str | None) -> Rehearse | None:
    if url is None or not pipelines.rehearses(pipeline, prepared.step):
        return None

    async def rehearse(asking: Asking, prompt: Prompt, wire: bytes) -> None:
        reply = pipelines.rehearse(
            pipeline, prepared.step, asking.unit, attempt=asking.attempt, prompt=prompt
        )
        if reply is not None:
            await emulator.rehearse(url, {sha256(wire).hexdigest(): reply})

    return rehearse
