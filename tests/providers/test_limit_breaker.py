"""Nobody is answered: when everybody is told so, and how it ends."""

import asyncio

import pytest

from providers.errors import RequestRejected, Retryable, UnknownOutcome, Unreachable
from tests.providers.limit_world import ANSWER, make_limiter, now, run


class Host:
    """Answers, or does not."""

    def __init__(self, error=None, seconds=0.1):
        self.error = error
        self.seconds = seconds
        self.asked = 0

    async def send(self):
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        return ANSWER


DOWN = Retryable("down", status=503)


async def many(limiter, host, n=100):
    return await asyncio.gather(
        *(limiter.call(host.send) for _ in range(n)), return_exceptions=True
    )


@pytest.mark.parametrize(
    "error", [DOWN, UnknownOutcome("reset"), Retryable("refused"), Retryable("busy", None, 429)]
)
def test_when_nobody_is_answered_all_calls_end_soon(error):
    async def main():
        host, limiter = Host(error), make_limiter()
        results = await many(limiter, host, 1000)
        assert all(isinstance(result, Unreachable) for result in results)
        attempts = [getattr(result, "attempts", None) for result in results]
        assert sum(filter(None, attempts)) == host.asked < 400
        assert str(error) in str(results[0])
        assert 60 < now() < 150
        assert limiter.state()["waiting"] == limiter.state()["in_flight"] == 0

    run(main())


def test_whoever_was_never_sent_says_so():
    """It may be that its request is at fault, but nobody knows."""

    async def main():
        host, limiter = Host(DOWN), make_limiter(8, 8)
        results = await many(limiter, host, 1000)
        assert [getattr(result, "attempts", None) for result in results].count(0) > 800

    run(main())


def test_one_answer_in_between_is_enough_to_go_on():
    async def main():
        host, limiter = Host(DOWN), make_limiter(4, 4)
        waiting = asyncio.create_task(many(limiter, host, 30))
        await asyncio.sleep(60)
        host.error = None
        assert await waiting == [ANSWER] * 30

    run(main())


async def broken(limiter, host):
    await many(limiter, host)
    await asyncio.sleep(30)
    host.asked = 0


def test_the_first_later_call_tries_alone_and_opens_the_way():
    async def main():
        host, limiter = Host(DOWN), make_limiter()
        await broken(limiter, host)
        host.error, host.seconds = None, 5.0
        waiting = asyncio.create_task(many(limiter, host))
        await asyncio.sleep(4)
        assert host.asked == 1
        assert limiter.state()["waiting_for"] == "the provider to answer again"
        assert await waiting == [ANSWER] * 100

    run(main())


def test_all_fail_with_the_call_that_tries():
    async def main():
        host, limiter = Host(DOWN), make_limiter()
        await broken(limiter, host)
        began = now()
        results = await many(limiter, host)
        assert all(isinstance(result, Unreachable) for result in results)
        assert host.asked == 1
        assert now() - began < 1

    run(main())


def test_right_after_a_failure_nobody_tries():
    async def main():
        host, limiter = Host(DOWN), make_limiter()
        await many(limiter, host)
        host.asked = 0
        with pytest.raises(Unreachable):
            await limiter.call(host.send)
        assert host.asked == 0

    run(main())


def test_when_the_call_that_tries_is_cancelled_another_one_does():
    async def main():
        host, limiter = Host(DOWN), make_limiter()
        await broken(limiter, host)
        host.error = None
        first, second = (asyncio.create_task(limiter.call(host.send)) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        assert await second is ANSWER
        assert host.asked == 2

    run(main())


def test_an_answer_that_says_no_is_an_answer():
    async def main():
        host, limiter = Host(DOWN), make_limiter()
        await broken(limiter, host)
        host.error = RequestRejected(400, None, "no", b"")
        first, second = await many(limiter, host, 2)
        assert isinstance(first, RequestRejected)
        assert isinstance(second, RequestRejected)

    run(main())


def test_a_call_has_its_own_end_when_others_are_answered():
    async def main():
        limiter, poison, good = make_limiter(), Host(DOWN), Host()

        async def others():
            while True:
                await limiter.call(good.send)
                await asyncio.sleep(1)

        background = asyncio.create_task(others())
        with pytest.raises(Unreachable) as caught:
            await limiter.call(poison.send)
        background.cancel()
        assert poison.asked == caught.value.attempts == 7
        assert now() < 15 * 60

    run(main())
