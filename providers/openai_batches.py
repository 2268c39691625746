"""OpenAI's batches: a file that is uploaded, a batch made of it, two files of results."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import orjson

from providers import points
from providers.batch_calls import (
    CREATE_SECONDS,
    Storage,
    blocks,
    call,
    creating,
    fetch,
    preparing,
    upload_seconds,
)
from providers.batch_fields import count, entries, moment, object_at, text_at
from providers.batch_lines import answered, fields, framed, text_of, told
from providers.batch_register import Page, Register, earliest, pages
from providers.batches import End, Found, Intent, Line, LineEnd, Refusal, Standing
from providers.errors import Gone, Retryable, UnknownOutcome
from providers.http import Connection
from providers.openai import DIALECT

__all__ = ["OpenAIBatches"]

ENDPOINT = "/v1/chat/completions"
"""In the words of batches, whatever the base URL ends in."""
LIST = "/batches?limit=100"
FILES = "/files?purpose=batch&order=desc&limit=1000"
KEPT_SECONDS = 30 * 24 * 3600
"""As long as files can be kept: an orphan goes away by itself."""
STORAGE = Storage("https://platform.openai.com/storage/files")
MOST_TOLD = 3
FILE_IDS = ("output_file_id", "error_file_id")
QUEUE_FULL = "token_limit_exceeded"
"""It is accepted, and fails a little later."""
ENDS = {
    "completed": End.COMPLETED,
    "failed": End.FAILED,
    "expired": End.EXPIRED,
    "cancelled": End.CANCELLED,
}


class OpenAIBatches:
    """The batch lane of OpenAI. A batch carries the intent's key in its metadata."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._register = Register(connection, LIST, _place, _page("/batches?limit=100"), standing)

    def request_line(self, custom_id: str, wire: bytes) -> bytes:
        return framed({"custom_id": custom_id, "method": "POST", "url": ENDPOINT}, "body", wire)

    def read_line(self, line: bytes) -> Line:
        said = fields(line)
        custom_id = text_of(said, "custom_id")
        response = object_at(said, "response")
        if response:
            status = count(response.get("status_code")) or 0
            name = self._connection.name
            return answered(name, DIALECT, custom_id, status, response.get("body"))
        error = object_at(said, "error")
        if not error:
            raise ValueError("the line has neither a response nor an error")
        message = text_at(error, "message") or text_at(error, "code") or "it was not served"
        return Line(custom_id, LineEnd.UNSERVED, message=told(message))

    async def submit(self, intent: Intent) -> str:
        name = self._connection.name
        with preparing(name, STORAGE):
            file_id = None if intent.first else await self._uploaded(intent)
            file_id = file_id or await self._upload(intent)
            points.at("upload.after")
        asked = {
            "input_file_id": file_id,
            "endpoint": ENDPOINT,
            "completion_window": "24h",
            "metadata": {"submission": intent.key, "app": "octobatch"},
        }
        content = orjson.dumps(asked)
        with creating(name):
            try:
                batch, _ = await call(
                    self._connection,
                    "POST",
                    "/batches",
                    content=content,
                    timeout_seconds=CREATE_SECONDS,
                )
            except Gone as error:
                # The address was good a moment ago: it is the file that is not there yet.
                raise Retryable(f"{name}: it does not know file {file_id!r} yet") from error
        return _id(name, batch)

    async def find(self, intent: Intent, *, known: Collection[str]) -> tuple[Found, ...]:
        def is_its(batch: Mapping[str, Any], said: Standing) -> bool:
            labelled = object_at(batch, "metadata").get("submission") == intent.key
            return labelled and said.id not in known

        found = await self._register.since(intent.at, is_its)
        return tuple(Found(one.id, proven=True) for one in found)

    async def check(self, batch_ids: Collection[str]) -> Mapping[str, Standing]:
        return await self._register.check(batch_ids)

    async def collect(self, standing: Standing, into: Path) -> None:
        paths = [f"/files/{quote(file_id, safe='')}/content" for file_id in standing.results]
        await fetch(self._connection, paths, into)

    async def cancel(self, batch_id: str) -> None:
        await self._register.stop(batch_id, f"{_place(batch_id)}/cancel")

    async def _uploaded(self, intent: Intent) -> str | None:
        """Return the file that an earlier attempt has left, if there is one."""
        async with aclosing(pages(self._connection, FILES, _page(FILES))) as listed:
            async for page in listed:
                start = earliest(intent.at, theirs=page.at, now=datetime.now(UTC))
                for file in page.entries:
                    if _is_its_file(file, intent):
                        return text_at(file, "id")
                ages = [moment(file.get("created_at")) for file in page.entries]
                if not any(age and age >= start for age in ages):
                    break
        return None

    async def _upload(self, intent: Intent) -> str:
        boundary = f"octobatch-{intent.key[:32]}"
        head, tail = _form(intent, boundary)
        with await asyncio.to_thread(intent.file.open, "rb") as file:
            uploaded, _ = await call(
                self._connection,
                "POST",
                "/files",
                content=_multipart(head, file, intent.size_bytes, tail),
                headers={
                    "Content-Type": f"multipart/form-data; boundary={boundary}",
                    "Content-Length": str(len(head) + intent.size_bytes + len(tail)),
                },
                timeout_seconds=upload_seconds(intent.size_bytes),
            )
        return _id(self._connection.name, uploaded)


