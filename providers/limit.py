"""How fast a provider and model may be asked, and how often a call that failed is sent again."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypedDict

from providers.breaker import Breaker
from providers.errors import ProviderError, Retryable, UnknownOutcome, Unreachable
from providers.pace import Pace
from providers.protocol import Allowance, Answer
from providers.refusals import Refusals, Sign
from providers.waiting import NEVER, Alarm, Line, Ticket
from providers.window import Window

__all__ = ["Limiter", "State"]

RETRIES = 6
RETRY_SECONDS = 15 * 60.0
LONGEST_PAUSE_SECONDS = 240.0
STEADY_SECONDS = 10.0
"""For how long nothing grows after a failure that is no rate limit."""
RATE_LIMITED = 429


class State(TypedDict):
    """What a progress line wants to know."""

    in_flight: int
    """Sent, and not answered yet."""
    window: int
    """How many may be in flight."""
    waiting: int
    """To be sent, for the first time or again."""
    waiting_for: str | None
    """What the next of them waits for; None when none does."""
    reason: str | None
    """Why calls are to be sent again; None when none is."""
    requests_per_minute: float | None
    """None: neither configured, nor told by the provider, nor learned."""
    tokens_per_minute: float | None


class Limiter:
    """Sends calls to one provider and model, in one event loop, as fast as they are answered.

    Three things hold a call back: the window (how many may be in flight), the pace (how many, and
    how many tokens, per minute), and the breaker (nobody is answered). Rate limits cut window and
    pace, once per episode, if that helps; any other failure only stops their growth for a while. A
    call that is to be sent again gives its place back meanwhile, and goes before newcomers.
    """

    def __init__(
        self,
        start: int,
        most: int,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._window = Window(start, most)
        self._pace = Pace(requests_per_minute, tokens_per_minute)
        self._refusals = Refusals()
        self._breaker = Breaker()
        self._line = Line()
        self._alarm = Alarm(sleep, self._dispatch)
        self._in_flight = 0
        self._held_back = False
        self._steady_until = float("-inf")
        self._size_before_cut = self._window.size
        self._reason: str | None = None
        self._clock = clock
        self._random = random

    async def call(self, send: Callable[[], Awaitable[Answer]], *, tokens: int = 0) -> Answer:
        """Send when there is room, again when that can help, and return the answer.

        `tokens` is what the call is expected to take, input and output. A call of unknown outcome
        is sent again too: a realtime answer cannot be looked up later, so the choice is between
        paying twice and having nothing.

        Raises:
            Unreachable: it failed 7 times, or would not be sent again within 15 minutes, or nobody
                was answered for long, however often it was sent itself.
        """
        began = self._clock()
        pause = 0.0
        for attempt in itertools.count(1):
            await self._turn(tokens, attempt - 1, pause)
            episode = self._refusals.episode
            try:
                answer = await send()
            except (Retryable, UnknownOutcome) as error:
                pause = self._failed(error, tokens, episode, attempt, began)
            except ProviderError:
                self._answered(episode)
                raise
            else:
                self._answered(episode, answer.allowance)
                return answer
            finally:
                self._in_flight -= 1
                if self._line.waiting:
                    self._dispatch()
        raise AssertionError  # pragma: no cover

    def state(self) -> State:
        return State(
            in_flight=self._in_flight,
            window=int(self._window.size),
            waiting=self._line.waiting,
            waiting_for=self._waiting_for(),
            reason=self._reason if self._line.again else None,
            requests_per_minute=self._pace.requests_per_minute,
            tokens_per_minute=self._pace.tokens_per_minute,
        )

    def _waiting_for(self) -> str | None:
        if not self._line.waiting:
            return None
        ticket = self._line.first()
        if ticket is None:
            return "the end of a pause"
        if self._breaker.ready_at(self._in_flight) > self._clock():
            return "the provider to answer again"
        return "a place" if not self._window.has_room(self._in_flight) else "its rate limit"

    async def _turn(self, tokens: int, attempts: int, pause: float) -> None:
        """Return when the call may be sent. From then on it is in flight."""
        now = self._clock()
        if self._breaker.rests(now):
            raise self._nobody_answers(attempts)
        if not pause and self._line.first() is None and self._ready_at(tokens) <= now:
            self._take(tokens, now)
            return
        ticket = Ticket(tokens, attempts, asyncio.get_running_loop().create_future())
        self._line.join(ticket, now + pause if pause else None)
        try:
            self._dispatch()
            await ticket.turn
        except asyncio.CancelledError:
            # Let go and cancelled in the same breath: it is not sent.
            if not ticket.turn.cancelled() and ticket.turn.exception() is None:
                self._in_flight -= 1
                self._dispatch()
            raise
        finally:
            self._line.left(again=bool(pause))
            if not self._line.waiting:
                self._alarm.stop()

    def _ready_at(self, tokens: int) -> float:
        """Return when a call may be sent, as far as it is known: something else may happen."""
        if not self._window.has_room(self._in_flight):
            return NEVER
        return max(self._breaker.ready_at(self._in_flight), self._pace.ready_at(tokens))

    def _take(self, tokens: int, now: float) -> None:
        self._in_flight += 1
        self._pace.take(tokens, now)
        self._refusals.sent()
        self._breaker.sent(now)

    def _dispatch(self, woken_at: float = float("-inf")) -> None:
        """Let go whoever may go, and have the clock look after the next."""
        # Whoever slept until a moment has reached it, whatever a coarse clock says.
        now = max(self._clock(), woken_at)
        self._line.wake(now)
        ready_at = NEVER
        while (ticket := self._line.first()) is not None:
            ready_at = self._ready_at(ticket.tokens)
            if ready_at > now:
                self._held_back = ready_at < NEVER
                break
            self._take(ticket.tokens, now)
            ticket.turn.set_result(None)  # `first` passes over it from now on
        else:
            ready_at = NEVER
        self._alarm.set(min(ready_at, self._line.wakes_at), now)

    def _answered(self, episode: int, allowance: Allowance | None = None) -> None:
        now = self._clock()
        if allowance is not None:
            self._pace.heed(allowance)
        self._breaker.answered()
        growing = now >= self._steady_until
        if growing:
            self._window.grow(self._in_flight)
        self._pace.answered(
            now, held_back=self._held_back and growing and not self._refusals.trying
        )
        self._held_back = False
        self._follow(self._refusals.answered(episode), now)

    def _failed(
        self,
        error: Retryable | UnknownOutcome,
        tokens: int,
        episode: int,
        attempt: int,
        began: float,
    ) -> float:
        """Take note of a failure; return for how long the call has to pause."""
        now = self._clock()
        self._reason = str(error)
        refused = isinstance(error, Retryable) and error.status == RATE_LIMITED
        if isinstance(error, Retryable) and error.allowance is not None:
            self._pace.heed(error.allowance)
        if refused:
            self._pace.refused(tokens)
            self._follow(self._refusals.refused(episode), now)
        else:
            self._steady_until = now + STEADY_SECONDS
        self._breaker.failed(now)
        if self._breaker.open:
            self._line.dismiss(self._nobody_answers)
            raise self._nobody_answers(attempt) from error
        pause, elapsed = self._pause_seconds(error, attempt), now - began
        if attempt > RETRIES or elapsed + pause > RETRY_SECONDS:
            message = f"{error} (given up after {attempt} attempts in {elapsed:.0f} s)"
            raise Unreachable(message, attempt) from error
        return pause

    def _follow(self, sign: Sign | None, now: float) -> None:
        if sign is Sign.TOO_FAST:
            self._size_before_cut = self._window.size
            self._pace.cut(self._refusals.share, now)
            # Once the pace is known it sees to it that as many calls in flight are not too fast.
            self._window.cut(last_good=self._pace.is_learned)
            self._refusals.cut()
        elif sign is Sign.IN_VAIN:
            self._window.restore(self._size_before_cut)
            self._pace.restore()

    def _pause_seconds(self, error: Retryable | UnknownOutcome, attempt: int) -> float:
        asked = error.retry_after if isinstance(error, Retryable) else None
        patience = min(3.0 ** (attempt - 1), LONGEST_PAUSE_SECONDS)
        # At least a little even if 0 was asked for; spread, more with each attempt, so that those
        # who failed together do not come back together.
        seconds = patience if asked is None else max(asked, patience / 20)
        return seconds * (1 + self._random() * attempt / 4)

    def _nobody_answers(self, attempts: int) -> Unreachable:
        message = f"nobody was answered for long; the last time: {self._reason}"
        return Unreachable(message, attempts, outage=True)
