"""A new batch: what befalls it is settled when it is created."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from providers.emulator.doors import Answered, HangUp, Refused, Reply
from providers.emulator.engine import Engine
from providers.emulator.jobs import Job
from providers.emulator.mischief import BatchDo, BatchRule

__all__ = ["is_queue_full", "linked", "opened", "told_of"]

HOUR = 3600.0
TOO_MANY = 429
BYTES_PER_TOKEN = 4


def opened(
    engine: Engine,
    *,
    id: str,  # noqa: A002  the batch's
    vendor: str,
    model: str,
    key: str,
    endpoint: str,
    place: Callable[[Path], int],
    told: Mapping[str, Any],
    total: int | None = None,
    reworded: Callable[[BatchRule], BatchRule] = lambda rule: rule,
) -> Job:
    """Keep a new batch. `place` puts its request lines into a file and returns its bytes.

    Raises:
        Refused: there are too many.
    """
    batching, clock, shelf = engine.memory.batching, engine.batch_clock, engine.shelf
    _check_room(engine, vendor, total or 0)
    folder = shelf.folder(id)
    folder.mkdir(parents=True)
    size_bytes = place(folder / "requests.jsonl")
    nth = shelf.nth(vendor)
    rules = tuple(reworded(rule) for rule in batching.strikes(vendor, model, nth))
    slow = next((rule for rule in rules if rule.do is BatchDo.TAKE), None)
    job = Job(
        id=id,
        vendor=vendor,
        nth=nth,
        key=key,
        model=model,
        endpoint=endpoint,
        created_wall=clock.wall(),
        created=clock.now(),
        seconds=(slow.seconds or 0.0) if slow else batching.takes(vendor, nth),
        window_seconds=batching.limits_of(vendor).window_seconds,
        cancel_seconds=batching.cancel_seconds,
        size_bytes=size_bytes,
        rules=rules,
        told=told,
        total=total,
    )
    shelf.add(job)
    return job


def _check_room(engine: Engine, vendor: str, requests: int) -> None:
    limits, shelf = engine.memory.batching.limits_of(vendor), engine.shelf
    hour_ago = engine.batch_clock.now() - HOUR
    per_hour = limits.created_per_hour
    if per_hour is not None and shelf.created_since(vendor, hour_ago) >= per_hour:
        raise Refused(TOO_MANY, f"Rate limit reached for batch creations: {per_hour} per hour.")
    if limits.jobs is None and limits.queued_requests is None:
        return
    at_work = shelf.at_work(vendor)
    if limits.jobs is not None and len(at_work) >= limits.jobs:
        raise Refused(TOO_MANY, f"There are {limits.jobs} batch jobs at work already.")
    queued = sum(job.total or 0 for job in at_work)
    if limits.queued_requests is not None and queued + requests > limits.queued_requests:
        raise Refused(TOO_MANY, f"There are {queued} batch requests in the queue already.")


def told_of(job: Job, value: Mapping[str, Any]) -> Answered:
    """Return what its creator hears of a new batch."""
    rule = job.rule(BatchDo.HANG_UP)
    if rule is None:
        return Reply(value)
    if rule.status is None:
        return HangUp()
    raise Refused(rule.status, rule.message, code=rule.code)


def is_queue_full(engine: Engine, job: Job) -> bool:
    """Say whether the tokens of a batch are too many, with those of its model before it."""
    if job.rule(BatchDo.QUEUE_LIMIT) is not None:
        return True
    most = engine.memory.batching.limits_of(job.vendor).queued_tokens
    if most is None:
        return False
    others = [one for one in engine.shelf.at_work(job.vendor) if one.nth <= job.nth]
    size_bytes = sum(one.size_bytes for one in others if one.model == job.model)
    return size_bytes > most * BYTES_PER_TOKEN


def linked(source: Path) -> Callable[[Path], int]:
    """Return how to place the lines of a file, which its owner may delete the next moment."""

    def place(into: Path) -> int:
        os.link(source, into)
        return into.stat().st_size

    return place
