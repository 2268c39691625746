"""Derived files: functions of input, results and pipeline, put in place whole, in input order."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

from runs.chunks import Detour
from runs.counts import Counts
from runs.errors import Unaccounted
from runs.files import sync_dir, write_whole
from runs.jsonl import dumps, loads, read_jsonl
from runs.paths import ChunkPaths, RunPaths, child_name, tried_first
from runs.state import RunState
from runs.view import read

__all__ = ["CHUNK_ROUND", "account", "collect_outputs", "detour_ids", "entry", "finish_chunk"]
__all__ += ["settle", "write_children"]

BLOCK_BYTES = 1 << 18
CHUNK_ROUND = "chunk_round"
"""In which round of the chunk a unit was sent back; `round` is the unit's own, and may be lower."""


class _Row(NamedTuple):
    unit_id: str
    line: bytes


def settle(
    chunk: ChunkPaths,
    step: str,
    valid: Iterable[Mapping[str, Any]],
    failed: Iterable[Mapping[str, Any]],
    returned: Iterable[Mapping[str, Any]] | None = None,
    *,
    round: int = 1,  # noqa: A002 - the word for it, on disk as well
    detour: Collection[str] | None = None,
    order: Iterable[str] = (),
) -> None:
    """Write down what came of a chunk's round at a step, in the order given or that of `order`.

    In a detour, what is on file of all other units stays, and so do the records of rounds before:
    doing it twice is doing it once.

    Args:
        chunk: where its files are.
        step: the step whose round closes.
        valid: units that passed: `_validated`.
        failed: records of those that did not: `_failures`.
        returned: records of those that are sent back: `_returned`; None at a step that never does.
        round: the round that closes.
        detour: the units of the detour that the chunk is in, whatever has become of them.
        order: all units of the chunk; only needed in a detour.

    Raises:
        Unaccounted: a unit is there twice, or is not in the detour; nothing was changed.
    """
    seen: set[str] = set()
    passed, lost = _rows(valid, seen), _rows(failed, seen)
    back = None
    if returned is not None:
        back = _rows(({**row, CHUNK_ROUND: round} for row in returned), seen)
    if detour is not None:
        if strays := seen.difference(detour):
            raise Unaccounted(f"unit {min(strays)!r} is not among those that were sent back")
        places = {unit_id: place for place, unit_id in enumerate(order)}

        def waits(row: Mapping[str, Any]) -> bool:
            return row["unit_id"] not in detour

        passed = _merged(chunk.validated(step), waits, passed, places)
        lost = _merged(chunk.failures(step), waits, lost, places)
        if back is not None:
            path = chunk.returned(step)
            back = _merged(path, lambda row: row[CHUNK_ROUND] < round, back, places)
    write_whole(chunk.validated(step), (row.line for row in passed))
    write_whole(chunk.failures(step), (row.line for row in lost))
    if back is not None:
        write_whole(chunk.returned(step), (row.line for row in back))


def entry(run: RunPaths, state: RunState, step: str, chunk: str) -> Path:
    """Return the file of the units that enter `step`: the input, or what passed before it."""
    paths = run.chunk(chunk)
    if step == state.chunks[chunk].first:
        return paths.input
    names = [spec.name for spec in state.steps]
    return paths.validated(names[names.index(step) - 1])


def detour_ids(chunk: ChunkPaths, detour: Detour) -> frozenset[str]:
    """Return the units that were sent on a detour, whatever has become of them since."""
    records = read_jsonl(chunk.returned(detour.step))
    return frozenset(row["unit_id"] for row in records if row[CHUNK_ROUND] == detour.sent)


def account(
    due: Iterable[str],
    chunk: ChunkPaths,
    step: str,
    counts: Counts,
    *,
    round: int = 1,  # noqa: A002 - the word for it, on disk as well
    detour: Collection[str] | None = None,
) -> None:
    """Make sure, by ids, that every unit that is due is settled at `step` once, and so counted.

    Raises:
        Unaccounted: it is not; the message names units.
    """
    entered, where = set(due), f"{chunk.dir.name} at {step!r}"
    passed, lost = _ids(chunk.validated(step), detour), _ids(chunk.failures(step), detour)
    back = _ids_sent_back(chunk.returned(step), round)
    often = Counter([*passed, *lost, *back])
    if strays := entered ^ often.keys() or {unit for unit, n in often.items() if n > 1}:
        raise Unaccounted(
            f"{where}: {len(strays)} units are settled without having entered, never, or twice: "
            f"{', '.join(sorted(strays)[:3])}"
        )
    found = (len(entered), len(passed), len(lost), len(back))
    if found != (counts.entered, counts.passed, counts.lost, counts.returned):
        raise Unaccounted(
            f"{where}: {len(passed)} units passed, {len(lost)} failed and {len(back)} were sent "
            f"back of {len(entered)}; counted were {counts.passed}, {counts.lost} and "
            f"{counts.returned} of {counts.entered}"
        )


def write_children(
    run: RunPaths, parent: str, units: Iterable[Mapping[str, Any]], chunk_size: int
) -> list[int]:
    """Write the units that a chunk was fanned out into as chunks of their own; return their sizes.

    Doing it twice is doing it once.
    """
    left, sizes = iter(units), list[int]()
    for index in count():
        lines = [dumps(unit) + b"\n" for unit in islice(left, chunk_size)]
        if not lines:
            break
        chunk = run.chunk(child_name(parent, index))
        chunk.dir.mkdir(mode=0o700, exist_ok=True)
        write_whole(chunk.input, lines)
        sizes.append(len(lines))
    sync_dir(run.dir)
    return sizes


def finish_chunk(chunk: ChunkPaths, last_step: str) -> None:
    """Write `final_validated`: what passed the last step, and so every step."""
    write_whole(chunk.final, _blocks(chunk.validated(last_step)))


def collect_outputs(run_dir: Path) -> None:
    """Write outputs/results.jsonl and outputs/failures.jsonl: all chunks, in input order."""
    run = RunPaths(run_dir)
    state = read(run_dir).state
    run.outputs.mkdir(mode=0o700, exist_ok=True)
    steps = [step.name for step in state.steps]
    families = _families(state)
    write_whole(run.results, (block for one in families for block in _results(run, one)))
    write_whole(run.failures, (line for one in families for line in _failures(run, one, steps)))


def _rows(rows: Iterable[Mapping[str, Any]], seen: set[str]) -> list[_Row]:
    made: list[_Row] = []
    for row in rows:
        unit_id = row["unit_id"]
        if unit_id in seen:
            raise Unaccounted(f"unit {unit_id!r} would be settled twice")
        seen.add(unit_id)
        made.append(_Row(unit_id, dumps(row) + b"\n"))
    return made


def _merged(
    path: Path,
    stays: Callable[[Mapping[str, Any]], bool],
    rows: list[_Row],
    places: Mapping[str, int],
) -> list[_Row]:
    """Return what stays of a file, and `rows`, in order; rows of the same unit as they come."""
    kept: list[_Row] = []
    for line in _lines(path):
        row = loads(line)
        if stays(row):
            kept.append(_Row(row["unit_id"], line))
    return sorted([*kept, *rows], key=lambda row: places[row.unit_id])


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a derived file; none if the chunk never got so far."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _ids(path: Path, detour: Collection[str] | None) -> list[str]:
    """Return the units in a file; in a detour only those that are in it."""
    ids = [row["unit_id"] for row in read_jsonl(path)]
    return ids if detour is None else [unit_id for unit_id in ids if unit_id in detour]


def _ids_sent_back(path: Path, in_round: int) -> list[str]:
    if not path.exists():
        return []
    return [row["unit_id"] for row in read_jsonl(path) if row[CHUNK_ROUND] == in_round]


def _families(state: RunState) -> Iterable[list[str]]:
    """Return chunks in order, each with those in which units that failed in it were tried again."""
    families: dict[str, list[str]] = {}
    for name in state.chunks:
        families.setdefault(tried_first(name), []).append(name)
    return families.values()


def _results(run: RunPaths, family: list[str]) -> Iterable[bytes]:
    """Return what passed every step, in the order of the input."""
    finals = [run.chunk(name).final for name in family]
    if len(family) == 1:
        return _blocks(finals[0])
    lines = [line for final in finals for line in _lines(final)]
    return _in_order(lines, run.chunk(family[0]))


def _failures(run: RunPaths, family: list[str], steps: Iterable[str]) -> Iterable[bytes]:
    """Return the failures of all steps in the order of the input: a unit fails once for good."""
    last: dict[str, bytes] = {}
    for name in family:  # what was tried again comes behind what it was tried again for
        for unit in read_jsonl(run.chunk(name).input) if name != family[0] else ():
            last.pop(unit["unit_id"], None)
        for step in steps:
            for line in _lines(run.chunk(name).failures(step)):
                last[loads(line)["unit_id"]] = line
    return _in_order(last.values(), run.chunk(family[0]))


def _in_order(lines: Collection[bytes], chunk: ChunkPaths) -> Iterable[bytes]:
    """Return lines of units in the order of the input of a chunk."""
    if not lines:
        return ()
    order = {unit["unit_id"]: place for place, unit in enumerate(read_jsonl(chunk.input))}
    return sorted(lines, key=lambda line: order[loads(line)["unit_id"]])


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []
