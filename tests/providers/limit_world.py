"""A provider with limits that nobody is told, and an event loop whose time is that of its timers.

Minutes of a limiter at work pass in a second: whenever everybody waits, the clock jumps.
"""

import asyncio
import random
import selectors
from functools import partial

from providers.errors import Retryable
from providers.limit import Limiter
from providers.protocol import Allowance, Answer, Quota

ANSWER = Answer(b"{}", {}, 200, {}, 0.5)


class _Jump(selectors.SelectSelector):
    """Does not wait: it moves the clock."""

    now = 0.0

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("everybody waits for somebody else")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.jump = _Jump()
        super().__init__(self.jump)

    def time(self):
        return self.jump.now


def run(main):
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def now():
    return asyncio.get_running_loop().time()


def make_limiter(start=64, most=512, seed=1, **options):
    return Limiter(start, most, clock=now, random=random.Random(seed).random, **options)


class Bucket:
    """Holds a second's worth, and fills at a steady rate."""

    def __init__(self, per_minute, seconds=1.0):
        self.seconds = seconds
        self.per_minute = per_minute
        self.content = per_minute / 60 * seconds
        self.at = 0.0

    @property
    def capacity(self):
        return max(1.0, self.per_minute / 60 * self.seconds)

    def fill(self):
        self.content += (now() - self.at) * self.per_minute / 60
        self.content = min(self.content, self.capacity)
        self.at = now()

    def has(self, amount):
        self.fill()
        return self.content + 1e-6 >= min(amount, self.capacity)

    def quota(self):
        missing = self.capacity - self.content
        reset_seconds = missing / self.per_minute * 60
        return Quota(int(self.per_minute), max(0, int(self.content)), reset_seconds)


class World:
    """A provider. What it answered, and when."""

    def __init__(
        self,
        *,
        requests=None,
        tokens=None,
        shown=False,
        fails=None,
        seed=7,
        latency=(0.2, 2.0),
        refusal_latency=0.05,
        retry_after=None,
    ):
        self.requests = requests and Bucket(requests)
        self.tokens = tokens and Bucket(tokens)
        self.shown = shown
        self.fails = fails or (lambda at, draw: None)
        self.random = random.Random(seed)
        self.latency = latency
        self.refusal_latency = refusal_latency
        self.retry_after = retry_after
        self.log = []
        """(when it was sent, status, tokens)"""
        self.in_flight = self.most_in_flight = 0

    async def send(self, tokens=0):
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(tokens)
        finally:
            self.in_flight -= 1

    async def _answer(self, tokens):
        status = self.fails(now(), self.random.random) or self._admit(tokens)
        allowance = self._allowance() if self.shown else None
        self.log.append((now(), status, tokens))
        if status == 200:
            await asyncio.sleep(self.random.uniform(*self.latency))
            return Answer(b"{}", {}, 200, {}, 0.5, allowance)
        await asyncio.sleep(self.refusal_latency)
        raise Retryable(str(status), self.retry_after, status, allowance)

    def _admit(self, tokens):
        amounts = [(self.requests, 1), (self.tokens, tokens)]
        if not all(bucket is None or bucket.has(amount) for bucket, amount in amounts):
            return 429
        for bucket, amount in amounts:
            if bucket is not None:
                bucket.content -= amount
        return 200

    def _allowance(self):
        requests, tokens = self.requests, self.tokens
        return Allowance(requests and requests.quota(), tokens and tokens.quota())

    def share(self, status, since=0.0, until=float("inf")):
        """Return the share of calls that had this status."""
        seen = [entry[1] for entry in self.log if since <= entry[0] < until]
        return seen.count(status) / max(1, len(seen))

    def per_minute(self, since=0.0, until=None):
        """Return the requests and the tokens that were served per minute."""
        until = now() if until is None else until
        served = [e[2] for e in self.log if e[1] == 200 and since <= e[0] < until]
        minutes = (until - since) / 60
        return len(served) / minutes, sum(served) / minutes


async def busy(limiter, world, seconds, *, workers=1000, size=lambda: 0):
    """Keep a limiter busy: there is always more to ask."""
    end = now() + seconds

    async def work():
        while now() < end:
            tokens = size()
            await limiter.call(partial(world.send, tokens), tokens=tokens)

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(result, asyncio.CancelledError | None):
            raise result
