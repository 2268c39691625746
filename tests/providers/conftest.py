"""A vendor on loopback that answers what the test wrote down, byte for byte."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1795359611,
    "model": "gpt-6-luna-2026-09-22",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "logprobs": None,
            "message": {"role": "assistant", "content": '{"label":"a"}', "refusal": None},
        }
    ],
    "usage": {
        "prompt_tokens": 31,
        "completion_tokens": 12,
        "total_tokens": 43,
        "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
}


@pytest.fixture
def completion() -> dict[str, Any]:
    return copy.deepcopy(COMPLETION)


@dataclass
class Vendor:
    """Serves its script in order, and the last of it for ever."""

    url: str = ""
    script: list[bytes] = field(default_factory=list)
    closes: bool = False
    """Hangs up after each answer."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    heads: list[str] = field(default_factory=list)
    """Of the requests that came: lower-case request line and headers."""
    bodies: list[bytes] = field(default_factory=list)

    def says(self, status: int = 200, body: object = COMPLETION, **headers: str) -> "Vendor":
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
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                self.heads.append(head)
                length = int(head.split("content-length: ")[1].split()[0])
                self.bodies.append(await reader.readexactly(length))
                self.asked.set()
                answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                writer.write(answer)
                if self.closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    served = Vendor()
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield served
    server.close()
