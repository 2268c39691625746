"""OpenAI's files, seen from the server's side."""

import secrets
from collections.abc import Iterable
from typing import Any

from providers.emulator.doors import Answered, Asking, Door, Download, Refused, Reply
from providers.emulator.downloads import spoilt_download
from providers.emulator.engine import Engine
from providers.emulator.shelf import File
from providers.emulator.uploads import Form, received
from providers.emulator.vendors import BadRequest

__all__ = ["KEPT_SECONDS", "described", "doors", "listed", "missing"]

FILES = "/openai/v1/files"
KEPT_SECONDS = 30 * 24 * 3600.0
"""How long what is uploaded for a batch is there, and what comes of it."""
LEAST_SECONDS, MOST_SECONDS = 3_600, 2_592_000
MOST_LISTED = 10_000
OUR_PURPOSE = "batch"


def doors(engine: Engine) -> Iterable[Door]:
    files = _Files(engine)
    yield Door("POST", FILES, files.upload)
    yield Door("GET", FILES, files.list)
    yield Door("GET", FILES + "/{id}/content", files.content)
    yield Door("GET", FILES + "/{id}", files.get)
    yield Door("DELETE", FILES + "/{id}", files.delete)


def missing(what: str, ident: str) -> Refused:
    """Return OpenAI's refusal of an id that it does not know."""
    message = f"No such {what} object: {ident}"
    error = {"message": message, "type": "invalid_request_error", "param": "id", "code": None}
    return Refused(404, message, body={"error": error})


def described(file: File) -> dict[str, Any]:
    """Return a file as OpenAI tells of it."""
    expires = None if file.expires is None else int(file.wall(file.expires))
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size_bytes,
        "created_at": int(file.created_wall),
        "expires_at": expires,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


class _Files:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf
        self._clock = engine.batch_clock

    async def upload(self, asking: Asking) -> Answered:
        file_id = f"file-{secrets.token_hex(12)}"
        path = self._shelf.fresh(file_id)
        request = asking.request
        try:
            content_type = request.headers.get("content-type", "")
            form = await received(content_type, request.stream(), path)
            file = self._file(file_id, form)
        except BaseException:
            # A caller that hangs up half-way has uploaded nothing.
            path.unlink(missing_ok=True)
            raise
        self._shelf.keep(file)
        return Reply(described(file))

    def _file(self, file_id: str, form: Form) -> File:
        if form.filename is None:
            raise BadRequest("'file' is a required property", param="file")
        purpose = form.fields.get("purpose")
        if purpose != OUR_PURPOSE:
            raise BadRequest(f"{purpose!r} is not one of ['batch']", param="purpose")
        now = self._clock.now()
        return File(
            id=file_id,
            vendor="openai",
            name=form.filename,
            size_bytes=form.size_bytes,
            created_wall=self._clock.wall(),
            created=now,
            expires=now + _kept_seconds(form),
            path=self._shelf.fresh(file_id),
        )

    async def list(self, asking: Asking) -> Answered:
        query = asking.request.query_params
        limit = asking.number("limit", usual=MOST_LISTED, most=MOST_LISTED)
        files = self._shelf.files("openai", self._clock.now())
        if query.get("order", "desc") != "asc":
            files.reverse()
        files = [one for one in files if query.get("purpose", one.purpose) == one.purpose]
        after = query.get("after")
        ids = [file.id for file in files]
        if after is not None and after not in ids:
            raise missing("File", after)
        rest = files[ids.index(after) + 1 :] if after is not None else files
        page = [described(file) for file in rest[:limit]]
        return Reply(listed(page, has_more=len(rest) > limit))

    async def get(self, asking: Asking) -> Answered:
        return Reply(described(self._found(asking.id)))

    async def content(self, asking: Asking) -> Answered:
        file = self._found(asking.id)
        cut = None
        if file.job is not None:
            cut = spoilt_download(self._engine, file.job, missing("File", file.id))
        return Download(file.path, cut_bytes=cut)

    async def delete(self, asking: Asking) -> Answered:
        file = self._found(asking.id)
        self._shelf.drop(file)
        return Reply({"id": file.id, "object": "file", "deleted": True})

    def _found(self, file_id: str) -> File:
        file = self._shelf.file(file_id, self._clock.now())
        if file is None or file.vendor != "openai":
            raise missing("File", file_id)
        return file


def listed(page: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """Return a page of a list as OpenAI has them."""
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": has_more,
    }


def _kept_seconds(form: Form) -> float:
    text = form.fields.get("expires_after[seconds]")
    if text is None:
        return KEPT_SECONDS
    anchored = form.fields.get("expires_after[anchor]") == "created_at"
    if not anchored or not text.isdecimal() or not LEAST_SECONDS <= int(text) <= MOST_SECONDS:
        raise BadRequest("expires_after: an anchor and 3600 to 2592000 seconds are required")
    return float(text)
