"""The window and the retries, on a clock that moves when somebody sleeps."""

import asyncio

import pytest

from providers.errors import Misconfigured, Retryable, UnknownOutcome, Unreachable
from providers.limit import Limiter
from tests.providers import limit_world
from tests.providers.limit_world import ANSWER


class Time:
    """A clock and a sleep that belong together."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@pytest.fixture
def time():
    return Time()


def make_limiter(time, start=1, most=100):
    return Limiter(start, most, clock=time.clock, sleep=time.sleep, random=lambda: 0.0)


def idle(**state):
    rates = {"requests_per_minute": None, "tokens_per_minute": None}
    return {"in_flight": 0, "waiting": 0, "waiting_for": None, "reason": None} | rates | state


def rate_limited(retry_after=None):
    return Retryable("busy", retry_after, 429)


class Provider:
    """Fails as it is told, then answers; remembers how many calls it saw at once."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.asked = 0
        self.at_once = self.most_at_once = 0

    async def send(self):
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.failures:
            raise self.failures.pop(0)
        return ANSWER


async def calls(limiter, provider, n):
    return await asyncio.gather(*(limiter.call(provider.send) for _ in range(n)))


async def test_answer_is_handed_through(time):
    assert await make_limiter(time).call(Provider().send) is ANSWER
    assert time.slept == []


async def test_no_more_calls_than_the_window_are_in_flight(time):
    provider = Provider()
    await calls(make_limiter(time, start=3, most=3), provider, 20)
    assert (provider.asked, provider.most_at_once) == (20, 3)


@pytest.mark.parametrize(("n", "at_once"), [(1, 1), (3, 2), (7, 4), (15, 8), (31, 16)])
async def test_window_doubles_each_round_while_it_is_full(time, n, at_once):
    """Slow start: after 1, 2 and 4 calls were answered, 8 are let through at once."""
    provider = Provider()
    await calls(make_limiter(time), provider, n)
    assert provider.most_at_once == at_once


async def test_window_does_not_grow_when_it_is_not_used(time):
    limiter = make_limiter(time, start=5)
    for _ in range(20):
        await limiter.call(Provider().send)
    assert limiter.state()["window"] == 5


async def test_window_ends_at_its_most(time):
    limiter = make_limiter(time, start=64, most=8)
    await calls(limiter, Provider(), 100)
    assert limiter.state()["window"] == 8


async def refused(limiter, n):
    """Let a provider answer one call, and then refuse so many."""
    await limiter.call(Provider().send)
    await calls(limiter, Provider(*(rate_limited(1) for _ in range(n))), n)


async def test_one_episode_of_rate_limits_cuts_the_window_once(time):
    """All calls in flight are refused together; that is one message, not seven."""
    limiter = make_limiter(time, start=10, most=10)
    await refused(limiter, 7)
    assert limiter.state()["window"] == 7


async def test_who_refuses_everything_is_not_asked_more_slowly_for_ever(time):
    """It says nothing about our pace."""
    limiter = make_limiter(time, start=10, most=10)
    await calls(limiter, Provider(*(rate_limited(1) for _ in range(30))), 10)
    assert limiter.state()["window"] == 10


async def test_a_rate_limit_now_and_then_cuts_nothing(time):
    limiter = make_limiter(time, start=10, most=10)
    for _ in range(10):
        await calls(limiter, Provider(rate_limited(1)), 100)
    assert limiter.state()["window"] == 10


async def test_window_never_closes(time):
    limiter = make_limiter(time, start=2, most=2)
    provider = Provider(*[rate_limited(1)] * 5)
    assert await calls(limiter, provider, 3) == [ANSWER] * 3
    assert limiter.state()["window"] >= 1


async def test_growth_after_a_cut_is_slow(time):
    limiter = make_limiter(time, start=10, most=100)
    await refused(limiter, 5)
    before = limiter.state()["window"]
    assert before < 10
    await calls(limiter, Provider(), before)
    assert limiter.state()["window"] <= before + 2


@pytest.mark.parametrize(
    "error", [Retryable("down", status=503), Retryable("refused"), UnknownOutcome("reset")]
)
async def test_failures_that_are_no_rate_limit_only_stop_the_growth(time, error):
    limiter = make_limiter(time, start=4)
    await calls(limiter, Provider(error), 40)
    assert limiter.state()["window"] == 4
    time.now += 60
    await calls(limiter, Provider(), 40)
    assert limiter.state()["window"] > 4


async def test_own_retry_after_is_waited_out(time):
    await make_limiter(time).call(Provider(rate_limited(20.0)).send)
    assert time.slept == [20.0]


async def test_retry_after_nothing_still_pauses(time):
    await make_limiter(time).call(Provider(rate_limited(0.0)).send)
    assert 0 < time.slept[0] < 1


