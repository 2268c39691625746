"""The order of a run's work in batches: hand in, look, fetch, judge, and again."""

import asyncio
import contextlib
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, Protocol, TypeAlias

from pipelines import Scope, Stragglers
from providers import points
from providers.errors import ProviderError
from runs import (
    Batch,
    BatchState,
    Stage,
    Waiting,
    is_retry,
    step_counts,
    waits,
)
from tasks.parcels import Parcels, Pool, Sealed
from tasks.sensor import Sensor
from tasks.session import Session
from tasks.shipping import Shipping
from tasks.steady import steady_clock

__all__ = ["BatchLane", "Verb", "Works", "bring_in", "in_batches"]

Verb: TypeAlias = Literal["submit", "collect"]

SHARE_OF_STRAGGLERS = 0.02
"""Of a step's units: so few may be asked at once at its end."""
LEAST_SECONDS_AWAY = 60.0
"""Who has to start anew for each look, which takes seconds, does not come sooner."""
SHORTEST_SECONDS_AWAY = 20.0
"""Not even if it is said: a worker that counts how many flow runs it has (`--limit`) dies when one
is due again before its process is gone, and it fetches them ten seconds ahead."""
HANDING_IN = timedelta(seconds=30)
"""After so long with handing in, batches that are at their vendors are looked after."""
CHUNKS_AT_ONCE = 4
"""Chunks that are judged at once: it keeps the sandbox busy while files are written."""


class Works(Protocol):
    """How the parts of the work are done: plainly, or each as a task of an orchestrator."""

    async def advance(self, step: str, chunk: str) -> object:
        """Take a chunk through a step that asks nobody, or asks at once."""
        ...

    async def post(self, step: str, chunk: str, verb: Verb) -> int:
        """Judge what is there and put what is to be asked into parcels; return how many are."""
        ...

    async def look(self) -> bool:
        """Look at all batches once; return whether anything moved."""
        ...


