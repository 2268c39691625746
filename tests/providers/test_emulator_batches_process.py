"""Batches through the life of the emulator's process: killed, started again, and under load."""

import asyncio
import contextlib
import io
import os
import signal
import time
from hashlib import sha256

import aiohttp
import orjson
import pytest

from providers.emulator import client
from providers.emulator.home import Home
from providers.emulator.ledger import entries

HEADERS = {"authorization": "Bearer emulated", "anthropic-version": "2026-10-21"}
BATCHES = "/anthropic/v1/messages/batches"


@pytest.fixture
def root(tmp_path):
    yield tmp_path
    client.stop(tmp_path)


def requests(count):
    return [
        {
            "custom_id": f"3f9a1c2b-{number:06}",
            "params": {
                "model": "claude-haiku-5-5",
                "max_tokens": 200,
                "messages": [{"role": "user", "content": f"Label ticket {number}."}],
            },
        }
        for number in range(count)
    ]


@pytest.fixture
async def session():
    async with aiohttp.ClientSession(headers=HEADERS) as made:
        yield made


async def created(session, url, count):
    body = io.BytesIO(orjson.dumps({"requests": requests(count)}))
    async with session.post(url + BATCHES, data=body) as response:
        return (await response.json())["id"]


async def look(session, url, ident):
    async with session.get(f"{url}{BATCHES}/{ident}") as response:
        return await response.json()


async def ended(session, url, ident):
    while (said := await look(session, url, ident))["processing_status"] != "ended":
        pass
    return said


async def results(session, said):
    async with session.get(said["results_url"]) as response:
        return [orjson.loads(line)["custom_id"] for line in (await response.read()).splitlines()]


async def charged_bytes(root, least):
    """Wait until the ledger is so long."""
    while Home.under(root).ledger.stat().st_size < least:  # noqa: ASYNC110  another process writes
        await asyncio.sleep(0.001)


def kill(root):
    pid = Home.under(root).holder()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while Home.under(root).holder() is not None:
        time.sleep(0.01)


async def test_batch_goes_on_by_the_clock_after_a_kill(root, session):
    url = client.start(root)
    client.batches(url, seconds=1000)
    ident = await created(session, url, 10)
    client.clock(url, step=500)
    kill(root)
    assert client.start(root) == url
    said = await look(session, url, ident)
    assert said["processing_status"] == "in_progress"
    assert client.ledger(url).calls == 5
    client.clock(url, step=500)
    said = await look(session, url, ident)
    assert said["request_counts"]["succeeded"] == 10
    assert await results(session, said) == [one["custom_id"] for one in requests(10)]
    assert client.ledger(url).calls == 10


async def test_kill_in_the_middle_of_the_work_charges_and_answers_every_line_once(root, session):
    url, count = client.start(root), 10_000
    ident = await created(session, url, count)
    for share in (0.2, 0.5):
        looking = asyncio.create_task(look(session, url, ident))
        await charged_bytes(root, share * count * 300)
        kill(root)
        with contextlib.suppress(aiohttp.ClientError):
            await looking
        client.start(root)
    said = await ended(session, url, ident)
    lines = [entry["line"] for entry in entries(Home.under(root).ledger)]
    assert sorted(lines) == list(range(count))
    assert await results(session, said) == [one["custom_id"] for one in requests(count)]


async def test_clock_that_is_fast_ends_batches_by_itself(root, session):
    url = client.start(root)
    client.batches(url, seconds=60)
    client.clock(url, rate=600)
    ident = await created(session, url, 10)
    since = time.monotonic()
    said = await ended(session, url, ident)
    assert 0.05 < time.monotonic() - since < 5
    assert said["ended_at"] > said["created_at"]


async def test_emulator_answers_others_while_it_works(root, session):
    """No more than a slice of the work stands between a call and its answer."""
    url = client.start(root)
    ident = await created(session, url, 20_000)
    work = asyncio.create_task(ended(session, url, ident))
    took = []
    while not work.done():
        since = time.perf_counter()
        async with session.get(f"{url}/_status") as response:
            await response.read()
        took.append(time.perf_counter() - since)
    assert len(took) > 5
    assert sorted(took)[len(took) // 2] < 0.1
    assert (await work)["request_counts"]["succeeded"] == 20_000


async def test_reset_in_the_middle_of_the_work_forgets_it(root, session):
    url = client.start(root)
    ident = await created(session, url, 20_000)
    looking = asyncio.create_task(look(session, url, ident))
    await charged_bytes(root, 1)
    await asyncio.to_thread(client.reset, root)
    await looking
    assert client.ledger(url).calls == 0
    assert client.ledger(url).batches == {}
    assert not Home.under(root).batches.exists()
    async with session.get(f"{url}{BATCHES}/{ident}") as response:
        assert response.status == 404


async def test_reset_of_an_emulator_that_does_not_run_forgets_batches_too(root, session):
    url = client.start(root)
    await created(session, url, 1)
    client.stop(root)
    client.reset(root)
    assert client.ledger(client.start(root)).batches == {}


async def test_rehearsed_reply_is_found_by_the_body_that_realtime_sends(root, session):
    url = client.start(root)
    (one,) = requests(1)
    await client.rehearse(url, {sha256(orjson.dumps(one["params"])).hexdigest(): "Arr!"})
    said = await ended(session, url, await created(session, url, 1))
    async with session.get(said["results_url"]) as response:
        line = orjson.loads(await response.read())
    assert line["result"]["message"]["content"] == [{"type": "text", "text": "Arr!"}]


async def test_status_tells_of_the_clock_and_of_batches_at_work(root, session):
    url = client.start(root)
    client.batches(url, seconds=100)
    await created(session, url, 1)
    client.clock(url, step=50, rate=2)
    said = client.status(root) or {}
    assert (said["batches_at_work"], said["clock_rate"]) == (1, 2)
