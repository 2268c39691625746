"""The sensor: looks at the batches of a run, and fetches what those hold that are over."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from providers import points
from providers.batches import End, Standing
from providers.connect import codec
from providers.errors import BadAddress, Gone, ProviderError, Retryable, UnknownOutcome
from runs import Batch, BatchState, age_seconds, lasting, usual_seconds
from tasks.cadence import FIRST_SECONDS, patience
from tasks.harvest import Harvest, harvest
from tasks.session import Session
from tasks.shipping import Shipping

__all__ = ["Sensor"]

LOST_AFTER = 3
"""Looks at which a vendor does not know a batch, after which it is taken to be lost there."""
LATE_HOURS = 2.0
"""When nobody says how long a batch is waited for: after its vendor's own window, that long."""
STOPPING_SECONDS = 3600.0
"""How long a vendor may take to stop a batch."""


@dataclass(slots=True)
class Sensor:
    """Knows how the batches of one run stand at their vendors."""

    session: Session
    shipping: Shipping
    clock: Callable[[], datetime]
    _began: datetime = field(init=False)
    _unknown: defaultdict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))
    """At how many looks in a row a vendor did not know a batch."""
    _told_to_wait: float = 0.0
    """Seconds, by a vendor who had been asked too often at the last look."""
    _stopped: set[str] = field(default_factory=set[str])
    """Batches that their vendors were asked to stop, and heard it."""

    def __post_init__(self) -> None:
        """Take the time."""
        self._began = self.clock()

    async def look(self) -> bool:
        """Look at every batch once; fetch those that are over. Return whether anything moved.

        Raises:
            Misconfigured: a person must act.
        """
        before = self.session.run.state.seq
        self._told_to_wait = 0.0
        await self.shipping.settle_intents()
        for batch, standing in await self._standings():
            if standing.refusal is not None:
                self.shipping.turned_down(batch, standing.refusal, self.clock(), standing.message)
            elif standing.end is not None:
                await self._fetch(batch, standing, standing.end)
            else:
                await self._give_up_old(batch)
        points.at("poll.after")
        return self.session.run.state.seq != before

    async def stop(self) -> None:
        """Have the vendors stop what they hold; what is done of it can be fetched some time later.

        A vendor that does not answer now works on: the batch stays in the manifest.
        """
        for batch in self.session.run.state.batches.open:
            if batch.state is BatchState.SUBMITTED and batch.key not in self._stopped:
                await self._stop(batch)

    def next_look(self, least: float) -> float:
        """Return in how many seconds to look again; in `least` or more, unless that was said."""
        if (interval := self.session.launch.interval) is not None:
            return max(interval, self._told_to_wait)
        now, batches = self.clock(), self.session.run.state.batches
        usual = usual_seconds(batches)
        looks = (patience(self._age(b, now), usual.get(b.provider)) for b in batches.open)
        return max(min(looks, default=FIRST_SECONDS), least, self._told_to_wait)

    def _age(self, batch: Batch, now: datetime) -> float:
        """Return a batch's age; one of the future is an earlier holder's, whose clock was off."""
        if (batch.submitted_at or batch.intended_at) > now:
            return (now - self._began).total_seconds()
        return age_seconds(batch, now)

    async def _stop(self, batch: Batch) -> None:
        """Have the vendor stop a batch, if it hears."""
        lane = self.session.desk.counter(batch.step).batches
        try:
            await lane.cancel(str(batch.batch_id))
        except ProviderError as error:
            self.session.run.log("batch_not_cancelled", batch=batch.short, why=str(error))
            return
        self.session.run.log("batch_cancelling", batch=batch.short)
        self._stopped.add(batch.key)

    async def _give_up_old(self, batch: Batch) -> None:
        """Stop a batch that has been waited for long enough; its vendor may not even do that."""
        window = self.session.desk.counter(batch.step).limits.window_hours
        most = self.session.pipeline.step(batch.step).max_batch_age or (window + LATE_HOURS) * 3600
        age = age_seconds(batch, self.clock())
        if age > most + STOPPING_SECONDS and batch.state is BatchState.SUBMITTED:
            why = f"it was to be stopped after {lasting(most)} and does not end"
            self.session.run.move_batch(batch.key, BatchState.UNCERTAIN, message=why)
        elif age > most and batch.key not in self._stopped:
            await self._stop(batch)

    async def _standings(self) -> list[tuple[Batch, Standing]]:
        """Return how the batches stand that are at their vendors."""
        waiting: defaultdict[str, list[Batch]] = defaultdict(list)
        for batch in self.session.run.state.batches.open:
            if batch.state in {BatchState.SUBMITTED, BatchState.ENDED}:
                waiting[batch.step].append(batch)
        found: list[tuple[Batch, Standing]] = []
        for step, batches in waiting.items():
            lane = self.session.desk.counter(step).batches
            ids = [str(batch.batch_id) for batch in batches]
            try:
                points.at("poll.before")
                standings = await lane.check(ids)
            except (Retryable, UnknownOutcome) as error:
                self.session.run.log("look_failed", step=step, why=str(error))
                if isinstance(error, Retryable) and error.retry_after:
                    self._told_to_wait = max(self._told_to_wait, error.retry_after)
                continue
            for batch in batches:
                standing = standings.get(str(batch.batch_id))
                if standing is None:
                    await self._missing(batch)
                else:
                    self._unknown.pop(batch.key, None)
                    found.append((batch, standing))
        return found

    async def _missing(self, batch: Batch) -> None:
        self._unknown[batch.key] += 1
        if self._unknown[batch.key] >= LOST_AFTER:
            why = f"{batch.provider} does not know batch {batch.batch_id} any more"
            self.session.run.move_batch(batch.key, BatchState.UNCERTAIN, message=why)

    async def _fetch(self, batch: Batch, standing: Standing, end: End) -> None:
        """Bring what a batch holds into the histories of its chunks."""
        run = self.session.run
        if batch.state is BatchState.SUBMITTED:
            run.move_batch(
                batch.key,
                BatchState.ENDED,
                end=end.value,
                ended_at=self.clock(),
                message=standing.message,
            )
            batch = run.state.batches[batch.key]
        lane = self.session.desk.counter(batch.step).batches
        into = run.paths.downloaded(batch.short)
        points.at("download.before")
        try:
            await lane.collect(standing, into)
        except (BadAddress, Gone) as error:
            run.move_batch(batch.key, BatchState.UNCERTAIN, message=str(error))
            return
        except (Retryable, UnknownOutcome) as error:
            run.log("download_failed", batch=batch.short, why=str(error))
            return
        points.at("download.after")
        # Where a vendor keeps nothing of a batch that broke off, some of it may have been paid.
        keeps = bool(standing.results) or standing.answered == 0 or end is End.FAILED
        complete = end is End.COMPLETED or not keeps
        brought = await asyncio.to_thread(self._harvest, batch, complete=complete)
        points.at("settle.after_harvest")
        run.move_batch(batch.key, BatchState.COLLECTED, answered=brought.answered)
        self.session.desk.purse.settle(batch.reserved_usd, brought.spent_usd)
        self._clear(batch, brought)

    def _harvest(self, batch: Batch, *, complete: bool) -> Harvest:
        choice = self.session.desk.counter(batch.step).choice
        return harvest(
            batch,
            self.session.run.paths,
            read_line=self.session.desk.counter(batch.step).batches.read_line,
            read_reply=codec(batch.provider).from_wire,
            rate=choice.batch_rate,
            complete=complete,
        )

    def _clear(self, batch: Batch, brought: Harvest) -> None:
        paths = self.session.run.paths
        self.session.run.log(
            "batch_brought",
            batch=batch.short,
            answered=brought.answered,
            rejected=brought.rejected or None,
            unserved=brought.unserved or None,
            missing=brought.missing or None,
            strays=brought.strays or None,
        )
        for path in (
            paths.requests(batch.short),
            paths.index(batch.short),
            paths.downloaded(batch.short),
        ):
            path.unlink(missing_ok=True)
        if not brought.strays:
            paths.strays(batch.short).unlink(missing_ok=True)
