"""OpenAI's batches, seen from the server's side."""

import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from providers.emulator.doors import Answered, Asking, Door, Refused, Reply
from providers.emulator.engine import Engine
from providers.emulator.jobs import ANSWERED, CHECKED, End, Job, Stage, stage
from providers.emulator.jsons import loads
from providers.emulator.mischief import BatchDo, Limits
from providers.emulator.openai_checks import Checked
from providers.emulator.openai_files import KEPT_SECONDS, listed, missing
from providers.emulator.opening import is_queue_full, linked, opened, told_of
from providers.emulator.reading import fields, only, setting, words
from providers.emulator.shelf import File
from providers.emulator.vendors import BadRequest
from providers.emulator.works import lines_from

__all__ = ["doors"]

BATCHES = "/openai/v1/batches"
PREFIX = "/openai"
FIELDS = words("completion_window endpoint input_file_id metadata output_expires_after")
ENDPOINTS = frozenset({"/v1/chat/completions", "/v1/responses"})
WINDOW = "24h"
MOST_LISTED, USUALLY_LISTED = 100, 20
MOST_METADATA, MOST_KEY, MOST_VALUE = 16, 64, 512
STAGES = {
    Stage.VALIDATING: "validating",
    Stage.RUNNING: "in_progress",
    Stage.FINALIZING: "finalizing",
    Stage.CANCELLING: "cancelling",
}
OUTPUTS = {"output": ("output.jsonl", "output_bytes"), "error": ("errors.jsonl", "error_bytes")}


def doors(engine: Engine) -> Iterable[Door]:
    batches = _Batches(engine)
    engine.works.customs["openai"] = batches
    yield Door("POST", BATCHES, batches.create)
    yield Door("GET", BATCHES, batches.list)
    yield Door("POST", BATCHES + "/{id}/cancel", batches.cancel)
    yield Door("GET", BATCHES + "/{id}", batches.get)


class _Batches:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf
        self._works = engine.works

    async def create(self, asking: Asking) -> Answered:
        asked = fields(await asking.request.body())
        told = _told(asked)
        now = self._engine.batch_clock.now()
        file = self._shelf.file(told["input_file_id"], now)
        if file is None or file.vendor != "openai":
            message = f"Invalid file: no such File object: {told['input_file_id']}"
            raise BadRequest(message, param="input_file_id")
        batch_id = f"batch_{secrets.token_hex(12)}"
        job = opened(
            self._engine,
            id=batch_id,
            vendor="openai",
            model=_first_model(file.path),
            key=asking.key,
            endpoint=PREFIX + told["endpoint"],
            place=linked(file.path),
            told=told,
        )
        return told_of(job, _described(job, now))

    async def get(self, asking: Asking) -> Answered:
        job = await self._works.catch_up(self._found(asking.id))
        return Reply(self._described(job))

    async def list(self, asking: Asking) -> Answered:
        limit = asking.number("limit", usual=USUALLY_LISTED, most=MOST_LISTED)
        after = asking.request.query_params.get("after")
        if after is not None:
            self._found(after)
        now = self._engine.batch_clock.now()
        jobs = self._shelf.page("openai", now, limit=limit + 1, after=after)
        shown = await self._works.all_catch_up(jobs[:limit])
        return Reply(listed([self._described(job) for job in shown], has_more=len(jobs) > limit))

    async def cancel(self, asking: Asking) -> Answered:
        job = await self._works.catch_up(self._found(asking.id))
        if job.ended is not None:
            message = f"Cannot cancel a batch with status '{job.ended}'."
            raise Refused(409, message)
        return Reply(self._described(self._works.cancel(job)))

    def check(self, job: Job, requests: Path) -> Checked:
        """Validate a batch's file."""
        if (rule := job.rule(BatchDo.FAIL)) is not None:
            found = Checked(job.told["endpoint"], Limits())
            found.wrong(rule.code or "invalid_request", rule.message)
            return found
        limits = self._engine.memory.batching.limits_of("openai")
        found = Checked(job.told["endpoint"], limits)
        if limits.size_bytes is not None and job.size_bytes > limits.size_bytes:
            found.wrong("file_too_large", f"A batch's file has {limits.size_bytes} bytes at most.")
            return found
        found.total = lines_from(requests, found.line)
        if not found.total:
            found.wrong("empty_file", "The input file is empty.")
        if is_queue_full(self._engine, job):
            message = f"Enqueued token limit reached for {job.model} in organization emulated."
            found.wrong("token_limit_exceeded", message)
        return found

    def ended(self, job: Job) -> None:
        """Make files of what a batch has written."""
        for which, (name, size) in OUTPUTS.items():
            if (size_bytes := getattr(job, size)) == 0:
                continue
            ended_at = job.ended_at or job.created
            kept = (job.told.get("output_expires_after") or {}).get("seconds", KEPT_SECONDS)
            self._shelf.keep(
                File(
                    id=_file_id(job, which),
                    vendor="openai",
                    name=f"{job.id}_{which}.jsonl",
                    purpose="batch_output",
                    size_bytes=size_bytes,
                    created_wall=job.wall(ended_at),
                    created=ended_at,
                    expires=ended_at + kept,
                    path=self._shelf.folder(job.id) / name,
                    job=job.id,
                )
            )

    def _described(self, job: Job) -> dict[str, Any]:
        return _described(job, self._engine.batch_clock.now())

    def _found(self, batch_id: str) -> Job:
        job = self._shelf.job(batch_id)
        if job is None or job.vendor != "openai":
            raise missing("Batch", batch_id)
        return job


