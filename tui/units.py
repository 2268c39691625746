"""An index of the units of an open run: where each is on disk, and how it stands at each step.

It is compact (some 50 bytes a unit), and grows and changes in place, chunk by chunk; what a unit
says is read on demand (`tui.story`).
"""

import re
import time
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from enum import IntEnum

from runs import Chunk, ChunkPaths, Chunks, RunPaths, RunState, Stage, detour_ids, loads
from runs.attempts import RAW
from runs.counts import ANSWERED
from runs.jsonl import read_jsonl
from tui.again import begun_again
from tui.stamps import UNREADABLE, Stamp, stamp_of

__all__ = ["UnitIndex", "UnitState"]


class UnitState(IntEnum):
    """How a unit stands at a step; the number is what the index keeps."""

    NOT_HERE = 0
    """It has not come to this step, and may never."""
    WAITING = 1
    """It is due here: not asked yet, or not answered."""
    IN_BATCH = 2
    """It is in a batch at a provider."""
    ANSWERED = 3
    """There is a reply; the verdict is on disk when its whole chunk is through."""
    RETRYING = 4
    """It was asked more than once in this round, or the last call brought nothing."""
    PASSED = 5
    SKIPPED = 6
    """The step is not for it."""
    SENT_BACK = 7
    """To an earlier step, or to another chunk, to be made anew."""
    FAILED = 8
    """What a model said does not pass."""
    FAILED_BY_FAULT = 9

    @property
    def word(self) -> str:
        """Return what it is called on screens and in filters."""
        return self.name.lower().replace("_", " ")


FIRST_FIELD = re.compile(rb'^\{"unit_id": ?"([^"\\\n]*)"', re.MULTILINE)


class UnitIndex:
    """The units of one run, numbered in the order in which their chunks were read."""

    def __init__(self, run: RunPaths, state: RunState) -> None:
        """Take a run; nothing is read before `look`."""
        self.run = run
        self.steps = tuple(step.name for step in state.steps)
        self._asks = {step.name for step in state.steps if step.provider is not None}
        self._places = {name: place for place, name in enumerate(self.steps)}
        self._seen = Chunks(())
        self._due: dict[str, None] = {}
        self._open: dict[str, Stamp | None] = {}
        self._names: list[str] = []
        self._ordinals: dict[str, int] = {}
        self._first = array("Q")
        """Of each chunk: the number of its first unit."""
        self._chunk = array("I")
        self._ids = bytearray()
        """All ids, each with a newline behind it."""
        self._id_ends = array("Q")
        self._offsets = array("Q")
        self._lengths = array("I")
        self._columns = tuple(bytearray() for _ in self.steps)

    def __len__(self) -> int:
        return len(self._chunk)

    def id_of(self, unit: int) -> str:
        """Return the id of a unit, by its number."""
        begin = self._id_ends[unit - 1] if unit else 0
        return self._ids[begin : self._id_ends[unit] - 1].decode("utf-8", "replace")

    def chunk_of(self, unit: int) -> str:
        """Return the chunk that a unit is in."""
        return self._names[self._chunk[unit]]

    def state_of(self, unit: int, step: str) -> UnitState:
        """Return how a unit stands at a step."""
        return UnitState(self._columns[self._places[step]][unit])

    def standing(self, unit: int) -> tuple[str, UnitState]:
        """Return the last step that a unit has come to, and how it stands there."""
        for step, column in zip(reversed(self.steps), reversed(self._columns), strict=True):
            if column[unit] and column[unit] != UnitState.SENT_BACK:
                return step, UnitState(column[unit])
        for step, column in zip(self.steps, self._columns, strict=True):
            if column[unit]:
                return step, UnitState(column[unit])
        return self.steps[0], UnitState.NOT_HERE

    def input_of(self, unit: int) -> bytes:
        """Return the line of the input that a unit came from, by seek."""
        with self.run.chunk(self.chunk_of(unit)).input.open("rb") as lines:
            lines.seek(self._offsets[unit])
            return lines.read(self._lengths[unit])

    def ids(self) -> Sequence[bytes]:
        """Return all ids, in the order of the numbers."""
        return bytes(self._ids).split(b"\n")[: len(self)]

    def column(self, step: str) -> bytes:
        """Return the states of all units at a step."""
        return bytes(self._columns[self._places[step]][: len(self)])

    def chunks(self) -> Iterator[tuple[str, int, int]]:
        """Yield each chunk that is in here, its first unit, and the one behind its last."""
        for at, name in enumerate(self._names):
            end = self._first[at + 1] if at + 1 < len(self._first) else len(self)
            yield name, self._first[at], end

    def look(
        self,
        state: RunState,
        *,
        most_seconds: float | None = None,
        timer: Callable[[], float] = time.monotonic,
    ) -> bool:
        """Take in what has changed; return False if time was up before all of it was.

        Chunks whose files cannot be read (torn, or not there yet) are tried again.
        """
        self._due.update((c.name, None) for _, c in state.chunks.differing(self._seen))
        self._seen = state.chunks
        for name, stamp in self._open.items():
            if stamp != self._stamp(state.chunks[name]):
                self._due[name] = None
        until = None if most_seconds is None else timer() + most_seconds
        for name in list(self._due):
            try:
                self._take(state.chunks, state.chunks[name])
            except UNREADABLE:
                continue
            del self._due[name]
            if until is not None and timer() > until:
                return False
        return True

    def _take(self, chunks: Chunks, chunk: Chunk) -> None:
        if chunk.name not in self._ordinals:
            self._add(chunk)
        begin, end = self._span(chunk.name)
        if chunk.step is None:
            self._open.pop(chunk.name, None)
        else:
            self._open[chunk.name] = self._stamp(chunk)
        standing = _Standing(self.run.chunk(chunk.name), chunk, self.steps, self._asks)
        rows = standing.rows(self._numbers(begin, end), begun_again(self.run, chunks, chunk))
        for column, row in zip(self._columns, rows, strict=True):
            column[begin:end] = row

    def _add(self, chunk: Chunk) -> None:
        """Number the units of a chunk, by one reading of its input."""
        data = self.run.chunk(chunk.name).input.read_bytes()
        ids, offsets, lengths = _lines(data, chunk.items)
        self._ordinals[chunk.name] = len(self._names)
        self._names.append(chunk.name)
        self._first.append(len(self))
        end = len(self._ids)
        for unit_id in ids:
            end += len(unit_id) + 1
            self._id_ends.append(end)
        self._ids += b"\n".join(ids) + b"\n" if ids else b""
        self._offsets.extend(offsets)
        self._lengths.extend(lengths)
        for column in self._columns:
            column.extend(bytes(len(ids)))
        # Last: this is what the others' lengths are cut to.
        self._chunk.extend([self._ordinals[chunk.name]] * len(ids))

    def _span(self, chunk: str) -> tuple[int, int]:
        at = self._ordinals[chunk]
        end = self._first[at + 1] if at + 1 < len(self._first) else len(self)
        return self._first[at], end

    def _numbers(self, begin: int, end: int) -> dict[str, int]:
        """Return the place in its chunk of each unit."""
        first = self._id_ends[begin - 1] if begin else 0
        ids = self._ids[first : self._id_ends[end - 1]].split(b"\n")[:-1] if end > begin else ()
        return {unit_id.decode("utf-8", "replace"): place for place, unit_id in enumerate(ids)}

    def _stamp(self, chunk: Chunk) -> Stamp | None:
        return stamp_of(self.run.chunk(chunk.name).results(chunk.step)) if chunk.step else None


class _Standing:
    """How the units of one chunk stand."""

    def __init__(
        self, paths: ChunkPaths, chunk: Chunk, steps: tuple[str, ...], asks: set[str]
    ) -> None:
        self._paths = paths
        self._chunk = chunk
        self._steps = steps
        self._asks = asks

    def rows(self, places: dict[str, int], elsewhere: frozenset[str]) -> list[bytearray]:
        """Return the states of all units, step by step."""
        chunk, n = self._chunk, len(places)
        rows = [bytearray(n) for _ in self._steps]
        first = self._steps.index(chunk.first)
        for at in range(first, self._passed_to()):
            rows[at][:] = bytes([UnitState.PASSED]) * n
        if chunk.step is not None and not chunk.detours:
            self._here(rows, places, places.keys())
        for depth in range(len(chunk.detours)):
            self._detour(rows, places, depth)
        for at, step in enumerate(self._steps):
            if counts := chunk.counts.get(step):
                if counts.skipped:
                    self._skipped(rows[at], step, places)
                if counts.lost or chunk.moved:
                    self._failed(rows, at, places, elsewhere)
        return rows

    def _passed_to(self) -> int:
        """Return the place of the first step that not all units which are alive have passed."""
        chunk = self._chunk
        if chunk.detours:
            return self._steps.index(chunk.detours[0].step) + 1
        if chunk.step is not None:
            return self._steps.index(chunk.step)
        if chunk.stage is Stage.VALIDATED:
            return len(self._steps)
        return max((self._steps.index(step) + 1 for step in chunk.counts), default=0)

    def _detour(self, rows: list[bytearray], places: dict[str, int], depth: int) -> None:
        """Take units that were sent back: not through the steps that they go through again."""
        chunk = self._chunk
        detour = chunk.detours[depth]
        inner = chunk.detours[depth + 1].step if depth + 1 < len(chunk.detours) else None
        begin = self._steps.index(inner or chunk.step or detour.to)
        end = self._steps.index(detour.step)
        ids = detour_ids(self._paths, detour)
        for unit_id in ids & places.keys():
            place = places[unit_id]
            for at in range(begin, end):
                rows[at][place] = UnitState.NOT_HERE
            rows[end][place] = UnitState.SENT_BACK
            if inner is not None:
                rows[begin][place] = UnitState.PASSED
        if inner is None:
            self._here(rows, places, ids & places.keys())

    def _here(self, rows: list[bytearray], places: dict[str, int], due: Collection[str]) -> None:
        """Take the units that are due at the step the chunk is at, by what came back so far."""
        chunk = self._chunk
        assert chunk.step is not None, "it is at a step"
        row = rows[self._steps.index(chunk.step)]
        waiting = UnitState.IN_BATCH if chunk.stage is Stage.SUBMITTED else UnitState.WAITING
        answered = _answered(self._paths, chunk.step)
        for unit_id in due:
            row[places[unit_id]] = answered.get(unit_id, waiting)

    def _skipped(self, row: bytearray, step: str, places: dict[str, int]) -> None:
        """Take the units that a step was not for: they passed it, and nobody asked about them."""
        if self._chunk.counts[step].valid == 0:
            row[:] = row.replace(bytes([UnitState.PASSED]), bytes([UnitState.SKIPPED]))
        elif step in self._asks:
            asked = {unit_id for unit_id, *_ in _heads(self._paths, step)}
            for unit_id, place in places.items():
                if row[place] == UnitState.PASSED and unit_id not in asked:
                    row[place] = UnitState.SKIPPED

    def _failed(
        self, rows: list[bytearray], at: int, places: dict[str, int], elsewhere: frozenset[str]
    ) -> None:
        path = self._paths.failures(self._steps[at])
        if not path.exists():
            return
        for record in read_jsonl(path):
            unit_id = record["unit_id"]
            if (place := places.get(unit_id)) is None:
                continue
            answered = record.get("failure_stage") in ANSWERED
            failed = UnitState.FAILED if answered else UnitState.FAILED_BY_FAULT
            rows[at][place] = UnitState.SENT_BACK if unit_id in elsewhere else failed
            for later in rows[at + 1 :]:
                later[place] = UnitState.NOT_HERE


