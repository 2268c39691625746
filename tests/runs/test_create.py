"""A new run: what it is made of, its units in chunks, and the journal last of all."""

import hashlib
import tracemalloc
from pathlib import PurePath

import pytest

from runs import Liveness, RunExists, RunNotFound, Stage, Status, create, is_run, read, read_jsonl
from runs.manifest import from_json
from runs.paths import RunPaths


def _units(n):
    return ({"unit_id": f"u{i}"} for i in range(n))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "new"


def test_units_stream_into_chunks_in_order(folder, make_spec):
    """All chunks are full but the last, and joined they are the input."""
    create(folder, make_spec(chunk_size=3), [], _units(8))
    state = read(folder).state
    assert {name: chunk.items for name, chunk in state.chunks.items()} == {
        "chunk_000": 3,
        "chunk_001": 3,
        "chunk_002": 2,
    }
    run = RunPaths(folder)
    stored = [unit for name in state.chunks for unit in read_jsonl(run.chunk(name).input)]
    assert stored == list(_units(8))


def test_a_new_run_is_pending_at_its_first_step(folder, make_spec):
    """Nobody has worked on it, and its manifest says so."""
    create(folder, make_spec(), [], _units(1))
    view = read(folder)
    assert (view.state.status, view.liveness) == (Status.PENDING, Liveness.PENDING)
    chunk = view.state.chunks["chunk_000"]
    assert (chunk.step, chunk.stage) == ("generate", Stage.PENDING)
    assert view.state.spec == make_spec()
    assert b'"generate_PENDING"' in view.paths.manifest.read_bytes()


def test_the_folder_is_its_owners_only(folder, make_spec):
    """Prompts and replies are nobody else's business."""
    create(folder, make_spec(), [], _units(1))
    assert folder.stat().st_mode & 0o777 == 0o700


def test_no_units_make_a_run_without_chunks(folder, make_spec):
    """It is at its end at once, and no fault."""
    create(folder, make_spec(), [], _units(0))
    assert (read(folder).state.units, len(read(folder).state.chunks)) == (0, 0)


def test_files_are_copied_byte_for_byte(folder, make_spec, tmp_path):
    """In their places, with their hashes."""
    source = tmp_path / "generate.jinja2"
    source.write_bytes(b"{{ npc }}\r\n\xff")
    create(folder, make_spec(), [(source, PurePath("templates/generate.jinja2"))], _units(1))
    assert (folder / "templates" / "generate.jinja2").read_bytes() == source.read_bytes()
    [file] = read(folder).state.files
    assert (file.path, file.size_bytes, file.copied) == ("templates/generate.jinja2", 12, True)
    assert file.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


def test_a_large_file_is_named_not_copied(folder, make_spec, tmp_path):
    """Items of gigabytes are in the chunks already."""
    source = tmp_path / "items.jsonl"
    source.write_bytes(b" " * 10_000_001)
    create(folder, make_spec(), [(source, PurePath("items.jsonl"))], _units(1))
    assert not (folder / "items.jsonl").exists()
    [file] = read(folder).state.files
    assert (file.path, file.size_bytes, file.copied) == (str(source), 10_000_001, False)
    assert file.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


@pytest.mark.parametrize("size", [6, 10_000_001])
def test_a_file_that_is_there_already_is_frozen_where_it_is(folder, make_spec, size):
    """What came by standard input is in the run's folder before the run is, however large."""
    folder.mkdir(parents=True)
    items = folder / "items.jsonl"
    items.write_bytes(b"\n" * size)
    create(folder, make_spec(), [(items, PurePath("items.jsonl"))], _units(1))
    [file] = read(folder).state.files
    assert (file.path, file.size_bytes, file.copied) == ("items.jsonl", size, True)
    assert items.stat().st_size == size


def test_a_chunk_is_written_whole_whatever_its_size(folder, make_spec):
    """It goes to the disk a block at a time."""
    create(folder, make_spec(chunk_size=2500), [], _units(4000))
    run = RunPaths(folder)
    sizes = {name: chunk.items for name, chunk in read(folder).state.chunks.items()}
    assert sizes == {"chunk_000": 2500, "chunk_001": 1500}
    stored = [unit for name in sizes for unit in read_jsonl(run.chunk(name).input)]
    assert stored == list(_units(4000))


def test_chunks_beyond_the_thousandth_stay_in_order(folder, make_spec):
    """C18: their names widen, and as text chunk_1000 would come before chunk_101."""
    create(folder, make_spec(chunk_size=1), [], _units(1003))
    state = read(folder).state
    assert list(state.chunks)[998:] == [
        f"chunk_{n}" for n in ("998", "999", "1000", "1001", "1002")
    ]
    run = RunPaths(folder)
    assert [next(read_jsonl(run.chunk(name).input))["unit_id"] for name in state.chunks] == [
        f"u{n}" for n in range(1003)
    ]
    assert list(from_json(run.manifest.read_bytes()).state.chunks) == list(state.chunks)


def test_units_that_cannot_be_made_leave_nothing_behind(folder, make_spec):
    """A duplicate id at line one million is no half run."""

    def broken():
        yield from _units(7)
        raise ValueError("duplicate id")

    with pytest.raises(ValueError, match="duplicate id"):
        create(folder, make_spec(), [], broken())
    assert not folder.exists()


def test_a_making_that_was_killed_is_no_run(folder, make_spec):
    """It has no journal, and is not overwritten by chance."""
    (folder / "chunk_000").mkdir(parents=True)
    assert not is_run(folder)
    with pytest.raises(RunNotFound):
        read(folder)
    with pytest.raises(RunExists, match="remove the folder"):
        create(folder, make_spec(), [], _units(1))
    assert (folder / "chunk_000").exists()


def test_memory_stays_flat(folder, make_spec):
    """Units pass through a chunk at a time."""
    tracemalloc.start()
    create(folder, make_spec(chunk_size=100), [], _units(20_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
