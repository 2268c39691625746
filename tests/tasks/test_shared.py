"""Rates that machines share: what is fetched, and how often."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tasks.shared import SharedRate


class Keeper:
    """Gives permits, and remembers to whom."""

    def __init__(self):
        self.given = []

    async def fetch(self, name, permits):
        await asyncio.sleep(0)
        self.given.append((name, permits))


@given(st.lists(st.integers(1, 30), max_size=30), st.integers(1, 20))
def test_never_more_is_taken_than_was_given(asked, block):
    """And never a block more than is needed."""
    keeper = Keeper()
    rate = SharedRate("r", block, keeper.fetch)

    async def all_at_once():
        await asyncio.gather(*map(rate.permit, asked))

    asyncio.run(all_at_once())
    given_permits = sum(permits for _, permits in keeper.given)
    assert sum(asked) <= given_permits < sum(asked) + block


def test_nobody_goes_before_they_are_there():
    """In the order of asking: a large one is not overtaken for ever."""
    gate, order = asyncio.Event(), []

    async def fetch(_, __):
        await gate.wait()

    async def one(rate, number):
        await rate.permit(number)
        order.append(number)

    async def watched():
        rate = SharedRate("r", 4, fetch)
        tasks = [asyncio.create_task(one(rate, number)) for number in (7, 1, 1)]
        await asyncio.sleep(0)
        assert order == []
        gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(watched())
    assert order == [7, 1, 1]
