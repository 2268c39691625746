"""HTTP around the engine: the vendors' addresses, and the emulator's own."""

import secrets
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, assert_never

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response as HTTPResponse
from starlette.routing import Route

from providers.emulator import anthropic, gemini, openai, responses
from providers.emulator.control import Control
from providers.emulator.engine import Call, Cut, Engine, Response, Silence
from providers.emulator.vendors import Sent, Vendor

if TYPE_CHECKING:
    from asyncio import Transport

    from starlette.types import Receive, Scope, Send

__all__ = ["build"]

ADDRESSES: Mapping[str, Vendor] = {
    "/openai/v1/chat/completions": openai,
    "/openai/v1/responses": responses,
    "/anthropic/v1/messages": anthropic,
    "/gemini/v1/models/{model}:generateContent": gemini,
    "/gemini/v1beta/models/{model}:generateContent": gemini,
}
HANG_UP_AT_ONCE = struct.pack("ii", 1, 0)


def build(engine: Engine, control: Control) -> Starlette:
    """Return the ASGI application."""
    return Starlette(
        routes=[
            *(_speaking(vendor, path, engine, control) for path, vendor in ADDRESSES.items()),
            *control.routes(),
        ]
    )


def _speaking(vendor: Vendor, path: str, engine: Engine, control: Control) -> Route:
    async def serve(request: Request) -> Callable[..., Awaitable[None]]:
        with control.at_work():
            model = request.path_params.get("model")
            sent = Sent(await request.body(), request.headers, model)
            endpoint = f"POST {request.scope['path']}"
            call = Call(vendor, endpoint, sent, ident=secrets.token_hex(12))
            match delivery := await engine.serve(call):
                case Response():
                    return _http(delivery)
                case Cut():
                    return _Broken(delivery)
                case Silence():
                    return _silent
                case _:
                    assert_never(delivery)

    return Route(path, serve, methods=["POST"])


def _http(response: Response) -> HTTPResponse:
    return HTTPResponse(
        response.body, response.status, {"content-type": "application/json", **response.headers}
    )


class _Broken:
    """An ASGI response that breaks off."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        transport: Transport = scope["state"]["transport"]
        if self._cut.response is None:
            # No linger: the caller sees a reset and not a polite end.
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, HANG_UP_AT_ONCE
            )
        else:
            whole = _http(self._cut.response)
            await send(
                {
                    "type": "http.response.start",
                    "status": whole.status_code,
                    "headers": whole.raw_headers,
                }
            )
            await send(
                {
                    "type": "http.response.body",
                    "body": whole.body[: self._cut.body_bytes],
                    "more_body": True,
                }
            )
        transport.abort()
        await _silent(scope, receive, send)


async def _silent(_: "Scope", receive: "Receive", __: "Send") -> None:
    """Wait until the caller is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
