"""Gemini's batch jobs: a file under a name of our own, a job made of it, a file of results.

Jobs are read as they come: the SDK drops their errors and counts, and fails on some of them.
"""

import asyncio
from collections.abc import Collection, Mapping
from http import HTTPStatus
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
from providers.batch_lines import answered, fields, framed, text_of
from providers.batch_register import Page, Register
from providers.batches import End, Found, Intent, Line, Refusal, Standing
from providers.errors import Gone, Misconfigured, RequestRejected, Retryable, UnknownOutcome
from providers.gemini import DIALECT, VERSION
from providers.http import Connection

__all__ = ["GeminiBatches"]

LIST = f"/{VERSION}/batches?pageSize=100"
START = f"/upload/{VERSION}/files"
CHUNK_BYTES = 8 << 20
MIME = "application/jsonl"
STORAGE = Storage(
    "https://ai.google.dev/api/files (files.list, files.delete), or wait: after 48 hours each "
    "goes by itself",
    # With this kind it refuses accounts that cannot pay, and files for which there is no place.
    full=frozenset({"FAILED_PRECONDITION"}),
)
URL, STATUS = "X-Goog-Upload-URL", "X-Goog-Upload-Status"
ENDS = {
    "SUCCEEDED": End.COMPLETED,
    "PARTIALLY_SUCCEEDED": End.FAILED,
    "FAILED": End.FAILED,
    "EXPIRED": End.EXPIRED,
    "CANCELLED": End.CANCELLED,
}
STATUSES = {
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}
"""With which status Google's error codes come in realtime."""
UNKNOWN = 500


