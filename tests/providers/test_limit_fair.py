"""Whatever happens: no place is lost, none is given twice, and a configured rate is kept."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.errors import Misconfigured, Retryable
from providers.pace import BURST_SECONDS
from tests.providers.limit_world import ANSWER, World, busy, make_limiter, run

ENDINGS = st.sampled_from(
    [None, None, None, Retryable("busy", None, 429), Retryable("down", 2.0, 529), Misconfigured("")]
)
CALLS = st.lists(
    st.tuples(
        st.floats(0, 5),  # when it comes
        st.none() | st.floats(0, 10),  # after which it is cancelled
        st.floats(0, 3),  # how long it takes
        ENDINGS,
        st.integers(0, 500),
    ),
    max_size=30,
)


@settings(max_examples=150, deadline=None)
@given(calls=CALLS, most=st.integers(1, 4), paced=st.booleans())
def test_no_place_is_lost_whoever_gives_up(calls, most, paced):
    async def main():
        rates = {"requests_per_minute": 120, "tokens_per_minute": 20_000} if paced else {}
        limiter = make_limiter(1, most, **rates)
        in_flight = 0

        async def call(arrives, seconds, ending, tokens):
            await asyncio.sleep(arrives)
            endings = [ending]

            async def send():
                nonlocal in_flight
                in_flight += 1
                try:
                    # Some have been let go, and not begun.
                    assert in_flight <= limiter.state()["in_flight"] <= most
                    await asyncio.sleep(seconds)
                    if endings and (error := endings.pop()):
                        raise error
                    return ANSWER
                finally:
                    in_flight -= 1

            await limiter.call(send, tokens=tokens)

        async def impatient(arrives, patience, *rest):
            task = asyncio.create_task(call(arrives, *rest))
            if patience is not None:
                await asyncio.sleep(arrives + patience)
                task.cancel()
            (result,) = await asyncio.gather(task, return_exceptions=True)
            assert result is None or isinstance(result, asyncio.CancelledError | Misconfigured)

        await asyncio.gather(*(impatient(*one) for one in calls))
        state = limiter.state()
        assert state["in_flight"] == state["waiting"] == 0
        async with asyncio.timeout(120):
            await asyncio.gather(*(call(0, 1, None, 1) for _ in range(5)))

    run(main())


@pytest.mark.parametrize("seed", range(3))
def test_a_configured_rate_is_never_exceeded(seed):
    draw = random.Random(seed)

    async def main():
        limiter = make_limiter(requests_per_minute=600, tokens_per_minute=500_000)
        world = World(seed=seed)
        await busy(limiter, world, 60, size=lambda: draw.choice([1, 100, 1000, 8000]))
        assert limiter.state()["requests_per_minute"] == 600
        return world

    log = run(main()).log
    tokens_in_all = sum(tokens for _, _, tokens in log)
    assert tokens_in_all > 0.9 * 500_000
    for since, _, _ in log:
        within = [tokens for at, _, tokens in log if since <= at < since + 10]
        assert len(within) <= 600 / 60 * (10 + BURST_SECONDS) + 1
        # The largest call may have been saved for while nothing was sent.
        assert sum(within) <= 500_000 / 60 * (10 + BURST_SECONDS) + 8000


def test_a_call_larger_than_a_minute_of_tokens_is_sent_all_the_same():
    async def main():
        limiter = make_limiter(tokens_per_minute=1000)
        world = World()
        for _ in range(2):
            await limiter.call(lambda: world.send(5000), tokens=5000)
        (first, *_), (second, *_) = world.log
        assert 250 <= second - first <= 302

    run(main())


def test_what_the_vendor_tells_does_not_lift_a_configured_rate():
    async def main():
        limiter = make_limiter(requests_per_minute=60)
        world = World(requests=6000, shown=True)
        await busy(limiter, world, 60, workers=50)
        assert len(world.log) <= 62

    run(main())
