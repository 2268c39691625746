"""HTTP around the engine: the vendors' addresses, and the emulator's own."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import assert_never

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response as HTTPResponse
from starlette.routing import Route

from providers.emulator import (
    anthropic,
    anthropic_batches,
    gemini,
    gemini_batches,
    gemini_files,
    openai,
    openai_batches,
    openai_files,
    responses,
)
from providers.emulator.breaking import Broken, head, silent
from providers.emulator.control import Control
from providers.emulator.doors import Door, route
from providers.emulator.engine import Call, Cut, Engine, Response, Silence
from providers.emulator.vendors import Sent, Vendor

__all__ = ["build"]

ADDRESSES: Mapping[str, Vendor] = {
    "/openai/v1/chat/completions": openai,
    "/openai/v1/responses": responses,
    "/anthropic/v1/messages": anthropic,
    "/gemini/v1/models/{model}:generateContent": gemini,
    "/gemini/v1beta/models/{model}:generateContent": gemini,
}


DOORS: Sequence[tuple[Vendor, Callable[[Engine], Iterable[Door]]]] = (
    (openai, openai_files.doors),
    (openai, openai_batches.doors),
    (anthropic, anthropic_batches.doors),
    (gemini, gemini_files.doors),
    (gemini, gemini_batches.doors),
)


def build(engine: Engine, control: Control) -> Starlette:
    """Return the ASGI application."""
    return Starlette(
        routes=[
            *(
                route(door, vendor, engine, control.at_work)
                for vendor, doors in DOORS
                for door in doors(engine)
            ),
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
                    return _broken(delivery)
                case Silence():
                    return silent
                case _:
                    assert_never(delivery)

    return Route(path, serve, methods=["POST"])


def _broken(cut: Cut) -> Broken:
    if cut.response is None:
        return Broken(None)
    whole = _http(cut.response)
    return Broken(head(whole), _once(bytes(whole.body)[: cut.body_bytes]))


def _http(response: Response) -> HTTPResponse:
    return HTTPResponse(
        response.body, response.status, {"content-type": "application/json", **response.headers}
    )


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
