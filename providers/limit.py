"""How fast a provider and model may be asked, and how often a call that failed is sent again."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypedDict, TypeVar

from providers.errors import Retryable, UnknownOutcome, Unreachable

__all__ = ["Limiter", "State"]

T = TypeVar("T")

RETRIES = 6
RETRY_SECONDS = 15 * 60.0
LONGEST_PAUSE_SECONDS = 240.0
CUT_TO = 0.7
STEADY_SECONDS = 10.0
"""For how long the window does not grow after a failure that is no rate limit."""
RATE_LIMITED = 429


class State(TypedDict):
    """What a progress line wants to know."""

    in_flight: int
    """Sent, and not answered yet."""
    window: int
    waiting: int
    """For a place in the window, or for the end of a pause."""
    reason: str | None
    """Why calls pause; None when none does."""


class Limiter:
    """A window of calls in flight to one provider and model, in one event loop.

    While it is fully used the window grows with every answer: by one until the first rate limit
    (slow start), then by one per round of answers. A rate limit cuts it, once for all the calls
    that were in flight then; any other failure only stops its growth for a while.
    """

    def __init__(
        self,
        start: int,
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._window = float(min(start, most))
        self._most = float(most)
        self._slow_start_ends = float(most)
        self._steady_until = float("-inf")
        self._episode = 0
        self._held = 0
        self._pausing = 0
        self._reason: str | None = None
        self._queue: deque[asyncio.Future[None]] = deque()
        self._clock = clock
        self._sleep = sleep
        self._random = random

    async def call(self, send: Callable[[], Awaitable[T]]) -> T:
        """Send when there is room, again when that can help, and return the answer.

        A call of unknown outcome is sent again too: a realtime answer cannot be looked up later, so
        the choice is between paying twice and having nothing.

        Raises:
            Unreachable: it failed 7 times, or would not be sent again within 15 minutes.
        """
        await self._enter()
        try:
            return await self._persist(send)
        finally:
            self._leave()

    def state(self) -> State:
        queued = sum(not place.done() for place in self._queue)
        return State(
            in_flight=self._held - self._pausing,
            window=int(self._window),
            waiting=queued + self._pausing,
            reason=self._reason if self._pausing else None,
        )

    async def _persist(self, send: Callable[[], Awaitable[T]]) -> T:
        began = self._clock()
        attempt = 0
        while True:
            attempt += 1
            episode = self._episode
            try:
                answer = await send()
            except (Retryable, UnknownOutcome) as error:
                self._failed(error, episode)
                pause = self._pause_seconds(error, attempt)
                elapsed = self._clock() - began
                if attempt > RETRIES or elapsed + pause > RETRY_SECONDS:
                    message = f"{error} (given up after {attempt} attempts in {elapsed:.0f} s)"
                    raise Unreachable(message, attempt) from error
            else:
                self._grow()
                return answer
            await self._pause(pause)

    async def _enter(self) -> None:
        if self._held < int(self._window) and not self._queue:
            self._held += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            # Given the place and cancelled in the same breath: pass it on.
            if not place.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        self._held -= 1
        while self._queue and self._held < int(self._window):
            place = self._queue.popleft()
            if not place.done():
                self._held += 1
                place.set_result(None)

    async def _pause(self, seconds: float) -> None:
        # It keeps its place: whoever were sent in its stead would be refused as well.
        self._pausing += 1
        try:
            await self._sleep(seconds)
        finally:
            self._pausing -= 1

    def _pause_seconds(self, error: Retryable | UnknownOutcome, attempt: int) -> float:
        asked = error.retry_after if isinstance(error, Retryable) else None
        patience = min(3.0 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
        # At least a little even if 0 was asked for; spread, more with each attempt, so that those
        # who failed together do not come back together.
        seconds = patience if asked is None else max(asked, patience / 20)
        return seconds * (1 + self._random() * attempt / 4)

    def _grow(self) -> None:
        fully_used = self._held >= int(self._window)
        if not fully_used or self._window >= self._most or self._clock() < self._steady_until:
            return
        step = 1.0 if self._window < self._slow_start_ends else 1.0 / self._window
        self._window = min(self._window + step, self._most)

    def _failed(self, error: Retryable | UnknownOutcome, episode: int) -> None:
        self._reason = str(error)
        if not (isinstance(error, Retryable) and error.status == RATE_LIMITED):
            self._steady_until = self._clock() + STEADY_SECONDS
        elif episode == self._episode:
            # Calls that were in flight with this one belong to the episode that now ends.
            self._episode += 1
            self._window = max(1.0, self._window * CUT_TO)
            self._slow_start_ends = self._window
