"""The brake: stop asking, keep what comes within the grace, then let go."""

import asyncio

import pytest

from tasks.brake import Brake, Stopped


async def test_nothing_is_asked_once_the_brake_is_pulled():
    """A question that waited for its turn is not sent any more."""
    brake = Brake()
    brake.check()
    brake.pull()
    with pytest.raises(Stopped):
        brake.check()


async def test_an_answer_within_the_grace_is_kept():
    """What is under way may still arrive."""
    brake, answer = Brake(grace_seconds=10), asyncio.Event()

    async def ask():
        with brake.asking():
            await answer.wait()
            return "kept"

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    brake.pull()
    answer.set()
    assert await asking == "kept"


async def test_an_answer_that_does_not_come_is_let_go():
    """After the grace the wait ends, as `Stopped`, and the task is not marked as cancelled."""
    brake = Brake(grace_seconds=0)

    async def ask():
        with brake.asking():
            await asyncio.Event().wait()

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    brake.pull()
    with pytest.raises(Stopped):
        await asking
    assert asking.cancelling() == 0


async def test_a_cancellation_by_somebody_else_stays_one():
    """Only the brake's own cut is turned into `Stopped`."""
    brake = Brake()

    async def ask():
        with brake.asking():
            await asyncio.Event().wait()

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