def standing(batch: Mapping[str, Any]) -> Standing | None:
    """Read a batch; None if it is none."""
    batch_id, created_at = text_at(batch, "id"), moment(batch.get("created_at"))
    if batch_id is None or created_at is None:
        return None
    end = ENDS.get(str(batch.get("status")))
    counts = object_at(batch, "request_counts")
    # Before it is validated, all of them are 0.
    requests = count(counts.get("total")) or None
    files = [*filter(None, (text_at(batch, name) for name in FILE_IDS))]
    errors = entries(object_at(batch, "errors"), "data")
    return Standing(
        id=batch_id,
        end=end,
        created_at=created_at,
        expires_at=moment(batch.get("expires_at")),
        requests=requests,
        answered=count(counts.get("completed")) if requests else None,
        failed=count(counts.get("failed")) if requests else None,
        message=_message(errors),
        refusal=_refusal(errors) if end is End.FAILED and not files else None,
        results=tuple(files) if end else (),
    )


def _refusal(errors: list[Mapping[str, Any]]) -> Refusal | None:
    codes = {text_at(error, "code") for error in errors}
    if DIALECT.unpaid & codes:
        return Refusal.UNPAID
    return Refusal.QUEUE_FULL if QUEUE_FULL in codes else None


def _message(errors: list[Mapping[str, Any]]) -> str | None:
    first = "; ".join(map(_error, errors[:MOST_TOLD]))
    more = len(errors) - MOST_TOLD
    return (f"{first}; and {more} more" if more > 0 else first) or None


def _error(error: Mapping[str, Any]) -> str:
    said = ": ".join(filter(None, [text_at(error, "code"), text_at(error, "message")]))
    line = count(error.get("line"))
    return said if line is None else f"{said} (line {line})"


def _place(batch_id: str) -> str:
    return f"/batches/{quote(batch_id, safe='')}"


def _page(path: str) -> Any:
    def read(body: Mapping[str, Any]) -> Page:
        found = entries(body, "data")
        last = text_at(found[-1], "id") if found else None
        more = last is not None and body.get("has_more") is True
        return Page(found, f"{path}&after={quote(last or '', safe='')}" if more else None)

    return read


def _is_its_file(file: Mapping[str, Any], intent: Intent) -> bool:
    its = {"filename": _file_name(intent), "bytes": intent.size_bytes}
    return file.get("status") != "error" and its.items() <= file.items()


def _file_name(intent: Intent) -> str:
    return f"{intent.key}.jsonl"


def _form(intent: Intent, boundary: str) -> tuple[bytes, bytes]:
    """Return what comes before a file in a form, and what comes behind it."""
    values = {
        "purpose": "batch",
        "expires_after[anchor]": "created_at",
        "expires_after[seconds]": str(KEPT_SECONDS),
    }
    field = 'Content-Disposition: form-data; name="{}"'.format
    parts = [f"--{boundary}\r\n{field(name)}\r\n\r\n{value}\r\n" for name, value in values.items()]
    file = f'{field("file")}; filename="{_file_name(intent)}"\r\nContent-Type: application/jsonl'
    head = f"{''.join(parts)}--{boundary}\r\n{file}\r\n\r\n"
    return head.encode(), f"\r\n--{boundary}--\r\n".encode()


async def _multipart(
    head: bytes, file: BinaryIO, size_bytes: int, tail: bytes
) -> AsyncGenerator[bytes]:
    yield head
    async for block in blocks(file, size_bytes):
        yield block
    yield tail


def _id(vendor: str, created: Mapping[str, Any]) -> str:
    ident = text_at(created, "id")
    if ident is None:
        raise UnknownOutcome(f"{vendor}: what was created has no id")
    return ident