class GeminiBatches:
    """The batch lane of Gemini. A job carries the intent's key as its name, the file a part."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # No document says in which order it lists them.
        self._register = Register(connection, LIST, _place, _page, standing, newest_first=False)

    def request_line(self, custom_id: str, wire: bytes) -> bytes:
        return framed({"key": custom_id}, "request", wire)

    def read_line(self, line: bytes) -> Line:
        said = fields(line)
        custom_id, name = text_of(said, "key"), self._connection.name
        if said.get("response") is not None:
            return answered(name, DIALECT, custom_id, 200, said["response"])
        error = object_at(said, "error")
        if not error:
            raise ValueError("the line has neither a response nor an error")
        return answered(name, DIALECT, custom_id, _status(error), {"error": error})

    async def submit(self, intent: Intent) -> str:
        with preparing(self._name, STORAGE):
            await self._upload(intent)
            points.at("upload.after")
        asked = {"displayName": intent.key, "inputConfig": {"fileName": _file_name(intent)}}
        with creating(self._name):
            told = await call(
                self._connection,
                "POST",
                f"/{VERSION}/models/{quote(intent.model, safe='')}:batchGenerateContent",
                content=orjson.dumps({"batch": asked}),
                timeout_seconds=CREATE_SECONDS,
            )
        batch_id = text_at(told.body, "name")
        if batch_id is None:
            raise UnknownOutcome(f"{self._name}: the job that was created has no name")
        return batch_id

    async def find(self, intent: Intent, *, known: Collection[str]) -> tuple[Found, ...]:
        def is_its(job: Mapping[str, Any], said: Standing) -> bool:
            metadata = object_at(job, "metadata")
            source = object_at(metadata, "inputConfig").get("fileName")
            labelled = metadata.get("displayName") == intent.key or source == _file_name(intent)
            return labelled and said.id not in known

        found = await self._register.since(intent.at, is_its)
        return tuple(Found(one.id, proven=True) for one in found)

    async def check(self, batch_ids: Collection[str]) -> Mapping[str, Standing]:
        return await self._register.check(batch_ids)

    async def collect(self, standing: Standing, into: Path) -> None:
        # These ids are longer than those that any other call about files takes.
        paths = [f"/{VERSION}/{quote(name)}:download?alt=media" for name in standing.results]
        try:
            await fetch(self._connection, paths, into)
        except Misconfigured as error:
            # A file that is gone is refused like one that is not ours; the job says which it is.
            await self._register.look(standing.id)
            raise Gone(f"{self._name}: the results of {standing.id!r} are not there") from error

    async def cancel(self, batch_id: str) -> None:
        await self._register.stop(batch_id, f"{_place(batch_id)}:cancel")

    @property
    def _name(self) -> str:
        return self._connection.name

    async def _upload(self, intent: Intent) -> None:
        """Upload the file, unless it is there."""
        told = {
            "name": _file_name(intent),
            "displayName": intent.key,
            "mimeType": MIME,
            "sizeBytes": intent.size_bytes,
        }
        head = {
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(intent.size_bytes),
            "X-Goog-Upload-Header-Content-Type": MIME,
        }
        try:
            content = orjson.dumps({"file": told})
            # Nothing but headers need come back.
            started = await self._connection.send("POST", START, content=content, headers=head)
            url = started.headers.get(URL)
            if not url:
                raise UnknownOutcome(f"{self._name}: it does not say where to upload to")
            with await asyncio.to_thread(intent.file.open, "rb") as file:
                await self._send_chunks(url, file, intent.size_bytes)
        except (RequestRejected, Retryable) as error:
            refused = isinstance(error, RequestRejected) or error.status == HTTPStatus.CONFLICT
            if not refused or not await self._is_there(intent):
                raise

    async def _send_chunks(self, url: str, file: BinaryIO, size_bytes: int) -> None:
        status = None
        for start in range(0, size_bytes, CHUNK_BYTES):
            length = min(CHUNK_BYTES, size_bytes - start)
            is_last = start + length == size_bytes
            head = {
                "Content-Length": str(length),
                "X-Goog-Upload-Command": "upload, finalize" if is_last else "upload",
                "X-Goog-Upload-Offset": str(start),
            }
            try:
                received = await self._connection.send(
                    "POST",
                    url,
                    content=blocks(file, length),
                    headers=head,
                    timeout_seconds=upload_seconds(length),
                )
            except RequestRejected as error:
                # It was accepted when it began: what is refused is where this attempt stands.
                message = f"{self._name}: the upload went astray: {error}"
                raise Retryable(message, status=HTTPStatus.CONFLICT) from error
            status = received.headers.get(STATUS)
        if status != "final":
            raise UnknownOutcome(f"{self._name}: the upload did not come to its end")

    async def _is_there(self, intent: Intent) -> bool:
        """Say whether the whole file was uploaded before."""
        try:
            file, _ = await call(self._connection, "GET", f"/{VERSION}/{_file_name(intent)}")
        except (Gone, Misconfigured):
            return False
        return count(file.get("sizeBytes")) == intent.size_bytes and file.get("state") != "FAILED"


def standing(job: Mapping[str, Any]) -> Standing | None:
    """Read a job; None if it is none."""
    metadata = object_at(job, "metadata")
    batch_id, created_at = text_at(job, "name"), moment(metadata.get("createTime"))
    if batch_id is None or created_at is None:
        return None
    results = _results(job)
    end = _end(job, metadata, results)
    stats = object_at(metadata, "batchStats")
    error = object_at(job, "error") or object_at(metadata, "error")
    answered_some = bool(results or count(stats.get("successfulRequestCount")))
    queue_full = _status(error) == HTTPStatus.TOO_MANY_REQUESTS and not answered_some
    return Standing(
        id=batch_id,
        end=end,
        created_at=created_at,
        requests=count(stats.get("requestCount")),
        # What is nothing is not there.
        answered=count(stats.get("successfulRequestCount", 0)) if stats else None,
        failed=count(stats.get("failedRequestCount", 0)) if stats else None,
        message=_message(error),
        # Its queue is the only limit on which a job founders as a whole.
        refusal=Refusal.QUEUE_FULL if end is End.FAILED and queue_full else None,
        results=results if end else (),
    )


def _results(job: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the file of results: in the job's metadata, and once more when it is done."""
    told = [object_at(object_at(job, "metadata"), "output"), object_at(job, "response")]
    files = [text_at(one, "responsesFile") for one in told]
    return tuple(filter(None, files))[:1]


def _end(
    job: Mapping[str, Any], metadata: Mapping[str, Any], results: tuple[str, ...]
) -> End | None:
    # The names begin with BATCH_STATE_, and in other versions of the API with JOB_STATE_.
    state = str(metadata.get("state")).rpartition("STATE_")[2]
    end = ENDS.get(state)
    if end is None and job.get("done") is True and object_at(job, "error"):
        return End.FAILED
    # It was paid: whoever takes it to be at its end before its results are told pays twice.
    return None if end is End.COMPLETED and not results else end


def _message(error: Mapping[str, Any]) -> str | None:
    code, message = count(error.get("code")), text_at(error, "message")
    return message if code is None else f"{message or 'failed'} (code {code})"


def _status(error: Mapping[str, Any]) -> int:
    code = count(error.get("code")) or UNKNOWN
    return STATUSES.get(code, code)


def _place(batch_id: str) -> str:
    return f"/{VERSION}/{quote(batch_id)}"


def _page(body: Mapping[str, Any]) -> Page:
    token = text_at(body, "nextPageToken")
    rest = f"{LIST}&pageToken={quote(token, safe='')}" if token else None
    return Page(entries(body, "operations"), rest)


def _file_name(intent: Intent) -> str:
    """Return a name of our own: what is there under it already need not be uploaded again."""
    return f"files/{intent.key[:32].lower()}"
