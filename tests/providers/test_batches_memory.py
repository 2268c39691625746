"""What is large goes through a batch lane in pieces, up and down."""

import asyncio
import gc
import tracemalloc
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
import pytest

from providers.batches import End, Standing
from tests.providers.asking import SDK_WARNINGS
from tests.providers.batching import KEY, lane_to, make_intent

pytestmark = SDK_WARNINGS
LARGE_BYTES = 60_000_000
MOST_BYTES = 10_000_000
PIECE_BYTES = 1 << 16


@dataclass
class Warehouse:
    """Takes anything in, and gives out as much; it keeps nothing of it."""

    url: str = ""
    taken: int = 0

    async def serve(self, reader, writer):
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                left = int(head.partition("\ncontent-length: ")[2].partition("\r")[0] or 0)
                while left:
                    piece = await reader.read(min(left, PIECE_BYTES))
                    left -= len(piece)
                    self.taken += len(piece)
                await self.answer(head.split(" ")[1], writer)
        writer.close()

    async def answer(self, path, writer):
        if path.split("?")[0].endswith(("/content", "/results", ":download")):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % LARGE_BYTES)
            for _ in range(0, LARGE_BYTES, 100_000):
                writer.write(b"\n" * 100_000)
                await writer.drain()
            return
        said = orjson.dumps({"id": "batch_1", "name": "batches/1", "data": []})
        fields = (
            f"content-length: {len(said)}\r\n"
            f"x-goog-upload-url: {self.url}/upload/v1/files/1\r\nx-goog-upload-status: final\r\n"
        )
        writer.write(f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode() + said)
        await writer.drain()


@pytest.fixture
async def warehouse():
    made = Warehouse()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()


@contextmanager
def in_pieces():
    """Hold what happens to pieces: none of it may take more memory than some of them."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


async def test_large_file_is_never_in_memory(contract, warehouse, tmp_path):
    async with lane_to(contract, warehouse) as lane:
        intent = make_intent(lane, contract, tmp_path, 1, size_bytes=LARGE_BYTES)
        with intent.file.open("r+b") as file:
            file.truncate(LARGE_BYTES)
        with in_pieces():
            await lane.submit(intent)
    assert LARGE_BYTES <= warehouse.taken < LARGE_BYTES + 10_000


async def test_large_results_are_never_in_memory(contract, warehouse, tmp_path):
    place = "/v1/messages/batches/1/results" if contract.name == "anthropic" else KEY
    standing = Standing("batch_1", End.COMPLETED, datetime.now(UTC), results=(place,))
    async with lane_to(contract, warehouse) as lane:
        with in_pieces():
            await lane.collect(standing, tmp_path / "results")
    assert (tmp_path / "results").stat().st_size == LARGE_BYTES
