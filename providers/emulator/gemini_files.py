"""Gemini's files, seen from the server's side: a resumable upload, and downloads."""

import asyncio
import base64
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from providers.emulator import gemini
from providers.emulator.doors import Answered, Asking, Door, Download, Refused, Reply
from providers.emulator.downloads import spoilt_download
from providers.emulator.engine import Engine
from providers.emulator.reading import fields, setting
from providers.emulator.shelf import File
from providers.emulator.uploads import digest, stored
from providers.emulator.vendors import BadRequest, Trouble

__all__ = ["VERSIONS", "described", "doors", "file_key", "time"]

VERSIONS = ("v1", "v1beta")
KEPT_SECONDS = 48 * 3600.0
FILE_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
MOST_ID = 40
MOST_LISTED, USUALLY_LISTED = 100, 10
STATUS = "X-Goog-Upload-Status"
URL = "X-Goog-Upload-URL"


def doors(engine: Engine) -> Iterable[Door]:
    files = _Files(engine)
    for version in VERSIONS:
        base = f"/gemini/upload/{version}/files"
        # Without the word on its status a refused upload is sent again.
        over = {STATUS: "final"}
        yield Door("POST", base, files.start, refusal_headers=over)
        upload = base + "/{id}"
        yield Door("POST", upload, files.upload, is_keyed=False, refusal_headers=over)
        base = f"/gemini/{version}/files"
        yield Door("GET", base, files.list)
        yield Door("GET", base + "/{id}:download", files.download)
        yield Door("GET", f"/gemini/download/{version}/files/{{id}}:download", files.download)
        yield Door("GET", f"/gemini/download/{version}/files/{{id}}", files.download)
        yield Door("GET", base + "/{id}", files.get)
        yield Door("DELETE", base + "/{id}", files.delete)


def file_key(name: str) -> str:
    """Return where a file called `files/...` is kept."""
    return f"gemini-{name.removeprefix('files/')}"


def time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def described(file: File) -> dict[str, Any]:
    """Return a file as Gemini tells of it."""
    name = f"files/{file.id.removeprefix('gemini-')}"
    told = {
        "name": name,
        "mimeType": file.mime,
        "sizeBytes": str(file.size_bytes),
        "createTime": time(file.created_wall),
        "updateTime": time(file.created_wall),
        "sha256Hash": base64.b64encode(file.sha256.encode()).decode(),
        "uri": f"https://generativelanguage.googleapis.com/v1beta/{name}",
        "state": "ACTIVE",
        "source": "UPLOADED",
    }
    if file.expires is not None:
        told["expirationTime"] = time(file.wall(file.expires))
    if file.name:
        told["displayName"] = file.name
    return told


