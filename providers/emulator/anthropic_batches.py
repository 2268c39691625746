"""Anthropic's message batches, seen from the server's side."""

import asyncio
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from providers.emulator.doors import Answered, Asking, Door, Download, Refused, Reply
from providers.emulator.downloads import spoilt_download
from providers.emulator.engine import Engine
from providers.emulator.jobs import End, Job
from providers.emulator.jsons import dumps
from providers.emulator.mischief import BatchDo, BatchRule
from providers.emulator.opening import opened, told_of
from providers.emulator.splitting import elements
from providers.emulator.uploads import stored
from providers.emulator.vendors import BadRequest

__all__ = ["doors"]

BATCHES = "/anthropic/v1/messages/batches"
CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MOST_LISTED, USUALLY_LISTED = 1000, 20
KEPT_SECONDS = 29 * 24 * 3600.0
"""How long results are there, from the creation of their batch."""


def doors(engine: Engine) -> Iterable[Door]:
    batches = _Batches(engine)
    engine.works.customs["anthropic"] = batches
    yield Door("POST", BATCHES, batches.create)
    yield Door("GET", BATCHES, batches.list)
    yield Door("POST", BATCHES + "/{id}/cancel", batches.cancel)
    yield Door("GET", BATCHES + "/{id}/results", batches.results)
    yield Door("GET", BATCHES + "/{id}", batches.get)
    yield Door("DELETE", BATCHES + "/{id}", batches.delete)


@dataclass(frozen=True, slots=True)
class _Taken:
    """Anthropic finds nothing wrong with a batch once it is created."""

    total: int
    errors: tuple[()] = ()


class _Batches:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf
        self._works = engine.works

    async def create(self, asking: Asking) -> Answered:
        if "anthropic-version" not in asking.request.headers:
            raise BadRequest("anthropic-version: header is required")
        ident = secrets.token_hex(12)
        body = self._shelf.fresh(f"{ident}.body")
        lines = self._shelf.fresh(f"{ident}.lines")
        try:
            size_bytes = await stored(asking.request.stream(), body)
            limits = self._engine.memory.batching.limits_of("anthropic")
            if limits.size_bytes is not None and size_bytes > limits.size_bytes:
                raise Refused(413, "Request exceeds the maximum size")
            total = await asyncio.to_thread(_split, body, lines, limits.requests)

            def place(into: Path) -> int:
                lines.rename(into)
                return size_bytes

            job = opened(
                self._engine,
                id=f"msgbatch_{ident}",
                vendor="anthropic",
                model="",
                key=asking.key,
                endpoint="/anthropic/v1/messages",
                place=place,
                told={},
                total=total,
                reworded=_of_lines,
            )
        finally:
            body.unlink(missing_ok=True)
            lines.unlink(missing_ok=True)
        return told_of(job, self._described(job, asking))

    async def get(self, asking: Asking) -> Answered:
        job = await self._works.catch_up(self._found(asking.id))
        return Reply(self._described(job, asking))

    async def list(self, asking: Asking) -> Answered:
        limit = asking.number("limit", usual=USUALLY_LISTED, most=MOST_LISTED)
        query = asking.request.query_params
        after, before = query.get("after_id"), query.get("before_id")
        if after is not None and before is not None:
            raise BadRequest("only one of after_id and before_id may be provided")
        for ident in filter(None, (after, before)):
            self._found(ident)
        now = self._engine.batch_clock.now()
        jobs = self._shelf.page("anthropic", now, limit=limit + 1, after=after, before=before)
        has_more = len(jobs) > limit
        shown = jobs[-limit:] if before is not None else jobs[:limit]
        page = [self._described(job, asking) for job in await self._works.all_catch_up(shown)]
        ends = {"first_id": page[0]["id"] if page else None}
        ends["last_id"] = page[-1]["id"] if page else None
        return Reply({"data": page, "has_more": has_more, **ends})

    async def cancel(self, asking: Asking) -> Answered:
        job = await self._works.catch_up(self._found(asking.id))
        if job.ended is not None:
            # A guess: the documents say only that it can be cancelled before it has ended.
            raise BadRequest(f"Batch {job.id} has already ended.")
        return Reply(self._described(self._works.cancel(job), asking))

    async def delete(self, asking: Asking) -> Answered:
        job = await self._works.catch_up(self._found(asking.id))
        if job.ended is None:
            raise BadRequest(f"Batch {job.id} is in progress: cancel it before you delete it.")
        self._shelf.change(job.id, lambda job: job.model_copy(update={"deleted": True}))
        return Reply({"id": job.id, "type": "message_batch_deleted"})

    async def results(self, asking: Asking) -> Answered:
        job = await self._works.catch_up(self._found(asking.id))
        if job.ended is None:
            raise BadRequest(f"Batch {job.id} has no results before it has ended.")
        gone = Refused(404, f"The results of batch {job.id} are not there.")
        if self._is_archived(job):
            raise gone
        cut = spoilt_download(self._engine, job.id, gone)
        path = self._shelf.folder(job.id) / "output.jsonl"
        path.touch()
        return Download(path, "application/x-jsonl", cut_bytes=cut)

    def check(self, job: Job, requests: Path) -> _Taken:  # noqa: ARG002  it was split when it came
        return _Taken(job.total or 0)

    def ended(self, job: Job) -> None:
        """Leave the results where they are."""

    def _found(self, batch_id: str) -> Job:
        job = self._shelf.job(batch_id)
        if job is None or job.vendor != "anthropic" or job.deleted:
            raise Refused(404, f"Message batch {batch_id} not found.")
        return job

    def _is_archived(self, job: Job) -> bool:
        return self._engine.batch_clock.now() >= job.created + KEPT_SECONDS

    def _described(self, job: Job, asking: Asking) -> dict[str, Any]:
        is_archived = self._is_archived(job)
        results = f"{asking.origin}{BATCHES}/{job.id}/results"
        status = "in_progress" if job.cancel_asked is None else "canceling"
        cancelled = job.cancel_asked
        if cancelled is None and job.ended is End.CANCELLED:
            cancelled = job.ended_at
        return {
            "id": job.id,
            "type": "message_batch",
            "processing_status": "ended" if job.ended else status,
            "request_counts": _counts(job),
            "created_at": _time(job, job.created),
            "expires_at": _time(job, job.created + job.window_seconds),
            "ended_at": _time(job, job.ended_at),
            "cancel_initiated_at": _time(job, cancelled),
            "archived_at": _time(job, job.created + KEPT_SECONDS) if is_archived else None,
            "results_url": results if job.ended and not is_archived else None,
        }


