"""Where batches are worked on: in a thread of their own, a few lines at a time.

Nothing happens by itself: a look at a batch makes it catch up with the clock. What was done is
kept after every few lines, so that killing the process loses nothing and charges nothing twice.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from threading import Lock
from typing import Any, BinaryIO, Protocol

from providers.emulator.batch_lines import Answers, Outcome
from providers.emulator.clock import Clock
from providers.emulator.forms import Which
from providers.emulator.jobs import End, Job, checked_at, due, fate, has_work
from providers.emulator.jsons import dumps
from providers.emulator.ledger import Charge, Ledger, charged_lines
from providers.emulator.memory import Memory
from providers.emulator.mischief import BatchDo, Mischief, mischief
from providers.emulator.shelf import Shelf

__all__ = ["Checked", "Customs", "Works", "lines_from"]

LINES_AT_ONCE = 200
PATIENCE_SECONDS = 5.0
"""How long a look waits for the work that is due; then it sees a batch that is still at work."""
BOM = b"\xef\xbb\xbf"


class Checked(Protocol):
    """What came of looking at a whole batch."""

    @property
    def total(self) -> int: ...

    @property
    def errors(self) -> tuple[Mapping[str, Any], ...]: ...


class Customs(Protocol):
    """What a vendor does with the whole of a batch, at its beginning and at its end."""

    def check(self, job: Job, requests: Path) -> Checked:
        """Look at all that can be wrong before a line is asked."""
        ...

    def ended(self, job: Job) -> None:
        """Put the results where the vendor has them."""
        ...


class Works:
    """Makes batches catch up with the clock."""

    def __init__(self, shelf: Shelf, memory: Memory, ledger: Ledger, clock: Clock) -> None:
        self.shelf = shelf
        self.clock = clock
        self.customs: dict[str, Customs] = {}
        self._memory = memory
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._running: dict[str, asyncio.Future[None]] = {}
        self._slice = Lock()
        self._generation = 0
        self._faults: dict[str, Mischief] = {}
        # Of lines after those that were kept, the last process may have charged some.
        begun = [job.id for job in shelf.at_work() if job.checked]
        self._charged = charged_lines(ledger.path, begun) if begun else {}

    async def catch_up(self, job: Job) -> Job:
        """Do what is due of a batch, and return it as it is then."""
        (fresh,) = await self.all_catch_up([job])
        return fresh

    async def all_catch_up(self, jobs: Iterable[Job]) -> list[Job]:
        """Do what is due of batches, and return them as they are then."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        return [await self._caught_up(job, deadline) for job in jobs]

    async def _caught_up(self, job: Job, deadline: float) -> Job:
        while has_work(job, self.clock.now()):
            is_done = await self._worked(job.id, deadline - time.monotonic())
            fresh = self.shelf.job(job.id)
            if fresh is None or not is_done:
                return fresh or job
            job = fresh
        return job

    def cancel(self, job: Job) -> Job:
        """Ask a batch to end, and return it as it is then; one that is deaf goes on."""
        if job.cancel_asked is not None or job.rule(BatchDo.DEAF) is not None:
            return job
        asked = {"cancel_asked": self.clock.now()}
        return self.shelf.change(job.id, lambda job: job.model_copy(update=asked)) or job

    def stop(self) -> None:
        """Break off between two lines, and wait until it is done."""
        self._generation += 1
        with self._slice:
            self._faults.clear()
            self._charged = {}

    def close(self) -> None:
        self.stop()
        self._thread.shutdown()

    async def _worked(self, job_id: str, seconds: float) -> bool:
        """Work on a batch; False if that takes longer."""
        running = self._running.get(job_id)
        if running is None:
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._thread, self._work, job_id, self._generation)
            self._running[job_id] = running
            running.add_done_callback(lambda _: self._running.pop(job_id, None))
        done, _ = await asyncio.wait({running}, timeout=max(0.0, seconds))
        for future in done:
            future.result()
        return bool(done)

    def _work(self, job_id: str, generation: int) -> None:
        while True:
            with self._slice:
                job = self.shelf.job(job_id) if generation == self._generation else None
                if job is None or not has_work(job, now := self.clock.now()):
                    return
                self._step(job, now)

    def _step(self, job: Job, now: float) -> None:
        if not job.checked:
            self._check(job)
            return
        ahead, until = fate(job), due(job, now)
        is_over = ahead.end is not None and now >= ahead.at
        if job.written < until:
            self._answer(job, min(until, job.written + LINES_AT_ONCE), None)
        elif is_over and ahead.end is not None and job.written < (job.total or 0):
            self._answer(job, min(job.total or 0, job.written + LINES_AT_ONCE), ahead.end)
        elif is_over and ahead.end is not None:
            self._end(job, ahead.end, ahead.at)

    def _check(self, job: Job) -> None:
        found = self.customs[job.vendor].check(job, self.shelf.folder(job.id) / "requests.jsonl")
        if found.errors:
            changed = {
                "errors": found.errors,
                "ended": End.FAILED,
                "ended_at": checked_at(job),
            }
        else:
            changed = {"total": found.total}
        self._keep(job.id, {"checked": True, **changed})

    def _answer(self, job: Job, until: int, end: End | None) -> None:
        """Answer the lines up to one; those are told of an end that were not answered before it."""
        faults = self._faults.get(job.id)
        if faults is None:
            faults = mischief(job.rules, job.total or 0, job.id)
            self._faults[job.id] = faults
        answers = Answers(job, self._memory, faults)
        slice_ = _Slice(job, faults, self._charged.get(job.id, frozenset()))
        folder = self.shelf.folder(job.id)
        with (folder / "requests.jsonl").open("rb") as requests:
            requests.seek(job.read_bytes)
            for index in range(job.written, until):
                raw = _line(requests)
                if end is None:
                    slice_.add(index, answers.served(index, raw))
                else:
                    slice_.add(index, answers.unserved(index, raw, end))
            read_bytes = requests.tell()
        self._ledger.charge(*slice_.charges)
        sizes = {
            "output_bytes": _written(folder / "output.jsonl", job.output_bytes, slice_.output),
            "error_bytes": _written(folder / "errors.jsonl", job.error_bytes, slice_.errors),
        }
        counts = _counts(job, slice_, until - job.written, end)
        self._keep(job.id, {"read_bytes": read_bytes, "written": until, **sizes, **counts})

    def _end(self, job: Job, end: End, at: float) -> None:
        faults = self._faults.pop(job.id, None) or mischief(job.rules, job.total or 0, job.id)
        if faults.shuffled:
            _shuffle(self.shelf.folder(job.id) / "output.jsonl", job.id)
        ended = job.model_copy(update={"ended": end, "ended_at": at})
        self.customs[job.vendor].ended(ended)
        self._charged.pop(job.id, None)
        self._keep(job.id, {"ended": end, "ended_at": at})

    def _keep(self, job_id: str, changed: dict[str, Any]) -> None:
        # Another thread may have cancelled it in the meantime: only what is new is written.
        self.shelf.change(job_id, lambda job: job.model_copy(update=changed))


