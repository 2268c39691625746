"""The emulator as a process: found again, alone in its home, and outliving whoever started it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import aiohttp
import openai
import orjson
import psutil
import pytest

from providers.emulator import client
from providers.emulator.home import Home
from providers.errors import Misconfigured, Retryable

BODY = orjson.dumps({"model": "gpt-6-luna", "messages": [{"role": "user", "content": "Hello."}]})
SHA = sha256(BODY).hexdigest()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A root whose emulator serves several tests."""
    root = tmp_path_factory.mktemp("emulated")
    yield root
    client.stop(root)


@pytest.fixture
def url(shared):
    address = client.start(shared)
    client.reset(shared)
    return address


@pytest.fixture
def root(tmp_path):
    yield tmp_path
    client.stop(tmp_path)


async def post(session, url, body=BODY):
    headers = {"authorization": "Bearer emulated", "content-type": "application/json"}
    address = f"{url}/openai/v1/chat/completions"
    async with session.post(address, data=body, headers=headers) as response:
        return orjson.loads(await response.read())


async def ask(url):
    async with aiohttp.ClientSession() as session:
        return await post(session, url)


async def test_sdk_speaks_to_it_unchanged(url):
    """The vendor's own client, typed, with nothing but another address."""
    async with openai.AsyncOpenAI(
        api_key="emulated", base_url=f"{url}/openai/v1", max_retries=0
    ) as sdk:
        said = await sdk.chat.completions.create(
            model="gpt-6-luna", messages=[{"role": "user", "content": "Hello."}]
        )
    assert said.choices[0].message.content
    assert said.usage is not None
    assert said.usage.total_tokens > 0


async def test_rehearsed_reply_is_given_and_charged(url):
    await client.rehearse(url, {SHA: "Arr!"})
    said = await ask(url)
    assert said["choices"][0]["message"]["content"] == "Arr!"
    assert client.ledger(url).requests == {SHA: 1}


async def test_rehearsing_with_an_emulator_that_died_is_tried_again():
    """As asking it is: somebody may start it anew."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(Retryable, match="emulator"):
        await client.rehearse(url, {SHA: "Arr!"})


async def test_rehearsing_with_an_emulator_that_hangs_up_is_tried_again():
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(Retryable, match="emulator"):
        await client.rehearse(url, {SHA: "Arr!"})
    server.close()


async def test_ledger_shows_repeated_calls(url):
    for _ in range(3):
        await ask(url)
    ledger = client.ledger(url)
    assert (ledger.calls, ledger.repeated, ledger.requests) == (3, 2, {SHA: 3})
    assert ledger.keys["emulated"]["calls"] == 3


@pytest.mark.parametrize(
    ("rule", "errors"),
    [
        ({"do": "reset_before"}, (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)),
        ({"do": "reset_after"}, (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)),
        ({"do": "cut"}, aiohttp.ClientPayloadError),
        ({"do": "cut", "body_bytes": 100}, aiohttp.ClientPayloadError),
        ({"do": "malformed"}, orjson.JSONDecodeError),
    ],
)
async def test_faults_reach_the_caller(url, rule, errors):
    """As breaks of the connection and not as polite errors; the next call is served."""
    client.script(url, [{**rule, "nth": [1]}])
    with pytest.raises(errors):
        await ask(url)
    assert (await ask(url))["object"] == "chat.completion"


async def test_stalled_call_hears_nothing(url):
    client.script(url, [{"do": "stall"}])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await ask(url)
    assert client.ledger(url).calls == 1


async def test_hundreds_of_calls_wait_side_by_side(url):
    client.latency(url, 0.2)
    bodies = [BODY.replace(b"Hello", b"Hello %d" % n) for n in range(400)]
    began = time.monotonic()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(post(session, url, body) for body in bodies))
    assert 0.2 < time.monotonic() - began < 8  # 80 s one after another
    ledger = client.ledger(url)
    assert (ledger.calls, ledger.repeated) == (400, 0)


@pytest.mark.parametrize(
    ("order", "value"),
    [(client.script, [{"do": "explode"}]), (client.latency, "slow"), (client.latency, [])],
)
def test_order_that_makes_no_sense_is_refused_with_a_reason(url, order, value):
    with pytest.raises(ValueError, match="the emulator refuses"):
        order(url, value)


def test_it_is_on_loopback_only_and_knows_no_key(root, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    client.start(root)
    said = client.status(root)
    assert said is not None
    process = psutil.Process(said["pid"])
    listening = [c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    assert "OPENAI_API_KEY" not in process.environ()


def test_all_who_start_it_find_the_same_one(root):
    with ThreadPoolExecutor(4) as starters:
        urls = set(starters.map(client.start, [root] * 4))
    assert len(urls) == 1
    assert client.start(root) in urls


async def test_it_survives_kill_9_with_all_it_knew(root):
    """Address, ledger, rehearsed replies, script and its counts are there again."""
    url = client.start(root)
    await client.rehearse(url, {SHA: "Arr!"})
    client.script(url, [{"do": "reset_before", "nth": [2]}])
    await ask(url)
    said = client.status(root)
    assert said is not None
    os.kill(said["pid"], signal.SIGKILL)
    assert client.start(root) == url
    assert client.ledger(url).calls == 1
    with pytest.raises(aiohttp.ClientError):
        await ask(url)
    assert (await ask(url))["choices"][0]["message"]["content"] == "Arr!"


def test_it_outlives_whoever_started_it(root):
    code = (
        "import os; from pathlib import Path; from providers.emulator import client;"
        f"client.start(Path({str(root)!r})); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert client.status(root) is not None


def test_stop_keeps_what_it_remembers_and_reset_does_not(root):
    client.latency(client.start(root), 0.25)
    assert client.stop(root)
    assert client.status(root) is None
    assert not client.stop(root)
    client.start(root)
    assert (client.status(root) or {})["latency_seconds"] == 0.25
    client.stop(root)
    client.reset(root)
    client.start(root)
    assert (client.status(root) or {})["latency_seconds"] == 0


def test_nothing_was_ever_started_here(root):
    assert client.status(root) is None
    assert not client.stop(root)
    client.reset(root)
    assert not Home.under(root).dir.exists()


def test_it_stops_itself_when_idle(root):
    command = [sys.executable, "-m", "providers.emulator", "--root", str(root)]
    ended = subprocess.run([*command, "--idle-minutes", "0.002"], timeout=30, check=True)
    assert ended.returncode == 0
    assert client.status(root) is None


def test_second_process_gives_way(root):
    client.start(root)
    command = [sys.executable, "-m", "providers.emulator", "--root", str(root)]
    second = subprocess.run(command, timeout=30, check=True, capture_output=True, text=True)
    assert "already" in second.stderr


def test_port_taken_by_another_is_not_mistaken_for_it(root, url):
    """The last port of one emulator may belong to somebody else's today."""
    home = Home.under(root)
    home.make()
    home.remember_port(int(url.rpartition(":")[2]))
    assert client.status(root) is None
    assert client.start(root) != url


def test_emulator_that_cannot_start_says_where_it_says_why(root):
    home = Home.under(root)
    home.make()
    home.memory.write_bytes(b"this is no database" * 100)
    with pytest.raises(Misconfigured, match=r"emulator\.log"):
        client.start(root)
    assert "not a database" in home.log.read_text()
