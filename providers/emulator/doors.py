"""Calls that ask nothing of the model: their keys, their faults, and how they are answered."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response as HTTPResponse
from starlette.responses import StreamingResponse
from starlette.routing import Route

from providers.emulator.breaking import Broken, head, silent
from providers.emulator.engine import STRANGER, Engine, is_ours
from providers.emulator.jsons import dumps
from providers.emulator.script import Do, Rule
from providers.emulator.vendors import BadRequest, Trouble, Vendor

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["Asking", "Door", "Download", "HangUp", "Refused", "Reply", "route"]

BLOCK_BYTES = 1 << 18
OK = 200
OF_NETWORK = frozenset(Do) - {do for do in Do if do.by_model}
Served = Callable[..., Awaitable[None]]


class Refused(Exception):
    """A call that the vendor turns away; `body` in place of the usual one of its status."""

    def __init__(self, status: int, message: str, **trouble: Any) -> None:
        super().__init__(message)
        self.body: Mapping[str, Any] | None = trouble.pop("body", None)
        self.trouble = Trouble(status, message, **trouble)


@dataclass(frozen=True, slots=True)
class Reply:
    """A short answer."""

    value: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is streamed."""

    path: Path
    mime: str = "application/octet-stream"
    cut_bytes: int | None = None
    """After how many bytes the connection breaks."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class HangUp:
    """Everything is done, and nobody is told."""


Answered = Reply | Download | HangUp


@dataclass(frozen=True, slots=True)
class Asking:
    """A call that has shown its key."""

    request: Request
    key: str
    ident: str

    @property
    def id(self) -> str:
        return self.request.path_params["id"]

    @property
    def origin(self) -> str:
        return str(self.request.base_url).rstrip("/")

    def number(self, name: str, *, usual: int, most: int) -> int:
        """Return a number from the query."""
        text = self.request.query_params.get(name)
        if text is None:
            return usual
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise BadRequest(f"{name}: expected a number from 1 to {most}", param=name)
        return int(text)


Handler = Callable[[Asking], Awaitable[Answered]]


@dataclass(frozen=True, slots=True)
class Door:
    """An address that answers without asking the model."""

    method: str
    path: str
    handler: Handler
    is_keyed: bool = True
    """Where it is not, the address itself is the secret."""
    refusal_headers: Mapping[str, str] = field(default_factory=dict[str, str])


def route(
    door: Door,
    vendor: Vendor,
    engine: Engine,
    at_work: "Callable[[], AbstractContextManager[None]]",
) -> Route:
    """Return the route of a door. The script's faults of the network befall its calls too."""

    async def serve(request: Request) -> Served:
        with at_work():
            fault = _fault(engine, f"{request.method} {request.scope['path']}")
            is_deaf = fault is not None and fault.do is Do.RESET_BEFORE
            try:
                answered = HangUp() if is_deaf else await _answered(door, vendor, request, fault)
            except ClientDisconnect:
                return silent
            # Whoever gives up waiting has not undone anything.
            wait = engine.memory.latency_seconds + (fault.seconds if fault else 0)
            if wait:
                await asyncio.sleep(wait)
            return _delivered(answered, fault)

    return Route(door.path, serve, methods=[door.method])


def _fault(engine: Engine, endpoint: str) -> Rule | None:
    def concerns(rule: Rule) -> bool:
        # What is looked for in a body is not looked for in a file of 200 MB.
        return rule.do in OF_NETWORK and not rule.contains

    call = sha256(endpoint.encode()).digest()
    return engine.memory.script.fault(endpoint, b"", call, engine.memory.matched, concerns=concerns)


async def _answered(door: Door, vendor: Vendor, request: Request, fault: Rule | None) -> Answered:
    ident = secrets.token_hex(12)
    key = vendor.key(request.headers)
    if fault is not None and fault.do is Do.STATUS:
        answered = await _scripted(vendor, request, fault, ident)
    elif door.is_keyed and not is_ours(key):
        trouble = replace(vendor.BAD_KEY, message=STRANGER)
        answered = await _refused(vendor, request, trouble, ident)
    else:
        answered = await _handled(vendor, door, Asking(request, key or "", ident))
    if isinstance(answered, HangUp):
        return answered
    is_refusal = isinstance(answered, Reply) and answered.status != OK
    more = door.refusal_headers if is_refusal else {}
    return replace(answered, headers={**vendor.headers(ident), **more, **answered.headers})


async def _handled(vendor: Vendor, door: Door, asking: Asking) -> Answered:
    try:
        return await door.handler(asking)
    except BadRequest as error:
        return await _refused(vendor, asking.request, error.trouble, asking.ident)
    except Refused as error:
        return await _refused(vendor, asking.request, error.trouble, asking.ident, body=error.body)


async def _refused(
    vendor: Vendor,
    request: Request,
    trouble: Trouble,
    ident: str,
    *,
    body: Mapping[str, Any] | None = None,
) -> Reply:
    await _heard_out(request)
    headers = {} if trouble.retry_after is None else vendor.patience(trouble.retry_after)
    return Reply(body or vendor.error(trouble, ident=ident), trouble.status, headers)


async def _scripted(vendor: Vendor, request: Request, fault: Rule, ident: str) -> Reply:
    said = "The emulator's script says so."
    status, retry_after = fault.status or 500, fault.retry_after
    trouble = Trouble(status, said, code=fault.code, retry_after=retry_after)
    body = fault.body if isinstance(fault.body, dict) else None
    refused = await _refused(vendor, request, trouble, ident, body=body)
    return replace(refused, headers={**refused.headers, **fault.headers})


async def _heard_out(request: Request) -> None:
    """Read what is left of a body: a caller that still sends does not hear."""
    try:
        async for _ in request.stream():
            pass
    except RuntimeError:
        return  # it was read


def _delivered(answered: Answered, fault: Rule | None) -> Served:
    do = fault.do if fault else None
    if isinstance(answered, HangUp) or do is Do.RESET_AFTER:
        return Broken(None)
    if do is Do.STALL:
        return silent
    cut = fault.body_bytes if fault is not None and do is Do.CUT else None
    if isinstance(answered, Download):
        if cut is None:
            cut = answered.cut_bytes
        if do is Do.MALFORMED:
            cut = answered.path.stat().st_size // 2
        response = _streamed(answered, cut if do is Do.MALFORMED else None)
        return (
            response
            if cut is None or do is Do.MALFORMED
            else Broken(head(response), _blocks(answered.path, cut))
        )
    body = dumps(answered.value)
    if do is Do.MALFORMED:
        body = body[: len(body) // 2]
    headers = {"content-type": "application/json", **answered.headers}
    response = HTTPResponse(body, answered.status, headers)
    return response if cut is None else Broken(head(response), _once(body[:cut]))


def _streamed(download: Download, most: int | None) -> StreamingResponse:
    headers = dict(download.headers)
    return StreamingResponse(_blocks(download.path, most), 200, headers, download.mime)


async def _blocks(path: Path, most: int | None) -> AsyncIterator[bytes]:
    # From the system's memory, mostly: a thread would cost more than the reading.
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size if most is None else most
        while left and (block := file.read(min(BLOCK_BYTES, left))):
            left -= len(block)
            yield block


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
