"""What a network that fails means: it was never sent, or it was sent once and may be paid."""

import asyncio
import contextlib
import socket

import pytest

from providers import channel
from providers.errors import Retryable, UnknownOutcome
from tests.providers.asking import (
    SDK_WARNINGS,
    address,
    ask,
    asked_of_nobody,
    connected,
    failing,
    wired,
)

pytestmark = SDK_WARNINGS

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"
SHORT_SECONDS = 0.2


@pytest.mark.parametrize("then", ["hangs up", "resets"])
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(b"", id="without a word"),
        pytest.param(b"HTTP/1.1 2", id="in its first line"),
        pytest.param(HEAD, id="after the headers"),
        pytest.param(HEAD + b'{"id', id="in the body"),
    ],
)
async def test_connection_that_breaks_after_sending_is_an_unknown_outcome(
    contract, vendor, script, then
):
    """And it is not sent again: whoever does that must know that it may be paid twice."""
    vendor.script, vendor.then = [script], then
    assert type(await failing(contract, vendor)) is UnknownOutcome
    assert (len(vendor.heads), vendor.connections) == (1, 1)


async def test_connection_that_breaks_while_sending_is_an_unknown_outcome(contract, vendor):
    """How much of it arrived is anybody's guess."""
    vendor.script, vendor.then, vendor.deaf = [b""], "resets", True
    assert type(await failing(contract, vendor)) is UnknownOutcome
    assert vendor.connections == 1


async def test_kept_connection_that_breaks_is_an_unknown_outcome(contract, vendor):
    """Clients like to send a second time by themselves when an old connection breaks."""
    vendor.says(body=contract.reply)
    async with connected(contract, address(contract, vendor)) as provider:
        await provider.ask(wired(contract), model=contract.model)
        vendor.script, vendor.then = [b""], "resets"
        with pytest.raises(UnknownOutcome):
            await provider.ask(wired(contract), model=contract.model)
    assert (len(vendor.heads), vendor.connections) == (2, 1)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(b"not HTTP at all\r\n\r\n", id="talks nonsense"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-encoding: gzip\r\n\r\nabc",
            id="sends broken gzip",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", id="counts wrongly"
        ),
    ],
)
async def test_nonsense_is_an_unknown_outcome(contract, vendor, script):
    vendor.script, vendor.then = [script], "hangs up"
    assert type(await failing(contract, vendor)) is UnknownOutcome
    assert len(vendor.heads) == 1


async def test_nobody_at_the_address_was_never_sent(contract):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}{contract.base}"
    error = await asked_of_nobody(contract, url)
    assert isinstance(error, Retryable)
    assert (error.status, error.retry_after) == (None, None)


@pytest.fixture
def busy_address():
    """An address where nobody answers the telephone, and the waiting line is full."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


async def test_connecting_that_takes_too_long_was_never_sent(contract, busy_address, monkeypatch):
    monkeypatch.setattr(channel, "CONNECT_SECONDS", 0.05)
    error = await asked_of_nobody(contract, busy_address, timeout_seconds=10.0)
    assert isinstance(error, Retryable)
    assert error.status is None
    assert "timeout" in str(error).lower()


@pytest.mark.parametrize("then", ["listens", "drips"])
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(b"", id="without a word"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", id="in the headers"),
        pytest.param(HEAD, id="after the headers"),
        pytest.param(HEAD + b'{"id', id="in the body"),
    ],
)
async def test_silence_ends_at_the_deadline(contract, vendor, script, then):
    """Whether nothing comes or hardly anything: it may have been served."""
    vendor.script, vendor.then = [script], then
    error = await failing(contract, vendor, timeout_seconds=SHORT_SECONDS)
    assert type(error) is UnknownOutcome
    assert len(vendor.heads) <= 1


async def test_connection_is_fine_after_a_deadline(contract, vendor):
    """The answer that came too late is not taken for that of the next request."""
    vendor.script = [HEAD]
    async with connected(contract, address(contract, vendor)) as provider:
        with pytest.raises(UnknownOutcome, match=rf"no answer within {SHORT_SECONDS} s"):
            await provider.ask(b"{}", model=contract.model, timeout_seconds=SHORT_SECONDS)
        vendor.script.clear()
        vendor.says(body=contract.reply)
        assert (await provider.ask(b"{}", model=contract.model)).body == contract.reply


async def test_cancelling_an_ask_is_no_outcome(contract, vendor):
    vendor.script = [b"HTTP/1.1 200 OK\r\n"]
    asking = asyncio.create_task(ask(contract, vendor))
    await vendor.asked.wait()
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    assert asking.cancelled()
