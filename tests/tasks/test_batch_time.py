"""When batches are looked at, hour after hour, whatever the clock on the wall does meanwhile."""

import asyncio
import select
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

import runs
from providers.emulator import client
from runs import Status
from tasks.opening import opened
from tests.providers.asking import SDK_WARNINGS
from tests.tasks.emulated_time import Hours
from tests.tasks.mill import STEPS

pytestmark = SDK_WARNINGS

CHECKOUT = Path(__file__).parents[2]
A_MINUTE, A_DAY = 60, timedelta(days=1)
THREE_STEPS = {"pipeline": [{**STEPS[0], "name": name} for name in ("a", "b", "c")]}


def test_chunks_do_not_wait_for_one_another(make_mill, url):
    """A hundred of them, three steps of a minute at the vendor: it hardly takes more than three."""
    client.batches(url, seconds=A_MINUTE)
    hours = Hours(url)
    run_dir = make_mill("anthropic", units=100, chunk_size=1, config=THREE_STEPS)
    asyncio.run(hours.through(run_dir))
    assert runs.read(run_dir).state.status is Status.COMPLETE
    assert len(client.ledger(url).batches["anthropic"]) == 300
    assert hours.now <= 1.3 * 3 * A_MINUTE


def test_who_could_not_begin_comes_before_who_is_far(make_mill, url):
    """Room for nine of ten chunks: four rounds do for three steps, not twice three."""
    client.batches(url, seconds=A_MINUTE)
    hours = Hours(url)
    config = {**THREE_STEPS, "api": {"max_inflight_batches": 9}}
    run_dir = make_mill("anthropic", units=10, chunk_size=1, config=config)
    asyncio.run(hours.through(run_dir))
    assert runs.read(run_dir).state.status is Status.COMPLETE
    assert hours.now <= 1.2 * 4 * A_MINUTE


def test_who_waits_for_room_is_no_nuisance(make_mill, url):
    """More batches are made than may be at the vendor: it is asked no more often for that."""
    client.batches(url, seconds=A_MINUTE)
    hours = Hours(url)
    config = {"api": {"max_inflight_batches": 2}}
    run_dir = make_mill("anthropic", units=8, chunk_size=1, config=config)

    async def within_a_while() -> None:
        async with asyncio.timeout(30):
            await hours.through(run_dir)

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


INTERVAL_SECONDS = 0.2
WATCHING = """
import asyncio, sys, time
from pathlib import Path
from providers import points
from tests.tasks.mill import through
points.on(lambda point: print(time.monotonic(), flush=True) if point == "poll.after" else None)
asyncio.run(through(Path(sys.argv[1]), interval=float(sys.argv[2])))
"""
"""Works on a run, and tells when it has looked at its batches."""


def test_who_was_asleep_looks_once(make_mill, url):
    """Stopped for ten looks, a run makes up for none of them: one look, and then as before."""
    client.batches(url, seconds=1000)
    run_dir = make_mill("anthropic", units=10)
    words = [sys.executable, "-c", WATCHING, str(run_dir), str(INTERVAL_SECONDS)]
    with subprocess.Popen(words, cwd=CHECKOUT, stdout=subprocess.PIPE, bufsize=0) as running:
        assert running.stdout is not None
        looks = [float(running.stdout.readline()) for _ in range(3)]
        running.send_signal(signal.SIGSTOP)
        while select.select([running.stdout], [], [], 10 * INTERVAL_SECONDS)[0]:
            looks.append(float(running.stdout.readline()))
        running.send_signal(signal.SIGCONT)
        after = [float(running.stdout.readline()) for _ in range(5)]
        running.kill()
    assert after[0] - looks[-1] > 10 * INTERVAL_SECONDS
    assert all(later - look > INTERVAL_SECONDS / 2 for look, later in pairwise(after))
