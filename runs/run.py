"""A run held open by its one writer."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from runs import fold
from runs.batches import Batch, BatchState
from runs.counts import Counts
from runs.errors import IllegalMove
from runs.journal import Journal, Replayed, replay
from runs.jsonl import read_jsonl
from runs.lock import RunLock, briefly
from runs.logs import Log, dump_no_stacks, dump_stacks
from runs.outputs import (
    CHUNK_ROUND,
    account,
    detour_ids,
    entry,
    finish_chunk,
    settle,
    write_children,
)
from runs.paths import RunPaths, is_retry
from runs.retrying import furthest, write_retries
from runs.snapshot import keep_damaged, write_snapshot, write_summary
from runs.state import RunState, Status, Told, Waiting
from runs.times import Clock, now

__all__ = ["Run", "snapshot_of"]

SNAPSHOT_SECONDS = 2.0
SNAPSHOT_SHARE = 100
"""While busy, snapshots take at most one part in so many of the time."""
HINT_SECONDS = 1.0

_held: dict[Path, "Run"] = {}


class Run:
    """The one writer of a run: every change goes through it, and is on the disk when it returns.

    Threads may share it.
    """

    def __init__(
        self,
        paths: RunPaths,
        lock: RunLock,
        journal: Journal,
        *,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        """Take over what `open` has opened."""
        self.paths = paths
        self._lock = lock
        self._journal = journal
        self._clock = clock
        self._monotonic = monotonic
        self._run_log = Log(paths.run_log, clock)
        self._trace_log = Log(paths.trace_log, clock)
        self._epoch = journal.state.epoch + 1
        self._one_at_a_time = threading.RLock()
        self._next_snapshot = self._next_hint = monotonic()
        self._closed = False

    @classmethod
    def open(
        cls,
        run_dir: Path,
        *,
        flow_run: str | None = None,
        deployment: str | None = None,
        clock: Clock = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Take the run's lock and go on with its journal; an unfinished last line is cut off.

        Raises:
            RunNotFound: there is no run here.
            RunHeld: another process works on it.
            Damaged: the journal has a bad line among good ones.
            UnknownFormat: a newer version wrote it.
        """
        paths = RunPaths(run_dir.resolve())
        replay(paths.journal)  # what is no run gets no lock file
        with ExitStack() as undo:
            lock = RunLock.take(paths.lock, since=clock())
            undo.callback(lock.release)
            journal = Journal(paths.journal, replay(paths.journal), clock)
            undo.callback(journal.close)
            run = cls(paths, lock, journal, clock=clock, monotonic=monotonic)
            run._begin(flow_run, deployment)
            undo.pop_all()
        return run

    @property
    def state(self) -> RunState:
        """Return the run at this moment."""
        return self._journal.state

    def entry(self, step: str, chunk: str) -> Path:
        """Return the file of the units that enter `step`: the input, or what passed before it."""
        return entry(self.paths, self.state, step, chunk)

    def due(self, step: str, chunk: str) -> list[dict[str, Any]]:
        """Return the units that are due at `step` now: in a detour, those that were sent on it."""
        units, detour = read_jsonl(self.entry(step, chunk)), self._detour(chunk)
        return [unit for unit in units if detour is None or unit["unit_id"] in detour]

    def returned(self, step: str, chunk: str) -> dict[str, list[dict[str, Any]]]:
        """Return the records of the units that `step` has sent back so far, oldest first."""
        path = self.paths.chunk(chunk).returned(step)
        records: dict[str, list[dict[str, Any]]] = {}
        for record in read_jsonl(path) if path.exists() else ():
            records.setdefault(record["unit_id"], []).append(record)
        return records

    def sent_back(self, chunk: str) -> dict[str, Counter[str]]:
        """Return how often each step has sent each unit back, before the round that is open now."""
        now, steps = self.state.chunks[chunk], self.state.steps
        return {
            step.name: Counter(
                unit_id
                for unit_id, records in self.returned(step.name, chunk).items()
                for record in records
                # A killed process may have written what this round is about to write again.
                if step.name != now.step or record[CHUNK_ROUND] < now.round
            )
            for step in steps
            if step.retry_step
        }

    def settle(
        self,
        chunk: str,
        step: str,
        *,
        valid: Iterable[Mapping[str, Any]],
        failed: Iterable[Mapping[str, Any]] = (),
        returned: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Write down what came of the round that a chunk is in, in input order.

        Raises:
            IllegalMove: the chunk does not stand at this step.
            Unaccounted: a unit is there twice, or was not due.
        """
        standing, paths = self.state.chunks[chunk], self.paths.chunk(chunk)
        if standing.step != step:
            raise IllegalMove(f"{chunk} cannot settle {step!r}: it stands at {standing.step!r}")
        sends_back = next(spec.retry_step for spec in self.state.steps if spec.name == step)
        settle(
            paths,
            step,
            valid,
            failed,
            ({**row, "sent_back_to": sends_back} for row in returned) if sends_back else None,
            round=standing.round,
            detour=self._detour(chunk),
            order=(unit["unit_id"] for unit in read_jsonl(paths.input)),
        )

    def write_children(self, chunk: str, units: Iterable[Mapping[str, Any]]) -> list[int]:
        """Write the units that a chunk was fanned out into; return the sizes of their chunks."""
        return write_children(self.paths, chunk, units, self.state.spec.chunk_size)

    def close_round(
        self, chunk: str, step: str, counts: Counts, *, children: Iterable[int] = ()
    ) -> None:
        """Journal that a chunk is through with a step, whose files are settled.

        Args:
            chunk: the chunk.
            step: where it stands.
            counts: what came of the units that were due.
            children: the sizes of the chunks that it was fanned out into.

        Raises:
            IllegalMove: the chunk does not stand at this step.
            Unaccounted: what was due, what the files say and what was counted differ.
        """
        paths, in_round = self.paths.chunk(chunk), self.state.chunks[chunk].round
        due = [unit["unit_id"] for unit in self.due(step, chunk)]
        account(due, paths, step, counts, round=in_round, detour=self._detour(chunk))
        if step == self.state.steps[-1].name and not counts.returned:
            finish_chunk(paths, step)
        if is_retry(chunk):
            counts = self._known(chunk, step, counts, due)
        self._append(fold.round_closed(chunk, step, counts, children))
        self.log(
            "chunk_closed",
            chunk=chunk,
            step=step,
            round=in_round if in_round > 1 else None,
            valid=counts.valid,
            failed=counts.lost,
            sent_back=counts.returned or None,
        )

    def retry_failures(self) -> int:
        """Give all units that have failed another chance; return how many they are."""
        units = 0
        for retry in write_retries(self.paths, self.state):
            self._append(fold.retried(retry))
            units += retry.units
        self.log("retry_failures", units=units)
        return units

    def intend(self, batch: Batch) -> None:
        """Journal a batch that is about to be submitted; nothing is sent before this returns.

        Raises:
            IllegalMove: a chunk of it does not stand at its step.
        """
        self._append(fold.batch_intended(batch))
        self.log("batch_intended", batch=batch.short, step=batch.step, requests=batch.requests)

    def move_batch(self, key: str, state: BatchState, **changes: Any) -> None:
        """Journal how far a batch has come; `changes` are further fields of it.

        Raises:
            IllegalMove: it cannot get there from where it stands.
        """
        self._append(fold.batch_moved(key, state, **changes))
        said = {name: value for name, value in changes.items() if not isinstance(value, datetime)}
        self.log(f"batch_{state.value}", batch=key[:8], **said)

    def look(self) -> int:
        """Count a look at all batches; return its number, over all holders. It is not synced."""
        with self._one_at_a_time:
            self._append(fold.looked(), synced=False)
            return self.state.looks

    def set_status(
        self,
        status: Status,
        *,
        reason: str | None = None,
        error: str | None = None,
        waiting: Waiting | None = None,
        told: Iterable[Told] = (),
    ) -> None:
        """Journal where the run as a whole stands, and why, and what was done at its end.

        Raises:
            IllegalMove: a run that stands where it does cannot go there.
        """
        self._append(
            fold.status_set(status, reason=reason, error=error, waiting=waiting, told=told)
        )
        until = waiting and waiting.until.isoformat(timespec="seconds")
        self.log("status", status=status.value, reason=reason, error=error, until=until)

    def relaunch(self, **changes: Any) -> None:
        """Journal options that hold from now on in place of those the run was made with."""
        self._append(fold.relaunched(changes))
        self.log("launch", **changes)

    def hint(
        self,
        rounds: Mapping[str, tuple[str, Counts]],
        limits: Mapping[str, Any] | None = None,
        *,
        no_room: Sequence[str] = (),
        reserved_usd: Decimal = Decimal(0),
        force: bool = False,
    ) -> None:
        """Tell readers how far the open rounds are; at most once a second, the rest is dropped.

        Args:
            rounds: by chunk, the step it is at and what is known of it so far.
            limits: what providers are waited for, for people.
            no_room: why batches that are ready are not handed in.
            reserved_usd: the most that calls under way may cost.
            force: say it even so soon after the last one: there will be no other.
        """
        with self._one_at_a_time:
            if self._monotonic() < self._next_hint and not force:
                return
            self._next_hint = self._monotonic() + HINT_SECONDS
            self._append(fold.hint(rounds, limits or {}, reserved_usd, no_room), synced=False)

    def snapshot(self, *, force: bool = False) -> None:
        """Write MANIFEST.json and its summary, unless that was done a moment ago."""
        with self._one_at_a_time:
            self._check_open()
            if force or self._monotonic() >= self._next_snapshot:
                self._snapshot()

    def summarize(self) -> None:
        """Write the summary alone: other runs reckon with what it says of batches."""
        with self._one_at_a_time:
            self._check_open()
            write_summary(self.paths, self.state, at=self._clock())

    def log(self, word: str, **fields: object) -> None:
        """Write a line for people, if that is possible; a closed run has no more to say."""
        self._run_log.add(word, **fields)

    def trace(
        self,
        *,
        provider: str,
        model: str,
        step: str,
        chunk: str,
        unit: str,
        attempt: int,
        seconds: float,
        status: str,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
    ) -> None:
        """Write a line about one request: never a key, never a prompt."""
        self._trace_log.add(
            "asked",
            provider=provider,
            model=model,
            at=f"{step}/{chunk}",
            unit=unit,
            attempt=attempt,
            seconds=seconds,
            status=status,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
        )

    def close(self) -> None:
        """Write a last snapshot and give the run up; a second call does nothing."""
        with self._one_at_a_time:
            if self._closed:
                return
            self._closed = True
            try:
                self._snapshot()
                self.paths.pid.unlink(missing_ok=True)
                self.log("closed", epoch=self._epoch)
            finally:
                _held.pop(self.paths.dir, None)
                self._lock.release()
                dump_no_stacks()
                for file in (self._journal, self._run_log, self._trace_log):
                    file.close()

    def _known(self, chunk: str, step: str, counts: Counts, due: Iterable[str]) -> Counts:
        """Return the counts of a retry's round, saying how many units had been here before."""
        places = [spec.name for spec in self.state.steps]
        reached = furthest(self.paths.chunk(chunk))
        again = {unit for unit in due if places.index(reached[unit]) >= places.index(step)}
        passed = read_jsonl(self.paths.chunk(chunk).validated(step))
        mended = sum(row["unit_id"] in again for row in passed)
        return replace(counts, again=len(again), mended=mended)

    def _detour(self, chunk: str) -> frozenset[str] | None:
        """Return the units of the detour that a chunk is in; None outside."""
        detours = self.state.chunks[chunk].detours
        return detour_ids(self.paths.chunk(chunk), detours[-1]) if detours else None

    def _begin(self, flow_run: str | None, deployment: str | None) -> None:
        damaged = keep_damaged(self.paths.manifest, at=self._clock())
        holder = self._lock.holder
        self._append(
            fold.opened(pid=holder.pid, host=holder.host, flow_run=flow_run, deployment=deployment)
        )
        self.paths.pid.write_text(f"{holder.pid}\n")
        self.log(
            "opened",
            epoch=self._epoch,
            pid=holder.pid,
            flow_run=flow_run,
            damaged_manifest=damaged and damaged.name,
            torn_bytes=self._journal.torn_bytes or None,
        )
        dump_stacks(self._run_log)
        _held[self.paths.dir] = self

    def _append(self, event: fold.Event, *, synced: bool = True) -> None:
        with self._one_at_a_time:
            self._check_open()
            self._journal.append(event, epoch=self._epoch, synced=synced)

    def _snapshot(self) -> None:
        began = self._monotonic()
        self._journal.check_ours()
        self._journal.sync()  # a manifest must not know more than the journal on disk
        replayed = Replayed(self._journal.state, self._journal.end)
        write_snapshot(self.paths, replayed, at=self._clock())
        ended = self._monotonic()
        pause = max(SNAPSHOT_SECONDS, SNAPSHOT_SHARE * (ended - began))
        self._next_snapshot = ended + pause

    def _check_open(self) -> None:
        """Make sure that the descriptors are still ours: after `close` they may be any file's."""
        if self._closed:
            raise IllegalMove(
                f"{self.paths.dir} was closed by this process and takes no more: open it again"
            )


def snapshot_of(run_dir: Path) -> bool:
    """Bring a run's manifest up to date, for a hook: never raises, says whether it was possible.

    The process that holds the run writes it as that run; any other only while nobody holds it.
    """
    try:
        paths = RunPaths(run_dir.resolve())
        if (run := _held.get(paths.dir)) is not None:
            run.snapshot()
            return True
        if not paths.journal.is_file():
            return False
        with briefly(paths.lock) as free:
            if free:
                write_snapshot(paths, replay(paths.journal), at=now())
            return free
    except Exception:  # a hook must never fail a run
        logging.getLogger("runs").exception("No snapshot of %s", run_dir)
        return False
