"""Gemini's batch jobs, seen from the server's side."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from providers.emulator.doors import Answered, Asking, Door, Refused, Reply
from providers.emulator.engine import Engine
from providers.emulator.forms import RPC_CODES
from providers.emulator.gemini_files import VERSIONS, file_key, time
from providers.emulator.jobs import End, Job, Stage, stage
from providers.emulator.jsons import dumps, loads
from providers.emulator.mischief import BatchDo
from providers.emulator.opening import is_queue_full, linked, opened, told_of
from providers.emulator.reading import fields, setting
from providers.emulator.shelf import File
from providers.emulator.vendors import BadRequest
from providers.emulator.works import lines_from

__all__ = ["doors"]

MOST_LISTED, USUALLY_LISTED = 100, 10
MOST_INLINE_BYTES = 20_000_000
TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
STATES = {
    Stage.VALIDATING: "BATCH_STATE_PENDING",
    Stage.RUNNING: "BATCH_STATE_RUNNING",
    Stage.FINALIZING: "BATCH_STATE_RUNNING",
    Stage.CANCELLING: "BATCH_STATE_RUNNING",
    End.COMPLETED: "BATCH_STATE_SUCCEEDED",
    End.FAILED: "BATCH_STATE_FAILED",
    End.EXPIRED: "BATCH_STATE_EXPIRED",
    End.CANCELLED: "BATCH_STATE_CANCELLED",
}
RESULT_ID_LENGTH = 36
RESULTS_KEPT_SECONDS = 48 * 3600.0
"""A guess: no document says how long results are there."""


def doors(engine: Engine) -> Iterable[Door]:
    batches = _Batches(engine)
    engine.works.customs["gemini"] = batches
    for version in VERSIONS:
        base = f"/gemini/{version}"
        yield Door("POST", base + "/models/{model}:batchGenerateContent", batches.create)
        yield Door("GET", base + "/batches", batches.list)
        yield Door("POST", base + "/batches/{id}:cancel", batches.cancel)
        yield Door("GET", base + "/batches/{id}", batches.get)
        yield Door("DELETE", base + "/batches/{id}", batches.delete)


@dataclass(frozen=True, slots=True)
class _Checked:
    total: int
    errors: tuple[Mapping[str, Any], ...] = ()


class _Batches:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._shelf = engine.shelf
        self._works = engine.works

    async def create(self, asking: Asking) -> Answered:
        model = asking.request.path_params["model"]
        body = await asking.request.body()
        sent = await asyncio.to_thread(fields, body)
        asked: dict[str, Any] = setting(sent, "batch", dict) or {}
        source = _either(asked, "inputConfig", "input_config")
        if not isinstance(source, dict):
            raise BadRequest("* BatchGenerateContentRequest.batch.input_config: is required")
        name = _either(source, "fileName", "file_name")
        told = {
            "displayName": _either(asked, "displayName", "display_name") or "",
            "fileName": name,
            "origin": asking.origin,
        }
        if name is not None:
            place = linked(self._file(str(name)).path)
        else:
            if len(body) > MOST_INLINE_BYTES:
                raise BadRequest("Request payload size exceeds the limit: 20971520 bytes.")
            place = await asyncio.to_thread(_inline, source)
        job = opened(
            self._engine,
            id=f"batches/{secrets.token_hex(16)}",
            vendor="gemini",
            model=model,
            key=asking.key,
            endpoint=f"/gemini/v1/models/{model}:generateContent",
            place=place,
            told=told,
        )
        requests = self._shelf.folder(job.id) / "requests.jsonl"
        total = await asyncio.to_thread(lines_from, requests, lambda _, __: None)
        job = self._shelf.change(job.id, lambda job: job.model_copy(update={"total": total})) or job
        return told_of(job, self._described(job))

    async def get(self, asking: Asking) -> Answered:
        job = await self._works.catch_up(self._found(asking))
        return Reply(await asyncio.to_thread(self._described, job))

    async def list(self, asking: Asking) -> Answered:
        limit = asking.number("pageSize", usual=USUALLY_LISTED, most=MOST_LISTED)
        token = asking.request.query_params.get("pageToken") or None
        now = self._engine.batch_clock.now()
        jobs = self._shelf.page("gemini", now, limit=limit + 1, after=token)
        shown = await self._works.all_catch_up(jobs[:limit])
        more = {"nextPageToken": shown[-1].id} if len(jobs) > limit else {}
        operations = [await asyncio.to_thread(self._described, job) for job in shown]
        return Reply({**({"operations": operations} if operations else {}), **more})

    async def cancel(self, asking: Asking) -> Answered:
        job = await self._works.catch_up(self._found(asking))
        if job.ended is None:
            self._works.cancel(job)
        return Reply({})

    async def delete(self, asking: Asking) -> Answered:
        job = self._found(asking)
        self._shelf.change(job.id, lambda job: job.model_copy(update={"deleted": True}))
        return Reply({})

    def check(self, job: Job, requests: Path) -> _Checked:
        """Look at a file as a whole; what is wrong with a request shows in its result."""
        if (rule := job.rule(BatchDo.FAIL)) is not None:
            return _failed(rule.status or 400, rule.message)
        most = self._engine.memory.batching.limits_of("gemini").size_bytes
        if most is not None and job.size_bytes > most:
            return _failed(400, f"The file exceeds {most} bytes.")
        if is_queue_full(self._engine, job):
            return _failed(429, "Enqueued tokens limit reached for the model.")
        bad: list[int] = []

        def look(index: int, raw: bytes) -> None:
            if not bad and not _is_line(raw):
                bad.append(index + 1)

        total = lines_from(requests, look)
        if bad or not total:
            where = f"Line {bad[0]} is not a request." if bad else "The file is empty."
            return _failed(400, f"Failed to parse the input file. {where}")
        return _Checked(total)

    def ended(self, job: Job) -> None:
        """Make a file of the results, if there are any to have."""
        if not _has_output(job):
            return
        ended_at, path = job.ended_at or job.created, self._shelf.folder(job.id) / "output.jsonl"
        path.touch()
        self._shelf.keep(
            File(
                id=file_key(_result_id(job)),
                vendor="gemini",
                name="",
                size_bytes=job.output_bytes,
                created_wall=job.wall(ended_at),
                created=ended_at,
                expires=ended_at + RESULTS_KEPT_SECONDS,
                path=path,
                job=job.id,
            )
        )

    def _file(self, name: str) -> File:
        file = self._shelf.file(file_key(name), self._engine.batch_clock.now())
        if file is None or not file.whole:
            raise Refused(404, f"Requested entity was not found: {name}.")
        return file

    def _found(self, asking: Asking) -> Job:
        job = self._shelf.job(f"batches/{asking.id}")
        if job is None or job.deleted:
            raise Refused(404, "Requested entity was not found.")
        return job

    def _described(self, job: Job) -> dict[str, Any]:
        now = self._engine.batch_clock.now()
        output = self._output(job) if _has_output(job) else None
        metadata = {
            "@type": TYPE,
            "model": f"models/{job.model}",
            "displayName": job.told["displayName"],
            "inputConfig": {"fileName": job.told["fileName"]} if job.told["fileName"] else {},
            "createTime": time(job.created_wall),
            "updateTime": time(job.wall(now if job.ended_at is None else job.ended_at)),
            "batchStats": _stats(job),
            "state": STATES[job.ended or stage(job, now)],
            "name": job.id,
        }
        if job.ended_at is not None:
            metadata["endTime"] = time(job.wall(job.ended_at))
        if output is not None:
            metadata["output"] = output
        told: dict[str, Any] = {"name": job.id, "metadata": metadata}
        if job.ended is not None:
            told["done"] = True
        if job.errors:
            told["error"] = job.errors[0]
        elif job.ended is not None and output is None:
            told["error"] = _why(job.ended)
        if output is not None:
            told["response"] = {"@type": f"{TYPE}Output", **output}
        return told

    def _output(self, job: Job) -> dict[str, Any]:
        if job.told["fileName"]:
            return {"responsesFile": f"files/{_result_id(job)}"}
        path = self._shelf.folder(job.id) / "output.jsonl"
        answers: list[dict[str, Any]] = []

        def take(_: int, raw: bytes) -> None:
            if isinstance(line := _json(raw), dict):
                answers.append({**line, "metadata": {"key": line.pop("key")}})

        lines_from(path, take)
        return {"inlinedResponses": {"inlinedResponses": answers}}


def _either(values: Mapping[str, Any], *names: str) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _inline(source: Mapping[str, Any]) -> Any:
    match source.get("requests"):
        case {"requests": [_, *_] as requests}:
            pass
        case _:
            raise BadRequest("* BatchGenerateContentRequest.batch.input_config: no requests")
    lines: list[bytes] = []
    for index, one in enumerate(requests):
        if not isinstance(one, dict) or not isinstance(one.get("request"), dict):
            raise BadRequest(f"* input_config.requests.requests[{index}].request: is required")
        key = (one.get("metadata") or {}).get("key", str(index))
        lines.append(dumps({"key": key, "request": one["request"]}) + b"\n")

    def place(into: Path) -> int:
        return into.write_bytes(b"".join(lines))

    return place


def _json(raw: bytes) -> Any:
    try:
        return loads(raw)
    except ValueError:
        return None


def _is_line(raw: bytes) -> bool:
    line = _json(raw)
    return isinstance(line, dict) and isinstance(line.get("key"), str)


def _failed(status: int, message: str) -> _Checked:
    return _Checked(0, ({"code": RPC_CODES.get(status, 2), "message": message},))


def _why(end: End) -> dict[str, Any]:
    expired = end is End.EXPIRED
    return {
        "code": 4 if expired else 1,
        "message": "The batch has expired." if expired else "The batch was cancelled.",
    }


def _has_output(job: Job) -> bool:
    if job.ended is End.CANCELLED:
        return job.rule(BatchDo.PARTIAL) is not None
    return job.ended is End.COMPLETED


def _result_id(job: Job) -> str:
    return "batch-" + job.id.removeprefix("batches/").rjust(RESULT_ID_LENGTH, "0")


def _stats(job: Job) -> dict[str, str]:
    total = job.total or 0
    pending = 0 if job.ended else total - job.answered - job.failed
    counts = {
        "requestCount": total,
        "successfulRequestCount": job.answered,
        "failedRequestCount": job.failed,
        "pendingRequestCount": pending,
    }
    # As in all of Google's JSON, long numbers are strings, and what is nothing is not there.
    return {name: str(count) for name, count in counts.items() if count}
