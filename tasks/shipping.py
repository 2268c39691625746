"""Hand batches in, so that none is ever there twice: written down first, looked for when unsure."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from providers import points
from providers.batches import Intent
from providers.errors import Misconfigured, RequestRejected, Retryable, UnknownOutcome
from runs import Batch, BatchState, Run
from tasks.desk import Desk
from tasks.harvest import reject
from tasks.parcels import Sealed, intent_of
from tasks.purse import Purse

__all__ = ["Shipping"]

MOST_AT_ONCE = 90
"""Batches at their vendors; Gemini takes a hundred of an account."""
SETTLE_SECONDS = 60.0
"""How long a vendor's list may lag behind: what is not found now is looked for again after that."""
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
    most_at_once: int = MOST_AT_ONCE
    clock: Callable[[], float] = time.monotonic
    settle_seconds: float = SETTLE_SECONDS
    _ready: deque[Sealed] = field(default_factory=deque[Sealed])
    _missed_at: dict[str, float] = field(default_factory=dict[str, float])
    """When an intent was first not found at its vendor."""
    _looks: dict[str, int] = field(default_factory=dict[str, int])
    _held: set[str] = field(default_factory=set[str])
    """Intents that a batch at their vendor may be."""
    _not_sent: set[str] = field(default_factory=set[str])
    """Intents that are certainly not at their vendor: it has turned them away."""
    _not_before: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def purse(self) -> Purse:
        return self.desk.purse

    def add(self, sealed: Sealed) -> None:
        """Take a batch that is to be handed in."""
        self._ready.append(sealed)

    async def hand_in(self) -> None:
        """Write batches that wait down and hand them in, as long as there is room for them.

        Raises:
            Misconfigured: a person must act; the batch is not at its vendor.
            CapReached: the run may not spend what one might cost.
        """
        while self._ready and self.room() > 0 and not self.desk.brake.pulled:
            batch, intent = self._ready[0]
            if not self.purse.take(batch.reserved_usd):
                return
            self._ready.popleft()
            points.at("submit.before_intent")
            self.run.intend(batch)
            points.at("submit.after_intent")
            await self._send(batch, intent)

    @property
    def waiting(self) -> int:
        """Return how many batches wait to be handed in."""
        return len(self._ready)

    def is_waiting(self, chunk: str) -> bool:
        """Say whether units of a chunk are in a batch that waits to be handed in."""
        return any(
            parcel.chunk == chunk for sealed in self._ready for parcel in sealed.batch.parcels
        )

    def room(self) -> int:
        """Return how many more batches may be at their vendors."""
        return self.most_at_once - len(self.run.state.batches.open)

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
        counter = self.desk.counter(batch.step)
        self._not_sent.discard(batch.key)
        self._missed_at.pop(batch.key, None)
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
            self._not_before[batch.key] = self.clock() + (error.retry_after or 30.0)
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
            submitted_at=datetime.now(UTC),
            **changes,
        )
        points.at("submit.after_submitted")

    async def refuse(self, batch: Batch, message: str, *, rejected: bool = False) -> None:
        """Write down that a batch is not at its vendor; if `rejected`, that it will never be."""
        if rejected:
            await asyncio.to_thread(reject, batch, self.run.paths, message)
        self.run.move_batch(batch.key, BatchState.REFUSED, message=message)
        self.purse.settle(batch.reserved_usd, Decimal(0))

    def _unsure(self, batch: Batch, why: str) -> None:
        looks = self._looks[batch.key] = self._looks.get(batch.key, 0) + 1
        self.run.log("batch_not_found_out", batch=batch.short, why=why)
        if looks >= UNCERTAIN_AFTER:
            self.run.move_batch(batch.key, BatchState.UNCERTAIN, message=why)
