"""When batches are looked at, hour after hour, whatever the clock on the wall does meanwhile."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

import runs
from providers.emulator import client
from runs import Status
from tasks.opening import opened
from tests.providers.asking import SDK_WARNINGS
from tests.tasks.emulated_time import Hours
from tests.tasks.mill import CONFIG

pytestmark = SDK_WARNINGS

THREE_STEPS = {
    "config.yaml": json.dumps(
        {
            **CONFIG,
            "chunk_size": 1,
            "pipeline": [{**CONFIG["pipeline"][0], "name": name} for name in ("a", "b", "c")],
        }
    )
}


A_MINUTE, A_DAY = 60, timedelta(days=1)


def test_chunks_do_not_wait_for_one_another(make_mill, url):
    """A hundred of them, three steps of a minute at the vendor: it hardly takes more than three."""
    client.batches(url, seconds=A_MINUTE)
    hours = Hours(url)
    run_dir = make_mill("anthropic", units=100, bent=THREE_STEPS)
    asyncio.run(hours.through(run_dir, most_at_once=100))
    assert runs.read(run_dir).state.status is Status.COMPLETE
    assert len(client.ledger(url).batches["anthropic"]) == 300
    assert hours.now <= 1.3 * 3 * A_MINUTE


def test_who_waits_for_room_is_no_nuisance(make_mill, url):
    """More batches are made than may be at the vendor: it is asked no more often for that."""
    client.batches(url, seconds=A_MINUTE)
    hours = Hours(url)
    run_dir = make_mill("anthropic", units=8, chunk_size=1)

    async def within_a_while() -> None:
        async with asyncio.timeout(30):
            await hours.through(run_dir, most_at_once=2)

    asyncio.run(within_a_while())
    assert runs.read(run_dir).state.status is Status.COMPLETE
    assert hours.now < 1.3 * 8 * A_MINUTE
    assert len(hours.rests) < 60


@dataclass
class Jumping(Hours):
    """The clock on the wall is set, at the third rest and at every one after it."""

    jump: timedelta = timedelta()

    def wall(self) -> datetime:
        return super().wall() + max(0, len(self.rests) - 2) * self.jump


@pytest.mark.parametrize("jump", [A_DAY, -A_DAY], ids=["forward", "back"])
def test_clock_that_jumps_changes_nothing(jump, make_mill, url):
    """Neither when batches are looked at, nor how long they are taken to need."""
    client.batches(url, seconds=A_MINUTE * 30)
    calm, jumping = Hours(url), Jumping(url, jump=jump)
    asyncio.run(calm.through(make_mill("anthropic")))
    run_dir = make_mill("anthropic")
    asyncio.run(jumping.through(run_dir))
    assert jumping.rests == pytest.approx(calm.rests, abs=0.1)
    usual = runs.usual_seconds(runs.read(run_dir).state.batches)["anthropic"]
    assert A_MINUTE * 30 <= usual < A_MINUTE * 34


@pytest.mark.parametrize("off", [A_DAY, -A_DAY], ids=["ahead", "behind"])
def test_clock_that_is_wrong_at_the_start_does_little(off, make_mill, url):
    """The next process has another idea of the day: looks are neither a storm nor far off."""
    client.batches(url, seconds=A_MINUTE * 30)
    run_dir = make_mill("anthropic", units=10)
    hours = Jumping(url, jump=off)

    async def hand_in_and_go() -> None:
        async with opened(run_dir) as session:
            await hours.lane(session).settle()
            session.interrupt()
            await session.end()

    asyncio.run(hand_in_and_go())
    hours.rests = [0.0, 0.0, 0.0]
    asyncio.run(hours.through(run_dir))
    assert runs.read(run_dir).state.status is Status.COMPLETE
    assert len(hours.rests) < 120  # and not the 720 of a look every five seconds
    assert max(hours.rests) <= 300
