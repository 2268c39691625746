"""Runs whose hours pass while nobody waits: the emulator's clock goes on as far as a run rests."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from providers.emulator import client
from tasks.batch_lane import BatchLane, in_batches
from tasks.opening import opened
from tasks.session import Session
from tasks.shipping import Shipping
from tasks.steady import steady_clock

STANDING_STILL = 1e-9
"""A rate of the emulator's clock: only `rest` moves it."""


@dataclass
class Hours:
    """Time as a run and its vendor have it, in seconds since the beginning."""

    url: str
    now: float = 0.0
    rests: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        client.clock(self.url, rate=STANDING_STILL)

    def wall(self) -> datetime:
        """Return what the clock on the wall says; it may be set."""
        return datetime.now(UTC)

    async def rest(self, seconds: float) -> None:
        """Let so much time go by."""
        self.rests.append(seconds)
        self.now += seconds
        await asyncio.to_thread(client.clock, self.url, step=seconds)

    def lane(self, session: Session, **shipping) -> BatchLane:
        """Give a session a batch lane that lives in this time."""
        clock = steady_clock(wall=self.wall, elapsed=lambda: self.now)
        handing_in = Shipping(
            session.run, session.desk, clock=lambda: self.now, now=clock, **shipping
        )
        session.batch_lane = BatchLane(session, handing_in, clock=clock)
        return session.batch_lane

    async def through(self, run_dir: Path, **shipping) -> None:
        """Take a run to its end."""
        async with opened(run_dir) as session:
            await in_batches(self.lane(session, **shipping), self.rest)
            await session.end()
