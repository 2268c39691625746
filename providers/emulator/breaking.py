"""Answers over HTTP that break off, or never come."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from asyncio import Transport

    from starlette.types import Receive, Scope, Send

__all__ = ["Broken", "head", "silent"]

LOOK_SECONDS = 0.001
HANG_UP_AT_ONCE = struct.pack("ii", 1, 0)


class Broken:
    """An ASGI response that breaks off: before a byte of it, or after all there is of a body."""

    def __init__(
        self, head: Mapping[str, Any] | None, body: AsyncIterator[bytes] | None = None
    ) -> None:
        self._head = head
        self._body = body

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        transport: Transport = scope["state"]["transport"]
        if self._head is None or self._body is None:
            # No linger: the caller sees a reset and not a polite end.
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, HANG_UP_AT_ONCE
            )
        else:
            await send(dict(self._head))
            async for block in self._body:
                await send({"type": "http.response.body", "body": block, "more_body": True})
            # What is still on its way would be lost with the connection.
            while transport.get_write_buffer_size() and not transport.is_closing():  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)
        transport.abort()
        await silent(scope, receive, send)


def head(response: Response) -> Mapping[str, Any]:
    """Return how a response begins."""
    return {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }


async def silent(_: "Scope", receive: "Receive", __: "Send") -> None:
    """Wait until the caller is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
