"""Derived files: functions of input, results and pipeline, put in place whole, in input order."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from runs.counts import Counts
from runs.errors import Unaccounted
from runs.files import write_whole
from runs.jsonl import dumps, loads, read_jsonl
from runs.paths import ChunkPaths, RunPaths
from runs.view import read

__all__ = ["account", "collect_outputs", "finish_chunk", "settle"]

BLOCK_BYTES = 1 << 18


def settle(
    chunk: ChunkPaths,
    step: str,
    valid: Iterable[Mapping[str, Any]],
    failed: Iterable[Mapping[str, Any]],
) -> None:
    """Write down what came of a chunk at a step: `_validated` and `_failures`, in the order given.

    Raises:
        Unaccounted: a unit is there twice; nothing was changed.
    """
    seen: set[str] = set()
    passed = [_line(unit, seen) for unit in valid]
    lost = [_line(failure, seen) for failure in failed]
    write_whole(chunk.validated(step), passed)
    write_whole(chunk.failures(step), lost)


def account(entry: Path, chunk: ChunkPaths, step: str, counts: Counts) -> None:
    """Make sure, by ids, that every unit of `entry` is settled at `step` once, and so counted.

    Raises:
        Unaccounted: it is not; the message names units.
    """
    entered = _ids(entry)
    passed, lost = _ids(chunk.validated(step)), _ids(chunk.failures(step))
    where = f"{chunk.dir.name} at {step!r}"
    if strays := entered ^ (passed | lost) or passed & lost:
        raise Unaccounted(
            f"{where}: {len(strays)} units are settled without having entered, never, or twice: "
            f"{', '.join(sorted(strays)[:3])}"
        )
    if (len(entered), len(passed), len(lost)) != (counts.entered, counts.passed, counts.lost):
        raise Unaccounted(
            f"{where}: {len(passed)} units passed and {len(lost)} failed of {len(entered)}; "
            f"counted were {counts.passed} and {counts.lost} of {counts.entered}"
        )


def finish_chunk(chunk: ChunkPaths, last_step: str) -> None:
    """Write `final_validated`: what passed the last step, and so every step."""
    write_whole(chunk.final, _blocks(chunk.validated(last_step)))


def collect_outputs(run_dir: Path) -> None:
    """Write outputs/results.jsonl and outputs/failures.jsonl: all chunks, in input order."""
    run = RunPaths(run_dir)
    state = read(run_dir).state
    run.outputs.mkdir(mode=0o700, exist_ok=True)
    chunks = [run.chunk(name) for name in state.chunks]
    steps = [step.name for step in state.steps]
    write_whole(run.results, (block for chunk in chunks for block in _blocks(chunk.final)))
    write_whole(run.failures, (line for chunk in chunks for line in _failures(chunk, steps)))


def _line(row: Mapping[str, Any], seen: set[str]) -> bytes:
    unit_id = row["unit_id"]
    if unit_id in seen:
        raise Unaccounted(f"unit {unit_id!r} would be settled twice")
    seen.add(unit_id)
    return dumps(row) + b"\n"


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a derived file; none if the chunk never got so far."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _ids(path: Path) -> set[str]:
    return {row["unit_id"] for row in read_jsonl(path)}


def _failures(chunk: ChunkPaths, steps: Iterable[str]) -> Iterator[bytes]:
    """Yield the failures of all steps in input order: a unit fails once."""
    lines = [line for step in steps for line in _lines(chunk.failures(step))]
    if not lines:
        return
    order = {unit["unit_id"]: place for place, unit in enumerate(read_jsonl(chunk.input))}
    yield from sorted(lines, key=lambda line: order[loads(line)["unit_id"]])


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []
