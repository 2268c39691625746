"""What a batch brought, into the histories of the chunks that it was for: joined by name only."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from providers import points
from providers.batches import Line, LineEnd
from providers.neutral import Reply
from providers.prices import Rate
from runs import Attempt, Batch, RunPaths
from runs.attempts import LOST, encode, told_of
from runs.files import append, sync, sync_dir
from runs.results import cut_torn_line
from tasks.parcels import Addressed, addressed, sequence
from tasks.policy import FailureClass

__all__ = ["Harvest", "harvest", "reject"]

MOST_LINE_BYTES = 16 * 1024 * 1024
"""A longer line is nobody's reply (models say at most some hundred thousand tokens): it is not read
into memory, where judging it would take several times as much."""
FILES_OPEN = 64


class Harvest(NamedTuple):
    """What came of a batch's requests."""

    answered: int
    rejected: int
    unserved: int
    """Not asked, says the provider: unpaid."""
    missing: int
    """Neither in the results nor among the errors: they may have been paid."""
    strays: int
    """Lines that belong to no request, or to one that had its line already."""
    spent_usd: Decimal
    """What it cost, as far as that is known, and what the missing may have."""


def harvest(
    batch: Batch,
    paths: RunPaths,
    *,
    read_line: Callable[[bytes], Line],
    read_reply: Callable[[Mapping[str, Any]], Reply],
    rate: Rate | None,
    complete: bool = True,
) -> Harvest:
    """Append what a downloaded batch holds to the histories of its chunks, and sync them.

    Doing it twice is doing it once: what is in a history already is not written again. Lines are
    read one by one, and joined by the names of their requests, never by their order.

    Args:
        batch: The batch, whose results were downloaded.
        paths: The files of its run.
        read_line: Reads a line of the vendor's results.
        read_reply: Reads an answer.
        rate: The price; None when it is unknown.
        complete: Whether the vendor says that it is through with all of them: then a request
            without a line may have been paid; else it was not served.
    """
    requests = list(addressed(paths.index(batch.short)))
    seen = bytearray(len(requests))
    counted: Counter[str] = Counter()
    spent = Decimal(0)
    with (
        _Histories(batch, paths, {row.chunk for row in requests}) as writer,
        paths.strays(batch.short).open("wb") as strays,
    ):
        for line in _lines(paths.downloaded(batch.short)):
            said = _read(line, read_line)
            number = None if said is None else sequence(batch.key, said.custom_id)
            if said is None or number is None or number >= len(requests) or seen[number]:
                counted["strays"] += bool(line.strip())
                strays.write(line)
                continue
            seen[number] = 1
            counted[said.end.value] += 1
            spent += writer.keep(requests[number], said, read_reply, rate)
            points.at("settle.mid")
        for number, row in enumerate(requests):
            if not seen[number]:
                counted["missing" if complete else LineEnd.UNSERVED] += 1
                spent += writer.lose(row, "it is not among the results", paid=complete)
    return Harvest(
        answered=counted[LineEnd.ANSWERED],
        rejected=counted[LineEnd.REJECTED],
        unserved=counted[LineEnd.UNSERVED],
        missing=counted["missing"],
        strays=counted["strays"],
        spent_usd=spent,
    )


def reject(batch: Batch, paths: RunPaths, message: str) -> None:
    """Write down that the provider will never accept the requests of a batch."""
    requests = list(addressed(paths.index(batch.short)))
    with _Histories(batch, paths, {row.chunk for row in requests}) as writer:
        for row in requests:
            writer.reject(row, message)


def _read(line: bytes, read_line: Callable[[bytes], Line]) -> Line | None:
    try:
        return read_line(line)
    except ValueError:
        return None


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a download; of one that is too long its beginning, as a stray."""
    with path.open("rb") as file:
        while line := file.readline(MOST_LINE_BYTES):
            yield line
            while not line.endswith(b"\n") and line:
                line = file.readline(MOST_LINE_BYTES)


class _Histories:
    """Writers of many chunks' histories at one step, some of them open at a time.

    Use it as a context manager: on the way out everything is on the disk, unless that failed.
    """

    def __init__(self, batch: Batch, paths: RunPaths, chunks: set[str]) -> None:
        self._batch = batch
        self._paths = paths
        self._told = {
            (chunk, *name)
            for chunk in chunks
            for name in told_of(self._path(chunk), batch=batch.key[:8])
        }
        self._open: dict[str, int] = {}
        # What a killed process told may be known to the kernel only: it is to be synced as well.
        self._touched = {chunk for chunk, *_ in self._told}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._sync()
        finally:
            for descriptor in self._open.values():
                os.close(descriptor)

    def keep(
        self,
        row: Addressed,
        line: Line,
        read_reply: Callable[[Mapping[str, Any]], Reply],
        rate: Rate | None,
    ) -> Decimal:
        """Write what came of a request down; return what it cost, as far as that is known."""
        match line.end:
            case LineEnd.REJECTED:
                self.reject(row, line.message, line.status)
                return Decimal(0)
            case LineEnd.UNSERVED:
                error = {"class": LOST, "status": line.status, "message": line.message}
                self._write(row, error=error, possible_usd=Decimal(0))
                return Decimal(0)
            case LineEnd.ANSWERED:
                assert line.body is not None, "what was answered has an answer"
        usage = read_reply(line.body).usage
        cost = rate.cost(usage) if rate and usage else None
        self._write(row, usage=usage.as_dict() if usage else None, cost_usd=cost, raw=line.raw)
        return _most(row) if cost is None else cost

    def reject(self, row: Addressed, message: str | None, status: int | None = None) -> None:
        """Write down that a request will never be accepted."""
        error = {"class": FailureClass.REJECTED.value, "status": status, "message": message}
        self._write(row, error=error)

    def lose(self, row: Addressed, message: str, *, paid: bool) -> Decimal:
        """Write down that a request has no answer, and that it may have been paid."""
        error = {"class": LOST, "status": None, "message": message}
        possible = (None if row.most_usd is None else _most(row)) if paid else Decimal(0)
        self._write(row, error=error, possible_usd=possible)
        return _most(row) if paid else Decimal(0)

    def _sync(self) -> None:
        for chunk in self._touched:
            sync(self._opened(chunk))
            sync_dir(self._paths.chunk(chunk).dir)

    def _write(self, row: Addressed, **came: Any) -> None:
        if (row.chunk, row.unit_id, row.round, row.attempt) in self._told:
            return  # by a process that was killed before it could say so
        attempt = Attempt(
            unit_id=row.unit_id,
            round=row.round,
            attempt=row.attempt,
            lane="batch",
            provider=self._batch.provider,
            model=self._batch.model,
            at=datetime.now(UTC),
            seconds=0.0,
            batch=self._batch.key[:8],
            **came,
        )
        append(self._opened(row.chunk), encode(attempt))
        self._touched.add(row.chunk)

    def _opened(self, chunk: str) -> int:
        if chunk in self._open:
            return self._open[chunk]
        if len(self._open) >= FILES_OPEN:
            os.close(self._open.pop(next(iter(self._open))))
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        self._open[chunk] = descriptor = os.open(self._path(chunk), flags, 0o600)
        cut_torn_line(descriptor)
        return descriptor

    def _path(self, chunk: str) -> Path:
        return self._paths.chunk(chunk).results(self._batch.step)


def _most(row: Addressed) -> Decimal:
    return Decimal(str(row.most_usd or 0))