def _answered(paths: ChunkPaths, step: str) -> dict[str, UnitState]:
    """Return how units stand that were asked in the round that is open; others are not in it.

    Rounds are a unit's own: those that are due have come back as often as their last record says.
    """
    rounds: dict[str, tuple[int, UnitState]] = {}
    sent_back = _sent_back(paths)
    for unit_id, number, attempt, error in _heads(paths, step):
        if number <= sent_back.get(unit_id, 0):
            continue
        again = attempt > 1 or error
        rounds[unit_id] = number, UnitState.RETRYING if again else UnitState.ANSWERED
    return {unit_id: state for unit_id, (_, state) in rounds.items()}


def _sent_back(paths: ChunkPaths) -> dict[str, int]:
    """Return the last round in which each unit was sent back."""
    rounds: dict[str, int] = {}
    for path in paths.dir.glob("*_returned.jsonl"):
        for record in read_jsonl(path):
            unit_id = record["unit_id"]
            rounds[unit_id] = max(rounds.get(unit_id, 0), int(record["round"]))
    return rounds


def _heads(paths: ChunkPaths, step: str) -> Iterator[tuple[str, int, int, bool]]:
    """Yield unit, round and attempt of each call of a step, and whether it brought nothing."""
    path = paths.results(step)
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            head, found, _ = line.rstrip().partition(RAW)
            try:
                row = loads(head + b"}" if found else head)
                yield row["unit_id"], row["round"], row["attempt"], row.get("error") is not None
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # torn, or damaged: its unit is asked again


def _lines(data: bytes, expected: int) -> tuple[list[bytes], list[int], list[int]]:
    """Return the ids, offsets and lengths of the lines of an input."""
    found = list(FIRST_FIELD.finditer(data))
    if len(found) == expected:
        offsets = [match.start() for match in found]
        ids = [match[1] for match in found]
    else:
        ids, offsets, at = list[bytes](), list[int](), 0
        for line in data.splitlines(keepends=True):
            unit_id = str(loads(line)["unit_id"]).replace("\n", " ")
            ids.append(unit_id.encode("utf-8", "replace"))
            offsets.append(at)
            at += len(line)
    ends = [*offsets[1:], len(data)]
    return ids, offsets, [end - begin for begin, end in zip(offsets, ends, strict=True)]
