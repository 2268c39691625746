"""A vendor on loopback that answers what the test wrote down, byte for byte, and the emulator."""

import asyncio
import copy
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from providers.emulator import client
from tests.providers.contracts import CONTRACTS, OPENAI, Contract

RESET_AT_ONCE = struct.pack("ii", 1, 0)


@pytest.fixture
def completion() -> dict[str, Any]:
    """A reply of OpenAI, to be bent."""
    return copy.deepcopy(dict(OPENAI.reply))


@dataclass
class Vendor:
    """Serves its script in order, and the last of it for ever."""

    url: str = ""
    script: list[bytes] = field(default_factory=list)
    then: Literal["listens", "hangs up", "resets", "drips"] = "listens"
    """What it does after each answer; one that drips goes on with a byte at a time."""
    deaf: bool = False
    """Answers before it has read anything."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    serving: list[asyncio.Task[None] | None] = field(default_factory=list)
    """A task for each connection that was made."""
    heads: list[str] = field(default_factory=list)
    """Of the requests that came: lower-case request line and headers."""
    bodies: list[bytes] = field(default_factory=list)

    @property
    def connections(self) -> int:
        return len(self.serving)

    def says(self, status: int = 200, body: object = OPENAI.reply, **headers: str) -> "Vendor":
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"content-length": str(len(content))}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.script.append(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + content)
        return self

    def refuses(self, status: int, code: str | None = None, **headers: str) -> "Vendor":
        error = {"message": "words for people", "type": "some_error", "code": code}
        return self.says(status, {"error": error}, **headers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.current_task())
        with closing(writer), suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                if not self.deaf:
                    await self._read(reader)
                writer.write(self.script.pop(0) if len(self.script) > 1 else self.script[0])
                if not await self._goes_on(writer):
                    break

    async def _read(self, reader: asyncio.StreamReader) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        self.heads.append(head)
        # A GET has no body, and says nothing of it.
        length = int(head.partition("\ncontent-length: ")[2].partition("\r")[0] or 0)
        self.bodies.append(await reader.readexactly(length))
        self.asked.set()

    async def _goes_on(self, writer: asyncio.StreamWriter) -> bool:
        await writer.drain()
        if self.then == "resets":
            linger = (socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
            writer.get_extra_info("socket").setsockopt(*linger)
            writer.transport.abort()
        while self.then == "drips":
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)
        return self.then == "listens"


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    served = Vendor()
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield served
    server.close()
    for task in filter(None, served.serving):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(params=CONTRACTS, ids=lambda contract: contract.name)
def contract(request: pytest.FixtureRequest) -> Contract:
    """Each vendor in turn."""
    return request.param


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a runs folder with an emulator of its own."""
    root = tmp_path_factory.mktemp("emulated")
    client.start(root)
    yield root
    client.stop(root)


@pytest.fixture
def emulator(emulated: Path) -> str:
    """Return the URL of an emulator that has forgotten everything."""
    client.reset(emulated)
    return client.start(emulated)
