"""Anthropic's message batches: all requests in one body, one stream of results.

Nothing can be written on a batch but what its requests say: their ids are what it is known by, and
they are told only when it has ended.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, Collection, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from providers.anthropic import DIALECT
from providers.batch_calls import blocks, call, creating, fetch, upload_seconds
from providers.batch_fields import count, entries, moment, object_at, text_at
from providers.batch_lines import answered, fields, framed, text_of
from providers.batch_register import Page, Register
from providers.batches import End, Found, Intent, Line, LineEnd, Standing
from providers.errors import Gone, UnknownOutcome
from providers.http import Connection

__all__ = ["AnthropicBatches"]

BATCHES = "/v1/messages/batches"
LIST = f"{BATCHES}?limit=1000"
HEAD, TAIL = b'{"requests":[', b"]}"
LINES_READ = 20
"""Result lines that are looked at to see whose they are: the first may be anybody's mistake."""
UNKNOWN = 500
STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""With which status an error comes in realtime."""
UNSERVED = {
    "canceled": "the batch was cancelled before it",
    "expired": "the batch expired before it",
}


class AnthropicBatches:
    """The batch lane of Anthropic."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._register = Register(connection, LIST, _place, _page, standing)

    def request_line(self, custom_id: str, wire: bytes) -> bytes:
        return framed({"custom_id": custom_id}, "params", wire)

    def read_line(self, line: bytes) -> Line:
        said = fields(line)
        custom_id, result = text_of(said, "custom_id"), object_at(said, "result")
        kind = text_of(result, "type")
        name = self._connection.name
        if kind == "succeeded":
            return answered(name, DIALECT, custom_id, 200, result.get("message"))
        if kind == "errored":
            error = object_at(result, "error")
            status = STATUSES.get(str(object_at(error, "error").get("type")), UNKNOWN)
            return answered(name, DIALECT, custom_id, status, error)
        return Line(custom_id, LineEnd.UNSERVED, message=UNSERVED.get(kind, f"it is {kind!a}"))

    async def submit(self, intent: Intent) -> str:
        with await asyncio.to_thread(intent.file.open, "rb") as file, creating(self._name):
            size_bytes = _without_last_newline(file)
            told = await call(
                self._connection,
                "POST",
                BATCHES,
                content=_body(file, size_bytes),
                headers={"Content-Length": str(len(HEAD) + size_bytes + len(TAIL))},
                timeout_seconds=upload_seconds(size_bytes),
            )
        batch_id = text_at(told.body, "id")
        if batch_id is None:
            raise UnknownOutcome(f"{self._name}: the batch that was created has no id")
        return batch_id

    async def find(self, intent: Intent, *, known: Collection[str]) -> tuple[Found, ...]:
        def may_be_its(_: Mapping[str, Any], said: Standing) -> bool:
            return said.requests == intent.requests and said.id not in known

        found: list[Found] = []
        for candidate in await self._register.since(intent.at, may_be_its):
            speaks_for_it = await self._has_its_results(candidate, intent)
            if speaks_for_it is not False:
                found.append(Found(candidate.id, proven=speaks_for_it is True))
        return tuple(sorted(found, key=lambda one: not one.proven))

    async def check(self, batch_ids: Collection[str]) -> Mapping[str, Standing]:
        return await self._register.check(batch_ids)

    async def collect(self, standing: Standing, into: Path) -> None:
        await fetch(self._connection, standing.results, into)

    async def cancel(self, batch_id: str) -> None:
        await self._register.stop(batch_id, f"{_place(batch_id)}/cancel")

    @property
    def _name(self) -> str:
        return self._connection.name

    async def _has_its_results(self, candidate: Standing, intent: Intent) -> bool | None:
        """Say whether a batch's results are the intent's; None if that cannot be seen."""
        seen = None
        with suppress(Gone):
            for place in candidate.results:
                async with self._connection.stream(place) as chunks:
                    async for custom_id in _first_ids(chunks):
                        if custom_id.startswith(f"{intent.key[:8]}-"):
                            return True
                        seen = False
        return seen


def standing(batch: Mapping[str, Any]) -> Standing | None:
    """Read a batch; None if it is none."""
    batch_id, created_at = text_at(batch, "id"), moment(batch.get("created_at"))
    if batch_id is None or created_at is None:
        return None
    is_over = batch.get("processing_status") == "ended"
    told = object_at(batch, "request_counts").items()
    counts = {kind: number for kind, value in told if (number := count(value)) is not None}
    requests, succeeded = sum(counts.values()), counts.get("succeeded", 0)
    return Standing(
        id=batch_id,
        end=_end(counts) if is_over else None,
        created_at=created_at,
        expires_at=moment(batch.get("expires_at")),
        requests=requests or None,
        # Until the end all of them are said to be processing.
        answered=succeeded if is_over else None,
        failed=requests - succeeded if is_over else None,
        # Without it they are not there any more, and their own address says so.
        results=(text_at(batch, "results_url") or f"{_place(batch_id)}/results",)
        if is_over
        else (),
    )


def _end(counts: Mapping[str, int]) -> End:
    if counts.get("canceled"):
        return End.CANCELLED
    return End.EXPIRED if counts.get("expired") else End.COMPLETED


def _place(batch_id: str) -> str:
    return f"{BATCHES}/{quote(batch_id, safe='')}"


def _page(body: Mapping[str, Any]) -> Page:
    found = entries(body, "data")
    last = text_at(found[-1], "id") if found else None
    more = last is not None and body.get("has_more") is True
    return Page(found, f"{LIST}&after_id={quote(last or '', safe='')}" if more else None)


def _without_last_newline(file: BinaryIO) -> int:
    """Return how many bytes of a request file belong into a list."""
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(max(0, size_bytes - 1))
    size_bytes -= file.read(1) == b"\n"
    file.seek(0)
    return size_bytes


async def _body(file: BinaryIO, size_bytes: int) -> AsyncGenerator[bytes]:
    """Give request lines as a list: between two of them, a newline becomes a comma."""
    yield HEAD
    async for block in blocks(file, size_bytes):
        yield block.replace(b"\n", b",")
    yield TAIL


async def _first_ids(chunks: AsyncIterable[bytes]) -> AsyncGenerator[str]:
    """Give the ids of the first lines that have one."""
    left = LINES_READ
    async with aclosing(_lines(chunks)) as lines:
        async for line in lines:
            with suppress(ValueError):
                yield text_of(fields(line), "custom_id")
                left -= 1
            if not left:
                return


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    begun: list[bytes] = []
    async for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for end in ended:
            yield b"".join([*begun, end])
            begun.clear()
        begun.append(rest)
    yield b"".join(begun)