class _Files:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf
        self._clock = engine.batch_clock

    async def start(self, asking: Asking) -> Answered:
        headers = asking.request.headers
        protocol = headers.get("x-goog-upload-protocol")
        if (protocol, headers.get("x-goog-upload-command")) != ("resumable", "start"):
            raise BadRequest("The emulator takes resumable uploads, which begin with a start.")
        length = headers.get("x-goog-upload-header-content-length", "")
        if not length.isdecimal():
            raise BadRequest("X-Goog-Upload-Header-Content-Length: expected a number")
        body = await asking.request.body()
        asked: dict[str, Any] = setting(fields(body or b"{}"), "file", dict) or {}
        name = asked.get("name") or f"files/{secrets.token_hex(6)}"
        file_id = str(name).removeprefix("files/")
        _check_id(file_id)
        now = self._clock.now()
        known = self._shelf.file(file_key(file_id), now)
        if known is not None and known.whole:
            raise _exists(file_id)
        mime = headers.get("x-goog-upload-header-content-type", "application/octet-stream")
        self._shelf.keep(
            File(
                id=file_key(file_id),
                vendor="gemini",
                name=asked.get("displayName") or asked.get("display_name") or "",
                mime=asked.get("mimeType") or asked.get("mime_type") or mime,
                size_bytes=int(length),
                created_wall=self._clock.wall(),
                created=now,
                expires=now + KEPT_SECONDS,
                path=self._shelf.fresh(file_key(file_id)),
                whole=False,
                upload=asking.ident,
            )
        )
        self._shelf.fresh(file_key(file_id)).write_bytes(b"")
        url = f"{asking.origin}{asking.request.url.path}/{file_id}?upload_id={asking.ident}"
        return Reply({}, headers={URL: url, STATUS: "active"})

    async def upload(self, asking: Asking) -> Answered:
        file = self._shelf.file(file_key(asking.id), self._clock.now())
        if file is None or asking.request.query_params.get("upload_id") != file.upload:
            raise Refused(404, "The upload is unknown.")
        if file.whole:
            raise _exists(asking.id)
        headers = asking.request.headers
        commands = {word.strip() for word in headers.get("x-goog-upload-command", "").split(",")}
        there = file.path.stat().st_size
        if commands == {"query"}:
            told = {STATUS: "active", "X-Goog-Upload-Size-Received": str(there)}
            return Reply({}, headers=told)
        if not commands or not commands <= {"upload", "finalize"}:
            raise BadRequest(f"X-Goog-Upload-Command: {', '.join(sorted(commands))} is unknown")
        if "upload" in commands:
            if headers.get("x-goog-upload-offset") != str(there):
                raise BadRequest(f"X-Goog-Upload-Offset: expected {there}")
            there = await stored(asking.request.stream(), file.path, at=there)
        if "finalize" not in commands:
            return Reply({}, headers={STATUS: "active"})
        if there != file.size_bytes:
            raise BadRequest(f"{file.size_bytes} bytes were announced, {there} have come")
        sha256 = await asyncio.to_thread(digest, file.path)
        whole = file.model_copy(update={"whole": True, "sha256": sha256})
        self._shelf.keep(whole)
        return Reply({"file": described(whole)}, headers={STATUS: "final"})

    async def list(self, asking: Asking) -> Answered:
        limit = asking.number("pageSize", usual=USUALLY_LISTED, most=MOST_LISTED)
        token = asking.request.query_params.get("pageToken") or "0"
        if not token.isdecimal():
            raise BadRequest("pageToken: unknown")
        files = [
            file for file in self._shelf.files("gemini", self._clock.now()) if file.job is None
        ]
        start = int(token)
        page = {"files": [described(file) for file in files[::-1][start : start + limit]]}
        more = {"nextPageToken": str(start + limit)} if len(files) > start + limit else {}
        return Reply({**(page if page["files"] else {}), **more})

    async def get(self, asking: Asking) -> Answered:
        return Reply(described(self._found(asking)))

    async def delete(self, asking: Asking) -> Answered:
        self._shelf.drop(self._found(asking))
        return Reply({})

    async def download(self, asking: Asking) -> Answered:
        if asking.request.query_params.get("alt") != "media":
            raise BadRequest("alt: a file is downloaded with alt=media")
        file = self._shelf.file(file_key(asking.id), self._clock.now())
        if file is None:
            raise _unknown(asking.id)
        if file.job is None:
            # An uploaded file never comes down again.
            raise BadRequest(f"File {asking.id} is not downloadable.")
        cut = spoilt_download(
            self._engine, file.job, Refused(404, "Requested entity was not found.")
        )
        return Download(file.path, "application/jsonl", cut_bytes=cut)

    def _found(self, asking: Asking) -> File:
        # The ids of results are longer than these calls take.
        if len(asking.id) > MOST_ID:
            raise BadRequest(f"* GetFileRequest.name: {asking.id} is not a valid file id")
        file = self._shelf.file(file_key(asking.id), self._clock.now())
        if file is None or not file.whole:
            raise _unknown(asking.id)
        return file


def _check_id(file_id: str) -> None:
    if not FILE_ID.fullmatch(file_id):
        raise BadRequest(
            "* CreateFileRequest.file.name: lowercase letters, digits and dashes, 40 at most, not "
            "beginning or ending with a dash"
        )


def _exists(file_id: str) -> Refused:
    # Whether it is 409 or 400 is a guess.
    message = f"File {file_id} already exists."
    error = gemini.error(Trouble(409, message), ident="")["error"]
    return Refused(409, message, body={"error": {**error, "status": "ALREADY_EXISTS"}})


def _unknown(file_id: str) -> Refused:
    message = f"You do not have permission to access the File {file_id} or it may not exist."
    return Refused(403, message)