def _told(asked: dict[str, Any]) -> dict[str, Any]:
    def unknown(name: str) -> BadRequest:
        return BadRequest(f"Unknown parameter: {name!r}.", param=name, code="unknown_parameter")

    only(asked, FIELDS, unknown)
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not setting(asked, name, str):
            raise BadRequest(f"Missing required parameter: {name!r}.", param=name)
    if asked["endpoint"] not in ENDPOINTS:
        raise BadRequest(f"Invalid value: {asked['endpoint']!r}.", param="endpoint")
    if asked["completion_window"] != WINDOW:
        raise BadRequest("Invalid value: the window is '24h'.", param="completion_window")
    metadata: Mapping[str, Any] = setting(asked, "metadata", dict) or {}
    if len(metadata) > MOST_METADATA or not all(map(_fits, metadata.items())):
        raise BadRequest(
            "Invalid 'metadata': 16 pairs, keys of 64, values of 512.", param="metadata"
        )
    return asked


def _fits(pair: tuple[str, Any]) -> bool:
    key, value = pair
    return len(key) <= MOST_KEY and isinstance(value, str) and len(value) <= MOST_VALUE


def _first_model(path: Path) -> str:
    with path.open("rb") as file:
        try:
            return str(loads(file.readline())["body"]["model"])
        except (KeyError, TypeError, ValueError):
            return ""


def _file_id(job: Job, which: str) -> str:
    return f"file-{re.sub('^batch_', '', job.id)}{which[0]}"


def _described(job: Job, now: float) -> dict[str, Any]:
    status = job.ended.value if job.ended else STAGES[stage(job, now)]
    told = job.told
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": told["endpoint"],
        "model": job.model or None,
        "errors": {"object": "list", "data": job.errors} if job.errors else None,
        "input_file_id": told["input_file_id"],
        "completion_window": WINDOW,
        "status": status,
        "output_file_id": _file_id(job, "output") if job.ended and job.output_bytes else None,
        "error_file_id": _file_id(job, "error") if job.ended and job.error_bytes else None,
        **_times(job, status),
        "request_counts": {
            "total": job.total or 0,
            "completed": job.answered,
            "failed": job.failed + job.unserved,
        },
        "metadata": told.get("metadata"),
        "usage": _usage(job.usage) if job.ended and job.usage else None,
    }


def _times(job: Job, status: str) -> dict[str, int | None]:
    def told(at: float | None) -> int | None:
        return None if at is None else int(job.wall(at))

    def ended(*ends: End) -> int | None:
        return told(job.ended_at) if job.ended in ends else None

    begun = job.checked and not job.errors
    finalizing = status == "finalizing" or job.ended is End.COMPLETED
    return {
        "created_at": told(job.created),
        "in_progress_at": told(job.created + CHECKED * job.seconds) if begun else None,
        "expires_at": told(job.created + job.window_seconds),
        "finalizing_at": told(job.created + ANSWERED * job.seconds) if finalizing else None,
        "completed_at": ended(End.COMPLETED),
        "failed_at": ended(End.FAILED),
        "expired_at": ended(End.EXPIRED),
        "cancelling_at": told(job.cancel_asked)
        if job.cancel_asked is not None
        else ended(End.CANCELLED),
        "cancelled_at": ended(End.CANCELLED),
    }


def _usage(usage: Mapping[str, int]) -> dict[str, Any]:
    return {
        "input_tokens": usage["input"],
        "input_tokens_details": {"cached_tokens": usage["cached"]},
        "output_tokens": usage["output"],
        "output_tokens_details": {"reasoning_tokens": usage["reasoning"]},
        "total_tokens": usage["input"] + usage["output"],
    }
