"""The limiter at work, for minutes of virtual time: near the limits, and not above them."""

import asyncio
import random
from dataclasses import dataclass

import pytest

from providers.limit import State
from tests.providers.limit_world import World, busy, make_limiter, now, run

WARM_SECONDS = 90.0


@dataclass(frozen=True)
class Served:
    world: World
    requests: float
    """Per minute, once it was warm."""
    tokens: float
    state: State

    @property
    def refused(self):
        return self.world.share(429, WARM_SECONDS)


def served(seconds=300.0, *, most=512, start=64, size=lambda: 0, **world):
    """Keep a limiter busy for some minutes."""

    async def main():
        provider, limiter = World(**world), make_limiter(start, most)
        await busy(limiter, provider, seconds, workers=most // 2 + 100, size=size)
        return Served(provider, *provider.per_minute(WARM_SECONDS), limiter.state())

    return run(main())


def sizes(mean=1000, seed=3):
    draw = random.Random(seed)
    return lambda: int(draw.uniform(0.2, 1.8) * mean)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("limit", [600, 3000])
def test_hidden_limit_of_requests_is_found_and_kept(limit, seed):
    provider = served(600, requests=limit, seed=seed)
    assert provider.requests > 0.9 * limit
    assert provider.refused < 0.02


@pytest.mark.parametrize("sized", [False, True])
@pytest.mark.parametrize("limit", [600, 3000])
def test_sizes_of_calls_do_not_matter_to_a_limit_of_requests(limit, sized):
    provider = served(400, requests=limit, size=sizes() if sized else lambda: 1000)
    assert provider.requests > 0.9 * limit
    assert provider.refused < 0.02


@pytest.mark.parametrize("limit", [600_000, 3_000_000])
def test_hidden_limit_of_tokens_is_found_and_kept(limit):
    provider = served(400, tokens=limit, size=sizes())
    assert provider.tokens > 0.9 * limit
    assert provider.refused < 0.02


@pytest.mark.parametrize(("mean", "tight"), [(500, "requests"), (1000, "both"), (2000, "tokens")])
def test_of_two_hidden_limits_the_tighter_one_counts(mean, tight):
    provider = served(400, requests=3000, tokens=3_000_000, size=sizes(mean))
    used = {"requests": provider.requests / 3000, "tokens": provider.tokens / 3_000_000}
    used["both"] = max(used.values())
    assert used[tight] > 0.9
    assert provider.refused < 0.02


def changing(world, limits):
    """Change the hidden limit at some moments."""

    def fails(_at, _draw):
        due = [limit for since, limit in limits if since <= now()]
        if due and world().requests.per_minute != due[-1]:
            world().requests.fill()
            world().requests.per_minute = due[-1]

    return fails


def test_a_limit_that_changes_is_found_again():
    holder = []
    fails = changing(lambda: holder[0], [(200, 1500), (400, 3000)])

    async def main():
        provider = World(requests=3000, fails=fails)
        holder.append(provider)
        await busy(make_limiter(), provider, 600, workers=300)
        return provider

    provider = run(main())
    for since, until, limit in [(90, 200, 3000), (230, 400, 1500), (490, 600, 3000)]:
        assert provider.per_minute(since, until)[0] > 0.9 * limit
        assert provider.share(429, since, until) < 0.02


@pytest.mark.parametrize("limit", [600, 3000])
def test_limits_that_the_vendor_tells_are_kept_without_a_refusal(limit):
    provider = served(requests=limit, tokens=limit * 10_000, shown=True, size=sizes())
    assert provider.requests > 0.95 * limit
    assert provider.refused == 0
    provider = served(requests=limit * 10, tokens=limit * 1000, shown=True, size=sizes())
    assert provider.tokens > 0.95 * limit * 1000
    assert provider.refused == 0
    assert provider.state["tokens_per_minute"] == pytest.approx(limit * 1000, rel=0.2)


def scattered(share):
    return lambda _at, draw: 429 if draw() < share else None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_scattered_rate_limits_cost_little(seed):
    """They come whatever the load is: a slower pace would be no remedy."""
    calm = served(most=64)
    hit = served(most=64, fails=scattered(0.05), seed=seed)
    assert hit.requests > 0.9 * calm.requests


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_scattered_rate_limits_do_not_hide_a_real_one(seed):
    provider = served(requests=3000, fails=scattered(0.05), seed=seed)
    assert provider.requests > 0.9 * 3000
    assert provider.refused < 0.05 + 0.03


def burst(since, until, share):
    return lambda at, draw: 529 if since <= at < until and draw() < share else None


@pytest.mark.parametrize("fails", [burst(60, 63, 1.0), burst(60, 70, 0.2)])
@pytest.mark.parametrize("limit", [None, 3000])
def test_a_burst_of_overload_is_soon_forgotten(fails, limit):
    provider = served(120, most=64, requests=limit, fails=fails).world
    before, _ = provider.per_minute(40, 60)
    meanwhile, _ = provider.per_minute(63, 70)
    after, _ = provider.per_minute(70, 80)
    assert meanwhile > 0.6 * before
    assert after > 0.9 * before


def test_answers_that_take_long_do_not_hide_a_limit():
    provider = served(600, requests=600, latency=(5.0, 20.0))
    assert provider.world.per_minute(180, 600)[0] > 0.85 * 600
    assert provider.refused < 0.02


def test_a_time_in_which_everything_is_refused_is_soon_forgotten():
    """As when a limit counts by the clock's minute."""
    storm = lambda at, _draw: 429 if 60 <= at < 90 else None  # noqa: E731
    provider = served(130, requests=3000, fails=storm).world
    assert provider.per_minute(100, 130)[0] > 0.8 * 3000


def test_a_lull_is_not_taken_for_a_slow_provider():
    async def main():
        provider, limiter = World(requests=3000), make_limiter()
        await busy(limiter, provider, 5, workers=300)
        for _ in range(3):
            await asyncio.sleep(60)
            await limiter.call(provider.send)
        await busy(limiter, provider, 60, workers=300)
        return provider.per_minute(now() - 40)[0]

    assert run(main()) > 0.9 * 3000


def test_a_provider_that_is_down_is_not_hammered():
    log = served(60, most=64, fails=burst(30, 60, 1.0)).world.log
    assert sum(1 for at, _, _ in log if at > 35) <= 26
