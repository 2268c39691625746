"""Another chance for units that failed: in chunks of their own, beside those they failed in."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runs.files import sync_dir, write_whole
from runs.jsonl import dumps, read_jsonl
from runs.outputs import entry
from runs.paths import ChunkPaths, RunPaths, is_retry, retry_name
from runs.rounds import Retry
from runs.state import RunState, StepSpec

__all__ = ["furthest", "write_retries"]


def write_retries(run: RunPaths, state: RunState) -> Iterator[Retry]:
    """Write chunks of all units that have failed so far, and yield them one by one.

    A unit begins where it failed, or where it might have been sent back to from there on: what is
    wrong with it is made anew. Doing it twice is doing it once.
    """
    for name, chunk in state.chunks.items():
        if chunk.terminal and chunk.lost:
            yield from _Parent(run, state, name).retries()


def furthest(chunk: ChunkPaths) -> Mapping[str, str]:
    """Return the last step that each unit of a retry had come to when it failed."""
    return {row["unit_id"]: row["step"] for row in read_jsonl(chunk.before)}


@dataclass(frozen=True, slots=True)
class _Parent:
    """A chunk in which units have failed."""

    run: RunPaths
    state: RunState
    name: str

    @property
    def paths(self) -> ChunkPaths:
        return self.run.chunk(self.name)

    def retries(self) -> Iterator[Retry]:
        """Write its units that failed as chunks, one for each step that some of them begin at."""
        by_first: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in self._failures():
            by_first[_first(record["step"], self.state.steps)].append(record)
        for index, (first, records) in enumerate(by_first.items(), len(self._earlier())):
            name = retry_name(self.name, index)
            self._write(name, first, self._reached(records))
            yield Retry(self.name, name, first, len(records), _by_step(records))

    def _earlier(self) -> list[str]:
        children = self.state.chunks.children(self.name)
        return [name for name in children if is_retry(name, self.name)]

    def _failures(self) -> list[dict[str, Any]]:
        """Return the records of the units that have not got another chance yet."""
        gone = {
            unit["unit_id"]
            for name in self._earlier()
            for unit in read_jsonl(self.run.chunk(name).input)
        }
        files = [self.paths.failures(step.name) for step in self.state.steps]
        rows = (row for file in files if file.exists() for row in read_jsonl(file))
        return [row for row in rows if row["unit_id"] not in gone]

    def _reached(self, records: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
        """Return the last step that units have come to: one that sent them back, it may be."""
        reached = {record["unit_id"]: record["step"] for record in records}
        places = [step.name for step in self.state.steps]
        for step in self.state.steps:
            file = self.paths.returned(step.name)
            rows = read_jsonl(file) if file.exists() else ()
            for unit_id in {row["unit_id"] for row in rows} & reached.keys():
                reached[unit_id] = max(reached[unit_id], step.name, key=places.index)
        return reached

    def _write(self, name: str, first: str, reached: Mapping[str, str]) -> None:
        chunk = self.run.chunk(name)
        chunk.dir.mkdir(mode=0o700, exist_ok=True)
        entering = read_jsonl(entry(self.run, self.state, first, self.name))
        units = [unit for unit in entering if unit["unit_id"] in reached]
        before = [{"unit_id": u["unit_id"], "step": reached[u["unit_id"]]} for u in units]
        write_whole(chunk.input, map(_line, units))
        write_whole(chunk.before, map(_line, before))
        sync_dir(self.run.dir)


def _first(step: str, steps: Sequence[StepSpec]) -> str:
    """Return where a unit that failed at a step begins again: nothing ahead sends it further."""
    places = [spec.name for spec in steps]
    first = places.index(step)
    for place, spec in reversed(list(enumerate(steps))):
        # From the end on: a way back may lead before a step that sends back further still.
        if place >= first and spec.retry_step:
            first = min(first, places.index(spec.retry_step))
    return places[first]


def _by_step(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    by_step: defaultdict[str, Counter[str]] = defaultdict(Counter[str])
    for record in records:
        by_step[record["step"]][record["failure_stage"]] += 1
    return {step: dict(classes) for step, classes in by_step.items()}


def _line(row: Mapping[str, Any]) -> bytes:
    return dumps(row) + b"\n"
