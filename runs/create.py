"""Make a run: freeze the pipeline, stream the units into chunks, journal `created` last of all."""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice
from pathlib import Path, PurePath
from typing import Any

from runs.errors import RunExists
from runs.files import sync, sync_dir, write_whole
from runs.fold import chunk_sizes, created
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


def create(
    run_dir: Path,
    spec: RunSpec,
    files: Iterable[tuple[Path, PurePath]],
    units: Iterable[Mapping[str, Any]],
    *,
    clock: Clock = now,
) -> Path:
    """Fill the folder of a new run and return it; memory stays flat however many units come.

    `files` are copied byte for byte to their place in the run (the second path); of one above 10 MB
    only path, size and hash are kept. The journal comes last: a folder without one is half made.

    Raises:
        RunExists: the folder is not empty.
    """
    run = RunPaths(run_dir)
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(run_dir.iterdir()):
        raise RunExists(
            f"{run_dir} is not empty. Go on with the run that is there (octobatch run "
            f"{run_dir.name}), or remove the folder if its making was interrupted."
        )
    try:
        frozen = tuple(_freeze(source, run_dir, place) for source, place in files)
        total = _write_chunks(run, iter(units), spec.chunk_size)
        _sync_chunks(run, len(chunk_sizes(total, spec.chunk_size)))
        sync_dir(run_dir)
        line = encode({"seq": 1, "epoch": 0, "at": stamp(clock()), **created(spec, total, frozen)})
        write_whole(run.journal, [line])
    except BaseException:
        shutil.rmtree(run_dir, ignore_errors=True)  # it was empty: all of it is ours
        raise
    write_snapshot(run, replay(run.journal), at=clock())
    return run_dir


def _freeze(source: Path, run_dir: Path, place: PurePath) -> FrozenFile:
    size = source.stat().st_size
    with source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if size > LARGEST_COPY_BYTES:
        return FrozenFile(str(source.resolve()), size, sha256, copied=False)
    copy = run_dir / place
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(copy, [source.read_bytes()])
    return FrozenFile(place.as_posix(), size, sha256, copied=True)


def _write_chunks(run: RunPaths, units: Iterator[Mapping[str, Any]], chunk_size: int) -> int:
    total = 0
    for index in count():
        lines = [dumps(unit) for unit in islice(units, chunk_size)]
        if not lines:
            break
        total += len(lines)
        chunk = run.chunk(chunk_name(index))
        chunk.dir.mkdir(mode=0o700)
        chunk.input.write_bytes(b"\n".join([*lines, b""]))
    return total


def _sync_chunks(run: RunPaths, chunks: int) -> None:
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:
        for _ in pool.map(_sync_chunk, (run.chunk(chunk_name(i)) for i in range(chunks))):
            pass


def _sync_chunk(chunk: ChunkPaths) -> None:
    with chunk.input.open("rb") as file:
        sync(file.fileno())
    sync_dir(chunk.dir)