def _counts(job: Job) -> dict[str, int]:
    # Nobody is told how far it is: all counts move at the end.
    ended, total = job.ended, job.total or 0
    return {
        "processing": 0 if ended else total,
        "succeeded": job.answered if ended else 0,
        "errored": job.failed if ended else 0,
        "canceled": job.unserved if ended is End.CANCELLED else 0,
        "expired": job.unserved if ended is End.EXPIRED else 0,
    }


def _time(job: Job, at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(job.wall(at), UTC).isoformat().replace("+00:00", "Z")


def _of_lines(rule: BatchRule) -> BatchRule:
    """Return a fault of a whole batch as one of all its lines: the whole never fails here."""
    statuses = {BatchDo.FAIL: 400, BatchDo.QUEUE_LIMIT: 429}
    if rule.do not in statuses:
        return rule
    status = rule.status or statuses[rule.do]
    return rule.model_copy(update={"do": BatchDo.ERROR_LINES, "share": 1.0, "status": status})


def _split(body: Path, into: Path, most: int | None) -> int:
    """Write the requests of a batch's body as lines, and return how many there are.

    Raises:
        BadRequest: the envelope is not in order. The params in it are not looked at.
    """
    ids: set[str] = set()
    with into.open("wb") as lines:
        try:
            for index, element in enumerate(elements(body, "requests")):
                ids.add(_new_id(element, f"requests.{index}", ids))
                if most is not None and index >= most:
                    raise BadRequest(f"requests: List should have at most {most} items")
                lines.write(dumps(element) + b"\n")
        except ValueError as error:
            raise BadRequest(f"The body of the request is not in order: {error}") from error
    if not ids:
        raise BadRequest("requests: List should have at least 1 item")
    return len(ids)


def _new_id(element: Any, at: str, known: set[str]) -> str:
    match element:
        case {"custom_id": str(custom_id), "params": dict(), **others} if not others:
            pass
        case _:
            raise BadRequest(f"{at}: custom_id and params are required, and nothing else")
    if not CUSTOM_ID.fullmatch(custom_id):
        raise BadRequest(f"{at}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
    if custom_id in known:
        raise BadRequest(f"{at}.custom_id: {custom_id!r} is not unique")
    return custom_id
