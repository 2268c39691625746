"""A cap that holds whatever calls cost, in whatever order they end."""

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import CapReached
from tasks.purse import Purse

USD = st.integers(0, 50).map(Decimal)


async def settled() -> None:
    """Let everybody who can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_without_a_cap_everything_fits():
    purse = Purse()
    await purse.reserve(Decimal(10**9))
    purse.settle(Decimal(10**9), Decimal(3))
    assert (purse.spent_usd, purse.reserved_usd) == (3, 0)


async def test_a_call_waits_for_what_is_reserved_for_others():
    """They mostly cost less than was set aside for them."""
    purse = Purse(Decimal(10))
    await purse.reserve(Decimal(7))
    second = asyncio.create_task(purse.reserve(Decimal(7)))
    await settled()
    assert not second.done()
    purse.settle(Decimal(7), Decimal(2))
    await second
    assert (purse.spent_usd, purse.reserved_usd) == (2, 7)


async def test_the_cap_is_reached_when_nothing_can_make_room():
    purse = Purse(Decimal(10), spent_usd=Decimal("9.5"))
    with pytest.raises(CapReached, match=r"\$9.5000 of at most \$10 are spent"):
        await purse.reserve(Decimal(1))
    await purse.reserve(Decimal("0.5"))  # to the cent


async def test_all_who_wait_hear_that_the_cap_is_reached():
    purse = Purse(Decimal(10))
    await purse.reserve(Decimal(9))
    waiting = [asyncio.create_task(purse.reserve(Decimal(5))) for _ in range(3)]
    await settled()
    purse.settle(Decimal(9), Decimal(9))
    said = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(word) for word in said] == [CapReached] * 3


async def test_who_gives_up_waiting_holds_nothing():
    purse = Purse(Decimal(10))
    await purse.reserve(Decimal(8))
    first = asyncio.create_task(purse.reserve(Decimal(5)))
    second = asyncio.create_task(purse.reserve(Decimal(5)))
    await settled()
    purse.settle(Decimal(8), Decimal(0))  # gives `first` its place, which it does not take
    first.cancel()
    await settled()
    assert second.done()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert purse.reserved_usd == 5


@given(
    cap=USD,
    calls=st.lists(st.tuples(USD, st.floats(0, 1), st.integers(0, 4), st.booleans()), max_size=30),
)
def test_spent_and_reserved_never_exceed_the_cap(cap, calls):
    """Whatever calls reserve, spend, wait for and give up."""

    async def call(purse, most, share, turns):
        await purse.reserve(most)
        try:
            for _ in range(turns):
                assert purse.spent_usd + purse.reserved_usd <= cap
                await asyncio.sleep(0)
        finally:
            purse.settle(most, (most * Decimal(share)).quantize(Decimal(1)))

    async def all_calls():
        purse = Purse(cap)
        tasks = [asyncio.create_task(call(purse, *rest)) for *rest, _ in calls]
        await asyncio.sleep(0)
        for task, (*_, gives_up) in zip(tasks, calls, strict=True):
            if gives_up:
                task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(
            end is None or isinstance(end, CapReached | asyncio.CancelledError) for end in ends
        )
        assert purse.reserved_usd == 0
        assert purse.spent_usd <= cap

    asyncio.run(all_calls())
