"""Calls that wait to be sent."""

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["NEVER", "Alarm", "Line", "Ticket"]

NEVER = float("inf")


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """One call's turn."""

    tokens: int
    attempts: int
    """How often it was sent before."""
    turn: asyncio.Future[None]


class Line:
    """Who is next: those to be sent again, once their pause is over, then newcomers."""

    def __init__(self) -> None:
        self.waiting = 0
        self.again = 0
        """How many of them were sent before."""
        self._again: deque[Ticket] = deque()
        self._new: deque[Ticket] = deque()
        self._pausing: list[tuple[float, int, Ticket]] = []
        self._order = itertools.count()

    def join(self, ticket: Ticket, wakes_at: float | None = None) -> None:
        self.waiting += 1
        if wakes_at is None:
            self._new.append(ticket)
        else:
            self.again += 1
            heapq.heappush(self._pausing, (wakes_at, next(self._order), ticket))

    def left(self, *, again: bool) -> None:
        """Count one less: it was let go or dismissed, or it gave up."""
        self.waiting -= 1
        self.again -= again
        if not self.waiting:
            self._forget()

    @property
    def wakes_at(self) -> float:
        return self._pausing[0][0] if self._pausing else NEVER

    def wake(self, now: float) -> None:
        """End the pauses that are over."""
        while self._pausing and self._pausing[0][0] <= now:
            self._again.append(heapq.heappop(self._pausing)[2])

    def first(self) -> Ticket | None:
        for queue in (self._again, self._new):
            while queue:
                if not queue[0].turn.done():
                    return queue[0]
                queue.popleft()
        return None

    def dismiss(self, error: Callable[[int], Exception]) -> None:
        """End the waiting of all, with what `error` makes of a call's attempts."""
        for ticket in (*self._again, *self._new, *(entry[2] for entry in self._pausing)):
            if not ticket.turn.done():
                ticket.turn.set_exception(error(ticket.attempts))
        self._forget()

    def _forget(self) -> None:
        self._again.clear()
        self._new.clear()
        self._pausing.clear()


class Alarm:
    """Calls back at the earliest of the moments it was set to, on a clock that can be injected."""

    def __init__(
        self, sleep: Callable[[float], Awaitable[None]], ring: Callable[[float], None]
    ) -> None:
        self._sleep = sleep
        self._ring = ring
        self._at = NEVER
        self._sleeping: asyncio.Future[None] | None = None

    def set(self, at: float, now: float) -> None:
        """Ring at a moment, or earlier if it was set to that before."""
        if at >= self._at:
            return
        self.stop()
        self._at = at
        self._sleeping = asyncio.ensure_future(self._sleep(at - now))
        self._sleeping.add_done_callback(self._woken)

    def stop(self) -> None:
        if self._sleeping is not None:
            self._sleeping.cancel()
            self._sleeping = None
            self._at = NEVER

    def _woken(self, sleeping: asyncio.Future[None]) -> None:
        if sleeping is not self._sleeping or sleeping.cancelled():
            return
        at, self._at, self._sleeping = self._at, NEVER, None
        self._ring(at)