@dataclass(slots=True)
class BatchLane:
    """Takes the chunks of one run through their steps, by batches where models are asked."""

    session: Session
    shipping: Shipping
    works: Works | None = None
    """None: plainly."""
    clock: InitVar[Callable[[], datetime] | None] = None
    sensor: Sensor = field(init=False)
    _pools: dict[str, Pool] = field(default_factory=dict[str, Pool])
    """Of askings that are repeated, by step."""
    _again: defaultdict[str, dict[str, int]] = field(
        default_factory=lambda: defaultdict[str, dict[str, int]](dict)
    )
    """By step, the chunks that put repeated askings into its pool, and how many each."""

    def __post_init__(self, clock: Callable[[], datetime] | None) -> None:
        """Have a sensor, and go by its clock."""
        self.sensor = Sensor(self.session, self.shipping, clock or steady_clock())

    async def settle(self) -> bool:
        """Take every chunk as far as it comes without a vendor, and hand in what is to be asked.

        Returns:
            Whether all is handed in that there is room for: where that takes long, those that
            are at their vendors are looked after in between.

        Raises:
            Misconfigured, CapReached: a person must act.
        """
        await self._each(self._forward, self._furthest_behind_first())
        while (stragglers := self._stragglers()) is not None:
            await self._at_once(*stragglers)
        self._again.clear()
        for pool in self._pools.values():
            self._add(await asyncio.to_thread(pool.finish))
        self._pools.clear()  # what a batch may hold can be another number by the next time
        began = self.sensor.clock()
        return await self.shipping.hand_in(lambda: self.sensor.clock() - began >= HANDING_IN)

    async def look(self) -> bool:
        """Look at all batches once; return whether anything moved."""
        return await self.sensor.look()

    async def stop(self) -> None:
        """Have the vendors stop what they hold, and send nothing more."""
        self.shipping.close()
        await self.sensor.stop()

    async def give_up(self) -> None:
        """Have the vendors stop what they hold; fetch and count what they have done of it by now.

        A batch that its vendor still works on, or that cannot be reached, stays in the manifest.
        """
        with contextlib.suppress(ProviderError):
            await self.stop()
            await self.look()
            await self.stop()  # what the look has found out about
            for batch in self.uncertain():
                await self.shipping.refuse(batch, "given up, though its provider may have it")
        state = self.session.run.state
        for chunk in self.session.open_chunks():
            if state.chunks[chunk].stage is Stage.COMPLETE:
                step = str(state.chunks[chunk].step)
                pool = self._pool(step)
                await self.session.post(step, chunk, pool)
                pool.drop()

    def uncertain(self) -> list[Batch]:
        """Return the batches of which nobody can tell whether they are at their vendor."""
        return [
            batch
            for batch in self.session.run.state.batches.open
            if batch.state is BatchState.UNCERTAIN
        ]

    def next_look(self, least: float = 0.0) -> float:
        """Return in how many seconds to look again, or to give batches up.

        Not in less than `least`, unless a person has said how often, or there is no time.
        """
        looking = self.sensor.next_look(least)
        deadline = self.session.run.state.deadline
        return looking if deadline is None else min(looking, self._seconds_to(deadline))

    def too_late(self) -> bool:
        """Say whether the time that there was for batches is over."""
        deadline = self.session.run.state.deadline
        return deadline is not None and self._seconds_to(deadline) == 0

    def waiting(self) -> Waiting:
        """Return what is waited for, and until when, if nobody stays."""
        now = self.sensor.clock()
        told = [str(wait) for wait in waits(self.session.run.state.batches, now)]
        reason = "; ".join(told or self.no_room()) or "room at its providers"
        away = max(self.next_look(LEAST_SECONDS_AWAY), SHORTEST_SECONDS_AWAY)
        return Waiting(now + timedelta(seconds=away), reason)

    def no_room(self) -> list[str]:
        """Return why batches that are ready are not handed in, each reason once."""
        return list(dict.fromkeys(self.shipping.held_back.values()))

    def _seconds_to(self, moment: datetime) -> float:
        return max(0.0, (moment - self.sensor.clock()).total_seconds())

    def _furthest_behind_first(self) -> list[str]:
        """Return the open chunks; where there is not room for all, a run is as long as its last."""
        state = self.session.run.state
        places = {spec.name: place for place, spec in enumerate(state.steps)}

        def progress(name: str) -> tuple[int, bool]:
            chunk = state.chunks[name]
            return places[str(chunk.step)], chunk.stage is not Stage.PENDING

        return sorted(self.session.open_chunks(), key=progress)

    def _stragglers(self) -> tuple[str, list[str]] | None:
        """Return a step whose last few units are to be asked at once, and their chunks."""
        for step, chunks in self._again.items():
            if chunks and self._are_last(step, chunks):
                return step, list(chunks)
        return None

    def _are_last(self, step: str, chunks: Mapping[str, int]) -> bool:
        """Say whether nothing else is to come at a step, and little of these chunks."""
        at_once = self.session.pipeline.step(step).stragglers is Stragglers.REALTIME
        if not at_once or self._pools[step].filled:
            return False
        state = self.session.run.state
        places = {spec.name: place for place, spec in enumerate(state.steps)}
        entered = step_counts(state)[step].entered
        for name in self.session.open_chunks():
            chunk = state.chunks[name]
            if name in chunks:
                entered += chunk.due
            elif places[str(chunk.step)] <= places[step]:
                return False
        return sum(chunks.values()) <= math.ceil(entered * SHARE_OF_STRAGGLERS)

    async def _at_once(self, step: str, chunks: list[str]) -> None:
        """Ask what is left of a step in realtime, and go on with its chunks."""
        self.session.run.log("stragglers", step=step, units=sum(self._again[step].values()))
        self._pools.pop(step).drop()
        del self._again[step]

        async def through(chunk: str) -> None:
            await self._works.advance(step, chunk)
            await self._forward(chunk)

        await self._each(through, chunks)

    async def _each(self, do: Callable[[str], Awaitable[object]], chunks: Iterable[str]) -> None:
        """Do something with some chunks at once; the first error is raised when all have rested."""
        at_once = asyncio.Semaphore(CHUNKS_AT_ONCE)

        async def one(chunk: str) -> None:
            async with at_once:
                await do(chunk)

        for outcome in await asyncio.gather(*map(one, chunks), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _forward(self, chunk: str) -> None:
        """Take a chunk as far as it comes by itself, those that it is fanned out into as well."""
        while (step := self.session.next_step(chunk)) is not None:
            if self.session.pipeline.step(step).scope is not Scope.CHUNK:
                await self._works.advance(step, chunk)
                continue
            if self._is_on_its_way(chunk):
                return
            stage = self.session.run.state.chunks[chunk].stage
            verb: Verb = "submit" if stage is Stage.PENDING else "collect"
            if verb == "submit" and not self.shipping.has_room(step):
                return  # what cannot be handed in yet is not worded yet
            if await self._works.post(step, chunk, verb):
                return
        for child in self.session.children(chunk):
            await self._forward(child)

    async def advance(self, step: str, chunk: str) -> object:
        """Take a chunk through a step that asks nobody, or asks at once."""
        return await self.session.advance(step, chunk)

    async def post(self, step: str, chunk: str, verb: Verb) -> int:
        """Judge what is there of a chunk; put what is to be asked into parcels, and count it.

        First askings travel by chunk, repeated ones with those of other chunks. Doing it twice is
        doing it once.
        """
        if self._is_on_its_way(chunk):
            return 1
        alone = verb == "submit" and not is_retry(chunk)
        pool = self._pool(step) if alone else self._repeats(step)
        points.at("advance.before")
        left = await self.session.post(step, chunk, pool)
        points.at("advance.after")
        if alone:
            self._add(await asyncio.to_thread(pool.finish))
        elif left["open"]:
            self._again[step][chunk] = left["open"]
        return left["open"]

    def _is_on_its_way(self, chunk: str) -> bool:
        """Say whether what is to be asked of a chunk is in a parcel already."""
        stage = self.session.run.state.chunks[chunk].stage
        pooled = any(chunk in chunks for chunks in self._again.values())
        return stage is Stage.SUBMITTED or pooled or self.shipping.is_waiting(chunk)

    @property
    def _works(self) -> Works:
        return self.works or self

    def _add(self, sealed: list[Sealed]) -> None:
        for one in sealed:
            self.shipping.add(one)

    def _repeats(self, step: str) -> Pool:
        if step not in self._pools:
            self._pools[step] = self._pool(step)
        return self._pools[step]

    def _pool(self, step: str) -> Pool:
        run, counter = self.session.run, self.session.desk.counter(step)

        def seal(parcels: Parcels) -> Sealed:
            return parcels.seal(
                run.paths.dir.name,
                counter.batches.request_line,
                self.sensor.clock(),
                taken=run.state.batches,
            )

        return Pool(
            partial(Parcels, run.paths, step, counter.choice.provider, counter.choice.model),
            seal,
            self.shipping.most(step),
        )


async def in_batches(
    lane: BatchLane, rest: Callable[[float], Awaitable[object]], *, leaving: bool = False
) -> None:
    """Do everything that is left of a run in batches, or one look at them, if that was asked for.

    An outage pauses the run. Past its deadline what is left is for another lane.

    Args:
        lane: The lane.
        rest: Waits for so many seconds, or until the run stops.
        leaving: Return as soon as there is nothing to do but wait.
    """
    session = lane.session
    while not session.brake.pulled and session.open_chunks():
        if lane.too_late():
            session.change_lane("realtime", "the time for batches is over")
            return
        moved, whole = False, True
        with session.pausing_on_outage():
            whole = await lane.settle()
            moved = await (lane.works or lane).look()
            while session.launch.tick and not await lane.settle():
                pass
        if session.launch.tick:
            _pause_if_uncertain(lane)
            return
        if session.brake.pulled or moved or not whole or not session.open_chunks():
            continue
        if _pause_if_uncertain(lane) or leaving:
            return
        await rest(lane.next_look())


async def bring_in(lane: BatchLane, rest: Callable[[float], Awaitable[object]]) -> None:
    """Have the vendors stop what they hold, and fetch what is done of it: the lane changes."""
    session = lane.session
    while session.run.state.batches.open and not session.brake.pulled:
        moved = False
        await lane.stop()
        with session.pausing_on_outage():
            moved = await lane.look()
        if not moved and not _pause_if_uncertain(lane):
            await rest(lane.next_look())


def _pause_if_uncertain(lane: BatchLane) -> bool:
    """Pause when only batches are left of which a person must decide; return whether."""
    uncertain = lane.uncertain()
    if not uncertain or len(uncertain) < len(lane.session.run.state.batches.open):
        return False
    batch = uncertain[0]
    lane.session.pause(
        f"provider: nobody can tell whether {batch.provider} has batch {batch.short} "
        f"({batch.message}): look there; --ask-again asks it once more, and may pay twice"
    )
    return True
