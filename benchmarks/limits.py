"""The limiter against the emulator's hidden limits: how much of them it uses, how often refused.

What a vendor allows is not told: the limiter has to find it. The figures count what happens after
the warm-up; in the clock's seconds, since the emulator fills its buckets by the clock.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field

from providers.connect import connect, wire
from providers.emulator import client
from providers.errors import Retryable
from providers.limit import Limiter
from providers.neutral import Request
from providers.protocol import Answer, Provider
from runs import runs_root

MODEL = "gpt-6-luna"
CASES = {
    "3,000 requests a minute": {"requests_per_minute": 3000},
    "12,000 requests a minute": {"requests_per_minute": 12000},
    "300,000 tokens a minute": {"tokens_per_minute": 300_000},
    "3,000 requests, told in headers": {"requests_per_minute": 3000, "shown": True},
}
WORDS = "The printer on the third floor is on fire again. " * 8


@dataclass
class Count:
    """What was answered and refused, second by second."""

    began: float = field(default_factory=time.monotonic)
    answered: Counter[int] = field(default_factory=Counter[int])
    tokens: Counter[int] = field(default_factory=Counter[int])
    refused: Counter[int] = field(default_factory=Counter[int])

    def since(self, which: Counter[int], second: int) -> int:
        """Return how many there were from a second on."""
        return sum(n for at, n in which.items() if at >= second)

    @property
    def now(self) -> int:
        return int(time.monotonic() - self.began)


async def ask(provider: Provider, limiter: Limiter, count: Count, number: int) -> None:
    request = Request(str(number), MODEL, None, (("user", f"{number}: {WORDS}"),), max_tokens=40)
    body = wire("openai", request)

    async def send() -> Answer:
        try:
            answer = await provider.ask(body, model=MODEL)
        except Retryable:
            count.refused[count.now] += 1
            raise
        count.answered[count.now] += 1
        count.tokens[count.now] += answer.body["usage"]["total_tokens"]
        return answer

    await limiter.call(send, tokens=len(body) // 4 + 40)


async def measure(url: str, seconds: int, warm_up: int) -> Count:
    """Ask as fast as the limiter lets us."""
    provider = connect("openai", emulator_url=url)
    limiter, count = Limiter(provider.limits.start, provider.limits.most), Count()
    free = asyncio.Semaphore(provider.limits.most)
    asking: set[asyncio.Task[None]] = set()
    number = 0
    while count.now < warm_up + seconds:
        await free.acquire()
        number += 1
        task = asyncio.create_task(ask(provider, limiter, count, number))
        asking.add(task)
        task.add_done_callback(lambda done: (asking.discard(done), free.release()))
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await provider.close()
    return count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--warm-up", type=int, default=60)
    parser.add_argument("--latency", type=float, default=0.3, help="seconds")
    options = parser.parse_args()
    os.environ.setdefault("OCTOBATCH_RUNS_DIR", tempfile.mkdtemp(prefix="octobatch-bench-"))
    url = client.start(runs_root())
    client.latency(url, options.latency)
    for name, limit in CASES.items():
        client.limits(url, [limit])
        count = asyncio.run(measure(url, options.seconds, options.warm_up))
        answered = count.since(count.answered, options.warm_up)
        refused = count.since(count.refused, options.warm_up)
        tokens = "tokens_per_minute" in limit
        got = count.since(count.tokens, options.warm_up) if tokens else answered
        most = limit["tokens_per_minute" if tokens else "requests_per_minute"]
        print(
            f"{name}: {got / options.seconds * 60 / most:.1%} of it used, "
            f"{refused / max(1, answered + refused):.2%} answered 429",
            flush=True,
        )
    client.stop(runs_root())


if __name__ == "__main__":
    main()