class _Slice:
    """What comes of a few lines."""

    def __init__(self, job: Job, faults: Mischief, charged: frozenset[int]) -> None:
        self._job = job
        self._faults = faults
        self._already = charged
        self._now = datetime.now(UTC)
        self.output = bytearray(BOM if faults.bom and not job.output_bytes else b"")
        self.errors = bytearray()
        self.charges: list[Charge] = []
        self.usage: Counter[str] = Counter(job.usage)
        self.answered = 0

    def add(self, index: int, outcome: Outcome) -> None:
        self.output += self._faults.junk.get(index, b"")
        for result in outcome.results:
            self._file(result.which).extend(dumps(result.line) + b"\n")
        if outcome.usage is None:
            return
        usage = outcome.usage
        self.answered += 1
        self.usage["input"] += usage.input
        self.usage["cached"] += usage.cached
        self.usage["output"] += usage.output
        self.usage["reasoning"] += usage.reasoning
        if index in self._already:
            return
        job = self._job
        self.charges.append(
            Charge(
                key=job.key,
                endpoint=f"BATCH {job.endpoint}",
                model=outcome.model,
                request=outcome.request,
                usage=usage,
                at=self._now,
                batch=job.id,
                line=index,
            )
        )

    def _file(self, which: Which) -> bytearray:
        return self.errors if which == "errors" else self.output


def _counts(job: Job, slice_: _Slice, lines: int, end: End | None) -> dict[str, Any]:
    if end is not None:
        return {"unserved": job.unserved + lines}
    return {
        "answered": job.answered + slice_.answered,
        "failed": job.failed + lines - slice_.answered,
        "usage": dict(slice_.usage),
    }


def _written(path: Path, at: int, content: bytes | bytearray) -> int:
    """Write at a place in a file, which ends there with it; return its length."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        file.truncate(at)
        file.seek(at)
        file.write(content)
    return at + len(content)


def _line(file: BinaryIO) -> bytes:
    while (line := file.readline()) and line.isspace():
        pass
    return line


def lines_from(path: Path, each: Callable[[int, bytes], None]) -> int:
    """Hand on the lines of a file that are not blank; return how many there are."""
    number = 0
    with path.open("rb") as file:
        for line in file:
            if not line.isspace():
                each(number, line)
                number += 1
    return number


def _shuffle(path: Path, seed: str) -> None:
    offsets = [0]
    with path.open("rb") as file:
        offsets += [file.tell() for _ in iter(file.readline, b"")]
        spans = list(pairwise(offsets))
        Random(seed).shuffle(spans)  # noqa: S311  nothing secret hangs on it
        fresh = path.with_suffix(".tmp")
        with fresh.open("wb") as out:
            for start, stop in spans:
                file.seek(start)
                out.write(file.read(stop - start))
    fresh.replace(path)
