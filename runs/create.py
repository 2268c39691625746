"""Make a run: freeze the pipeline, stream the units into chunks, journal `created` last of all."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path, PurePath
from typing import Any

from runs.errors import RunExists
from runs.files import append, sync, sync_dir, write_whole
from runs.fold import created
from runs.journal import encode, replay
from runs.jsonl import dumps
from runs.paths import ChunkPaths, RunPaths, chunk_name
from runs.snapshot import write_snapshot
from runs.state import FrozenFile, RunSpec
from runs.times import Clock, now, stamp

__all__ = ["create"]

LARGEST_COPY_BYTES = 10_000_000
SYNCS_AT_ONCE = 8
"""A disk takes many syncs in one go; one after the other they would each wait for it."""
SYNCED_TOGETHER = 500
"""Chunks. Syncing while others are written took longer: threads fight over the interpreter."""
BLOCK_UNITS = 1000


def create(
    run_dir: Path,
    spec: RunSpec,
    files: Iterable[tuple[Path, PurePath]],
    units: Iterable[Mapping[str, Any]],
    *,
    clock: Clock = now,
) -> Path:
    """Fill the folder of a new run and return it; memory stays flat however many units come.

    `files` are copied byte for byte to their place in the run (the second path), unless they are
    there already; of one above 10 MB only path, size and hash are kept. The journal comes last: a
    folder without one is half made.

    Raises:
        RunExists: the folder holds something else.
    """
    run, given = RunPaths(run_dir), list(files)
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not {source for source, _ in given}.issuperset(run_dir.iterdir()):
        raise RunExists(
            f"{run_dir} is not empty. Go on with the run that is there (octobatch run "
            f"{run_dir.name}), or remove the folder if its making was interrupted."
        )
    try:
        frozen = tuple(_freeze(source, run_dir, place) for source, place in given)
        total = _write_chunks(run, iter(units), spec.chunk_size)
        sync_dir(run_dir)
        line = encode({"seq": 1, "epoch": 0, "at": stamp(clock()), **created(spec, total, frozen)})
        write_whole(run.journal, [line])
    except BaseException:
        shutil.rmtree(run_dir, ignore_errors=True)  # it was empty: all of it is ours
        raise
    write_snapshot(run, replay(run.journal), at=clock())
    return run_dir


def _freeze(source: Path, run_dir: Path, place: PurePath) -> FrozenFile:
    copy = run_dir / place
    size = source.stat().st_size
    with source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if source == copy:
            sync(file.fileno())
    if source == copy:
        return FrozenFile(place.as_posix(), size, sha256, copied=True)
    if size > LARGEST_COPY_BYTES:
        return FrozenFile(str(source.resolve()), size, sha256, copied=False)
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(copy, [source.read_bytes()])
    return FrozenFile(place.as_posix(), size, sha256, copied=True)


def _write_chunks(run: RunPaths, units: Iterator[Mapping[str, Any]], chunk_size: int) -> int:
    """Write the units to their chunks and see them on the disk; return how many came."""
    total = 0
    written = _written(run, units, chunk_size)
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:
        while some := list(islice(written, SYNCED_TOGETHER)):
            for _ in pool.map(_sync_chunk, (chunk for chunk, _ in some)):
                pass
            total += sum(size for _, size in some)
    return total


def _written(
    run: RunPaths, units: Iterator[Mapping[str, Any]], chunk_size: int
) -> Iterator[tuple[ChunkPaths, int]]:
    """Yield each chunk as it is written, with its size."""
    for index in count():
        chunk = run.chunk(chunk_name(index))
        size = _write_chunk(chunk, units, chunk_size)
        if not size:
            return
        yield chunk, size


def _write_chunk(chunk: ChunkPaths, units: Iterator[Mapping[str, Any]], chunk_size: int) -> int:
    """Write the next units, a block at a time however large the chunk; return how many came."""
    block = _block(units, chunk_size)
    if not block:
        return 0
    written = 0
    chunk.dir.mkdir(mode=0o700)
    with chunk.input.open("wb", buffering=0) as file:
        while block:
            append(file.fileno(), b"\n".join([*block, b""]))
            written += len(block)
            block = _block(units, chunk_size - written)
    return written


def _block(units: Iterator[Mapping[str, Any]], most: int) -> list[bytes]:
    return [dumps(unit) for unit in islice(units, min(most, BLOCK_UNITS))]


def _sync_chunk(chunk: ChunkPaths) -> None:
    with chunk.input.open("rb") as file:
        sync(file.fileno())
    sync_dir(chunk.dir)