async def test_pauses_grow_when_nobody_says_how_long(time):
    await make_limiter(time).call(Provider(*[Retryable("down", status=500)] * 6).send)
    assert time.slept == [1, 3, 9, 27, 81, 240]


async def test_pauses_are_spread():
    """Those who failed together do not come back together."""
    time = Time()
    limiter = Limiter(1, 1, clock=time.clock, sleep=time.sleep, random=lambda: 1.0)
    await limiter.call(Provider(rate_limited(20.0), rate_limited(20.0)).send)
    assert time.slept == [25.0, 30.0]


@pytest.mark.parametrize("error", [Retryable("down", status=500), UnknownOutcome("reset")])
async def test_given_up_after_six_repetitions(time, error):
    provider = Provider(*[error] * 7)
    with pytest.raises(Unreachable) as caught:
        await make_limiter(time).call(provider.send)
    assert provider.asked == caught.value.attempts == 7
    assert caught.value.__cause__ is error


async def test_given_up_at_once_when_the_wait_would_be_too_long(time):
    provider = Provider(rate_limited(3600.0))
    with pytest.raises(Unreachable):
        await make_limiter(time).call(provider.send)
    assert (provider.asked, time.slept) == (1, [])


async def test_other_errors_go_straight_through_and_free_the_place(time):
    limiter = make_limiter(time)
    provider = Provider(Misconfigured("no key"))
    with pytest.raises(Misconfigured):
        await limiter.call(provider.send)
    assert await limiter.call(provider.send) is ANSWER
    assert (provider.asked, time.slept) == (2, [])


@pytest.mark.parametrize("seconds", [901.0, 1e9])
async def test_nobody_waits_for_an_absurd_time(time, seconds):
    provider = Provider(rate_limited(seconds))
    with pytest.raises(Unreachable, match="given up after 1 attempts"):
        await make_limiter(time).call(provider.send)
    assert (provider.asked, time.slept) == (1, [])


async def test_only_the_call_that_was_asked_to_waits(time):
    limiter = make_limiter(time, start=1, most=1)
    served = []

    async def send(name):
        if name == "told" and "told" not in served:
            served.append(name)
            raise rate_limited(60.0)
        served.append(name)
        return ANSWER

    await asyncio.gather(*(limiter.call(lambda n=n: send(n)) for n in ("told", "a", "b")))
    assert served == ["told", "a", "b", "told"]


async def test_pausing_call_gives_its_place_back_and_is_seen(time):
    limiter = make_limiter(time, most=1)
    seen = []

    async def send():
        seen.append(limiter.state())
        if len(seen) == 1:
            raise rate_limited(5)
        return ANSWER

    await asyncio.gather(*(limiter.call(send) for _ in range(2)))
    assert seen[1] == idle(in_flight=1, window=1, waiting=1, reason="busy") | {
        "waiting_for": "the end of a pause"
    }
    assert limiter.state() == idle(window=1)


def test_a_call_that_has_paused_goes_before_newcomers():
    async def main():
        limiter = limit_world.make_limiter(1, 1)
        served, failures = [], [rate_limited(5)]

        async def send(n):
            if n == 0 and failures:
                raise failures.pop()
            await asyncio.sleep(3)
            served.append(n)
            return ANSWER

        await asyncio.gather(*(limiter.call(lambda n=n: send(n)) for n in range(6)))
        return served

    # It paused for five to seven seconds.
    assert limit_world.run(main()) in ([1, 2, 0, 3, 4, 5], [1, 2, 3, 0, 4, 5])


async def test_cancelled_calls_leave_nothing_behind(time):
    """Whether they were waiting, had just been given a place, or were in flight."""
    limiter = make_limiter(time, start=2, most=2)
    gate = asyncio.Event()

    async def send():
        await gate.wait()
        return ANSWER

    tasks = [asyncio.create_task(limiter.call(send)) for _ in range(8)]
    await asyncio.sleep(0)
    assert limiter.state()["in_flight"] == 2
    assert limiter.state()["waiting"] == 6
    tasks[5].cancel()
    tasks[0].cancel()
    await asyncio.sleep(0)
    # tasks[2] has been given the place of tasks[0] and has not run yet.
    tasks[2].cancel()
    gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results].count(asyncio.CancelledError) == 3
    assert limiter.state() == idle(window=2)


async def test_waiting_calls_are_served_in_order(time):
    limiter = make_limiter(time, most=1)
    served = []

    async def send(n):
        served.append(n)
        return ANSWER

    await asyncio.gather(*(limiter.call(lambda n=n: send(n)) for n in range(5)))
    assert served == [0, 1, 2, 3, 4]
