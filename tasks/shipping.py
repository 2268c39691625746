"""Hand batches in, so that none is ever there twice: written down first, looked for when unsure."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from providers import points
from providers.batches import Intent, Refusal
from providers.errors import (
    IT_SAYS,
    Misconfigured,
    RequestRejected,
    Retryable,
    UnknownOutcome,
)
from runs import Batch, BatchState, Line, Load, Loads, Run
from tasks.desk import Desk
from tasks.harvest import reject
from tasks.parcels import Most, Sealed, intent_of
from tasks.purse import Purse
from tasks.room import FIRST_PATIENCE_SECONDS, Room, line_of, patience
from tasks.shared import creations
from tasks.steady import steady_clock

__all__ = ["Shipping"]

LEAST = Load(1, 1, 1)
"""The smallest batch."""
SETTLE_SECONDS = 60.0
"""How long a vendor's list may lag behind: what is not found now is looked for again after that."""
TURNED_AWAY_SECONDS = 30.0
"""How long a batch waits that was turned away at first, when its vendor does not say."""
UNCERTAIN_AFTER = 20
"""Looks after which a vendor that cannot say whether it has a batch is not asked any more."""


@dataclass(slots=True)
class Shipping:
    """Hands the batches of one run in; the journal says of each how far it came.

    A batch is written down before it is sent. Whatever happens then, it is either known to be at
    its vendor, or known not to be, or looked for until one of the two is known.
    """

    run: Run
    desk: Desk
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = field(default_factory=steady_clock)
    settle_seconds: float = SETTLE_SECONDS
    patience_seconds: float = FIRST_PATIENCE_SECONDS
    """How long a model's queue that was too full is left alone at first."""
    room: Room = field(init=False)
    _ready: list[Sealed] = field(default_factory=list[Sealed])
    _ready_chunks: Counter[str] = field(default_factory=Counter[str])
    """In how many of these a chunk has units. It is counted as they come and go: there may be as
    many as there are chunks, and each chunk wants to know."""
    _ready_lines: defaultdict[Line, Load] = field(
        default_factory=lambda: defaultdict[Line, Load](Load)
    )
    _ready_created: Counter[str] = field(default_factory=Counter[str])
    _no_room: dict[str, str] = field(default_factory=dict[str, str])
    """Of which steps something waits, and why."""
    held_back: dict[str, str] = field(default_factory=dict[str, str])
    """Of which steps something waited for room the last time, and why."""
    _missed_at: dict[str, float] = field(default_factory=dict[str, float])
    """When an intent was first not found at its vendor."""
    _looks: dict[str, int] = field(default_factory=dict[str, int])
    _held: set[str] = field(default_factory=set[str])
    """Intents that a batch at their vendor may be."""
    _not_sent: set[str] = field(default_factory=set[str])
    """Intents that are certainly not at their vendor: it has turned them away."""
    _not_before: dict[str, float] = field(default_factory=dict[str, float])
    _turned_away: Counter[str] = field(default_factory=Counter[str])
    """How often."""
    _closed: bool = False

    def __post_init__(self) -> None:
        self.room = Room(self.run, self.desk, self.clock, self.patience_seconds)

    @property
    def purse(self) -> Purse:
        return self.desk.purse

    def add(self, sealed: Sealed) -> None:
        """Take a batch that is to be handed in."""
        self._ready.append(sealed)
        self._count(sealed.batch, 1)

    async def hand_in(self, is_over: Callable[[], bool]) -> bool:
        """Write batches that wait down and hand them in, as long as there is room for them.

        Args:
            is_over: whether it is time to look after those that are there, asked after each.

        Returns:
            Whether all were handed in that there is room for.

        Raises:
            Misconfigured: a person must act; the batch is not at its vendor.
            CapReached: the run may not spend what one might cost.
        """
        self.room.tell(at_once=True)
        held_back: set[str] = set()
        for sealed in tuple(self._ready):
            batch, intent = sealed
            # A large one is not overtaken by smaller ones for ever.
            if batch.step in held_back:
                continue
            if (why := self.room.obstacle(batch.step, _load(batch))) is not None:
                held_back.add(batch.step)
                self._no_room[batch.step] = why
                continue
            if self.desk.brake.pulled or not self.purse.take(batch.reserved_usd):
                break
            self._ready.remove(sealed)
            self._count(batch, -1)
            points.at("submit.before_intent")
            self.run.intend(batch)
            points.at("submit.after_intent")
            self.room.tell(at_once=False)
            await self._send(batch, intent)
            if is_over():
                return False
        self.room.tell(at_once=True)
        self._say()
        return True

    @property
    def waiting(self) -> int:
        """Return how many batches wait to be handed in."""
        return len(self._ready)

    def is_waiting(self, chunk: str) -> bool:
        """Say whether units of a chunk are in a batch that waits to be handed in."""
        return self._ready_chunks[chunk] > 0

    def has_room(self, step: str) -> bool:
        """Say whether there may be room for a batch of a step, besides all that wait."""
        waiting = Loads(self._ready_lines, self._ready_created)
        why = self.room.obstacle(step, LEAST, waiting=waiting)
        if why is not None:
            self._no_room[step] = why
        return why is None

    def most(self, step: str) -> Most:
        """Return what one batch of a step may hold."""
        return self.room.most(step)

    def _count(self, batch: Batch, times: int) -> None:
        """Count a batch among those that wait, or take it out again."""
        for parcel in batch.parcels:
            self._ready_chunks[parcel.chunk] += times
        line, more = line_of(batch), Load(*(times * number for number in _load(batch)))
        self._ready_lines[line] = self._ready_lines[line].plus(more)
        self._ready_created[batch.provider] += times

    def close(self) -> None:
        """Send nothing from here on; what is found at its vendor is still taken up."""
        self._closed = True

    async def settle_intents(self) -> None:
        """Find out about each batch of which it is not known whether its vendor has it.

        Raises:
            Misconfigured: a person must act.
        """
        for batch in self.run.state.batches.open:
            if batch.state is BatchState.INTENDED:
                await self._find_out(batch)

    async def _find_out(self, batch: Batch) -> None:
        now = self.clock()
        if now < self._not_before.get(batch.key, now):
            return
        intent = intent_of(batch, self.run.paths)
        if batch.key in self._not_sent:
            await self._send(batch, intent)
            return
        counter = self.desk.counter(batch.step)
        known = {other.batch_id for other in self.run.state.batches.values() if other.batch_id}
        try:
            found = await counter.batches.find(intent, known=known)
        except (Retryable, UnknownOutcome) as error:
            self._unsure(batch, str(error))
            return
        if found and found[0].proven:
            self._submitted(batch, found[0].batch_id, "found at its provider")
            for other in found[1:]:
                if other.proven:
                    await counter.batches.cancel(other.batch_id)
            return
        if found:
            # It may be ours, or another's of the same size: its first results will tell. Until
            # then nothing is sent, so that nothing is paid twice.
            self._missed_at.pop(batch.key, None)
            if batch.key not in self._held:
                self._held.add(batch.key)
                self.run.log("batch_may_be", batch=batch.short, candidate=found[0].batch_id)
            return
        missed_at = self._missed_at.setdefault(batch.key, now)
        if now - missed_at >= self.settle_seconds:
            await self._send(batch, intent)

    async def _send(self, batch: Batch, intent: Intent) -> None:
        if self._closed:
            await self.refuse(batch, "it was never sent, and is not needed any more")
            return
        counter = self.desk.counter(batch.step)
        self._not_sent.discard(batch.key)
        self._missed_at.pop(batch.key, None)
        if (rate := self.desk.rates.get(creations(batch.provider))) is not None:
            await self.desk.brake.unless_pulled(rate.permit())
        try:
            points.at("submit.before_send")
            batch_id = await counter.batches.submit(intent)
            points.at("submit.after_accept")
        except Misconfigured as error:
            await self.refuse(batch, str(error))
            raise
        except RequestRejected as error:
            await self.refuse(batch, str(error), rejected=True)
        except Retryable as error:
            self._not_sent.add(batch.key)
            self._turned_away[batch.key] += 1
            wait = error.retry_after or patience(self._turned_away[batch.key], TURNED_AWAY_SECONDS)
            self._not_before[batch.key] = self.clock() + wait
            self.run.log("batch_turned_away", batch=batch.short, why=str(error))
        except UnknownOutcome as error:
            self.run.log("batch_outcome_unknown", batch=batch.short, why=str(error))
        else:
            self._submitted(batch, batch_id)

    def _submitted(self, batch: Batch, batch_id: str, message: str | None = None) -> None:
        changes = {} if message is None else {"message": message}
        self.run.move_batch(
            batch.key,
            BatchState.SUBMITTED,
            batch_id=batch_id,
            submitted_at=self.now(),
            **changes,
        )
        points.at("submit.after_submitted")

    async def refuse(self, batch: Batch, message: str, *, rejected: bool = False) -> None:
        """Write down that a batch is not at its vendor; if `rejected`, that it will never be."""
        if rejected:
            await asyncio.to_thread(reject, batch, self.run.paths, message)
        self._take_back(batch, message=message)

    def turned_down(self, batch: Batch, why: Refusal, at: datetime, message: str | None) -> None:
        """Take a batch back of which its vendor does nothing, though it has accepted it.

        Nothing of it was asked: that is no journey of its units. Where a queue was full, they are
        put into batches once more, smaller ones now, as soon as there is room.

        Raises:
            Misconfigured: a person must act.
        """
        match why:
            case Refusal.QUEUE_FULL:
                queue = self.room.learn(batch, at)
                self._take_back(batch, message=message, ended_at=at, queue=queue)
            case Refusal.UNPAID:
                self._take_back(batch, message=message, ended_at=at)
                raise Misconfigured(f"{batch.provider}: check plan and billing{IT_SAYS}{message}")

    def _take_back(self, batch: Batch, **changes: Any) -> None:
        self.run.move_batch(batch.key, BatchState.REFUSED, **changes)
        self.purse.settle(batch.reserved_usd, Decimal(0))
        for path in (self.run.paths.requests(batch.short), self.run.paths.index(batch.short)):
            path.unlink(missing_ok=True)

    def _say(self) -> None:
        """Say in the log what is waited for, once for each time that this begins."""
        for step, why in self._no_room.items():
            if step not in self.held_back:
                self.run.log("batches_wait", step=step, why=why)
        self.held_back, self._no_room = self._no_room, {}

    def _unsure(self, batch: Batch, why: str) -> None:
        looks = self._looks[batch.key] = self._looks.get(batch.key, 0) + 1
        self.run.log("batch_not_found_out", batch=batch.short, why=why)
        if looks >= UNCERTAIN_AFTER:
            self.run.move_batch(batch.key, BatchState.UNCERTAIN, message=why)


def _load(batch: Batch) -> Load:
    return Load(1, batch.requests, batch.tokens)
