"""Calls about batches, whoever's they are: a JSON object back, and what failures mean."""

import os
from asyncio import to_thread
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from providers import points
from providers.answers import parse
from providers.channel import Content
from providers.errors import (
    IT_SAYS,
    Gone,
    Misconfigured,
    RequestRejected,
    Retryable,
    UnknownOutcome,
)
from providers.http import Connection

__all__ = [
    "CREATE_SECONDS",
    "Storage",
    "Told",
    "blocks",
    "call",
    "creating",
    "fetch",
    "preparing",
    "upload_seconds",
]

BLOCK_BYTES = 1 << 18
CALL_SECONDS = 60.0
CREATE_SECONDS = 180.0
"""Longer: giving up too early leaves open whether there is a batch."""
SLOWEST_BYTES_PER_SECOND = 100_000


class Told(NamedTuple):
    """What a vendor answered."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]


async def call(
    connection: Connection,
    method: str,
    path: str,
    *,
    content: Content = b"",
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float = CALL_SECONDS,
) -> Told:
    """Make one call, once.

    Raises:
        Gone: what the path names is not there.
        UnknownOutcome: no answer came, or one that is no JSON object.
        ProviderError: as `Connection.send`.
    """
    _, head, raw = await connection.send(
        method, path, content=content, headers=headers, timeout_seconds=timeout_seconds
    )
    body = parse(raw)
    if body is None:
        raise UnknownOutcome(f"{connection.name}: {method} {path!r} was answered by no JSON object")
    return Told(body, head)


class Storage(NamedTuple):
    """Where a vendor keeps the files that batches are made of."""

    place: str
    """Where people can delete files."""
    full: frozenset[str] = frozenset()
    """Kinds of errors which may mean that there is no place for a file, though they mean another
    thing elsewhere."""


@contextmanager
def preparing(vendor: str, storage: Storage) -> Generator[None]:
    """Do what must come before a batch is created: however it fails, there is no batch.

    What an upload is refused for says nothing of the requests in the file: no unit is rejected.
    """
    try:
        yield
    except UnknownOutcome as error:
        raise Retryable(f"{vendor}: nothing was submitted yet: {error}") from error
    except RequestRejected as error:
        message = (
            f"{vendor}: it does not take the file of a batch: {_full(storage)}{IT_SAYS}{error}"
        )
        raise Misconfigured(message) from error
    except Misconfigured as error:
        if error.kind not in storage.full:
            raise
        raise Misconfigured(f"{error}; or {_full(storage)}", error.kind) from error
    except Retryable as error:
        if error.status != HTTPStatus.TOO_MANY_REQUESTS:
            raise
        message = f"{error}; when that lasts, {_full(storage)}"
        raise Retryable(message, error.retry_after, error.status, error.allowance) from error
    except Gone as error:
        raise _no_lane(vendor) from error


@contextmanager
def creating(vendor: str) -> Generator[None]:
    """Create a batch: an error of the server's own does not say that there is none."""
    try:
        yield
    except RequestRejected as error:
        if error.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise
        message = (
            f"{vendor}: the batch is too large for it: give it a smaller size_bytes in "
            "batch_limits of a file of your own, which OCTOBATCH_MODELS names"
            f"{IT_SAYS}{error}"
        )
        raise Misconfigured(message) from error
    except Retryable as error:
        if error.status is None or error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        raise UnknownOutcome(f"{vendor}: the batch may have been created: {error}") from error
    except Gone as error:
        raise _no_lane(vendor) from error


def _full(storage: Storage) -> str:
    return f"its storage may be full: delete files at {storage.place}"


def _no_lane(vendor: str) -> Misconfigured:
    return Misconfigured(
        f"{vendor}: no batches, or no such model, at this address: check model and base_url"
    )


async def blocks(file: BinaryIO, size_bytes: int) -> AsyncGenerator[bytes]:
    """Give so many bytes of a file, block by block."""
    while size_bytes and (block := file.read(min(BLOCK_BYTES, size_bytes))):
        size_bytes -= len(block)
        yield block


def upload_seconds(size_bytes: int) -> float:
    """Return how long sending so much may take, on a slow line."""
    return CREATE_SECONDS + size_bytes / SLOWEST_BYTES_PER_SECOND


async def fetch(connection: Connection, paths: Iterable[str], into: Path) -> None:
    """Write what is at the paths one behind the other to a file that is there only when whole.

    Raises:
        Gone: one of them is not there (any more).
        UnknownOutcome: the download broke off.
    """
    part = into.with_name(f"{into.name}.part")
    try:
        with await to_thread(part.open, "wb") as file:
            for path in paths:
                await _append(connection, path, file)
            file.flush()
            await to_thread(os.fsync, file.fileno())
        await to_thread(part.replace, into)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


async def _append(connection: Connection, path: str, file: BinaryIO) -> None:
    last = b"\n"
    async with connection.stream(path) as chunks:
        async for chunk in chunks:
            file.write(chunk)
            points.at("download.mid")
            last = chunk[-1:] or last
    if last != b"\n":
        # Or the first line of the next file would be a part of this one's last.
        file.write(b"\n")
