"""Handing batches in, as the tests of the batch lane do."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from providers.batches import Intent
from providers.connect import batches, connect, wire
from providers.keys import Key
from providers.neutral import Request
from providers.protocol import Limits
from tests.providers.asking import address
from tests.providers.contracts import SECRET

__all__ = ["KEY", "OTHER", "emulated_lane", "key", "lane_to", "lines_of", "make_intent", "wired"]


def key(word):
    return sha256(word.encode()).hexdigest()


KEY, OTHER = key("one"), key("other")


def wired(contract, number):
    words = f"Label ticket {number}."
    request = Request("u", contract.model, "You label.", (("user", words),), max_tokens=200)
    return wire(contract.name, request)


@asynccontextmanager
async def emulated_lane(contract, url) -> AsyncGenerator[Any]:
    connection = connect(contract.name, emulator_url=url)
    try:
        yield batches(contract.name, connection)
    finally:
        await connection.close()


@asynccontextmanager
async def lane_to(contract, vendor) -> AsyncGenerator[Any]:
    """The lane over a connection to a scripted server."""
    connection = contract.adapter.connect(
        Key(SECRET), address(contract, vendor), name=contract.name, limits=Limits(1, 1)
    )
    try:
        yield batches(contract.name, connection)
    finally:
        await connection.close()


def make_intent(lane, contract, folder, count=5, *, key=KEY, **fields):
    path = folder / f"{key[:8]}.jsonl"
    lines = [
        lane.request_line(f"{key[:8]}-{number:06}", wired(contract, number)) + b"\n"
        for number in range(count)
    ]
    path.write_bytes(b"".join(lines))
    usual: dict[str, Any] = {
        "key": key,
        "model": contract.model,
        "requests": count,
        "size_bytes": path.stat().st_size,
        "file": path,
        "at": datetime.now(UTC),
    }
    return Intent(**{**usual, **fields})


def lines_of(lane, path):
    return [lane.read_line(line) for line in path.read_bytes().splitlines()]
