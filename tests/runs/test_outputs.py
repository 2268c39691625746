"""Derived files: the same bytes from the same input, whole or not at all, in input order."""

import errno
import json

import pytest

from runs import (
    NotDurable,
    Run,
    Unaccounted,
    collect_outputs,
    files,
    finish_chunk,
    read_jsonl,
    settle,
)
from runs.paths import ChunkPaths, RunPaths

UNITS = [{"unit_id": f"u{i}", "text": "ä\n", "n": i / 3} for i in range(4)]
FAILURES = [{"unit_id": "u9", "failure_stage": "validation", "errors": []}]


@pytest.fixture
def chunk(tmp_path):
    folder = tmp_path / "chunk_000"
    folder.mkdir()
    return ChunkPaths(folder)


def test_settling_is_deterministic(chunk):
    """Twice the same is the same bytes, one row a line, in the order given."""
    settle(chunk, "generate", UNITS, FAILURES)
    first = chunk.validated("generate").read_bytes(), chunk.failures("generate").read_bytes()
    settle(chunk, "generate", iter(UNITS), iter(FAILURES))
    assert (
        chunk.validated("generate").read_bytes(),
        chunk.failures("generate").read_bytes(),
    ) == first
    assert list(read_jsonl(chunk.validated("generate"))) == UNITS
    assert list(read_jsonl(chunk.failures("generate"))) == FAILURES
    assert sorted(path.name for path in chunk.dir.iterdir()) == [
        "generate_failures.jsonl",
        "generate_validated.jsonl",
    ]


@pytest.mark.parametrize(("valid", "failed"), [([0, 1, 0], []), ([0, 1], [1]), ([], [2, 2])])
def test_a_unit_is_settled_once(chunk, valid, failed):
    """Not twice valid, and not valid and failed: nothing is written then."""
    with pytest.raises(Unaccounted, match="settled twice"):
        settle(chunk, "generate", [UNITS[i] for i in valid], [UNITS[i] for i in failed])
    assert not list(chunk.dir.iterdir())


def test_values_that_a_strict_writer_refuses_are_written(chunk):
    """Lone surrogates and long integers come from people and models."""
    rows = [{"unit_id": "u1", "text": "\ud800", "n": 2**70}]
    settle(chunk, "generate", rows, [])
    assert [
        json.loads(line) for line in chunk.validated("generate").read_text().splitlines()
    ] == rows


def test_an_interrupted_rewrite_leaves_the_old_file(chunk, monkeypatch):
    """Readers never see half a file."""
    settle(chunk, "generate", UNITS, FAILURES)
    before = chunk.validated("generate").read_bytes()
    monkeypatch.setattr(files, "sync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        settle(chunk, "generate", UNITS[:1], [])
    assert chunk.validated("generate").read_bytes() == before


def test_finishing_copies_what_passed_the_last_step(chunk):
    """It is the same bytes; a chunk that lost all its units has none."""
    settle(chunk, "score", UNITS, [])
    finish_chunk(chunk, "score")
    assert chunk.final.read_bytes() == chunk.validated("score").read_bytes()


def test_outputs_hold_every_unit_once_in_input_order(make_run, take):
    """Across chunks, and across the steps at which units failed."""
    run = Run.open(make_run(units=7, chunk_size=3))
    failing = {("chunk_000", "generate"): 1, ("chunk_000", "score"): 1, ("chunk_001", "score"): 3}
    for name in ("chunk_002", "chunk_001", "chunk_000"):
        for step in ("generate", "score"):
            take(run, name, step, failing=failing.get((name, step), 0))
    collect_outputs(run.paths.dir)
    run.close()
    assert [row["unit_id"] for row in read_jsonl(run.paths.results)] == ["u2", "u6"]
    failed = [(row["unit_id"], row["step"]) for row in read_jsonl(run.paths.failures)]
    assert failed == [
        ("u0", "generate"), ("u1", "score"), ("u3", "score"), ("u4", "score"), ("u5", "score"),
    ]  # fmt: skip


def test_failures_of_one_chunk_are_in_input_order_whatever_the_step(make_run, take):
    """A unit that failed late stands before a later one that failed early."""
    run = Run.open(make_run(units=3))
    paths = run.paths.chunk("chunk_000")
    rows = {unit["unit_id"]: unit for unit in read_jsonl(paths.input)}
    settle(paths, "generate", [rows["u0"], rows["u2"]], [rows["u1"]])
    settle(paths, "score", [], [rows["u2"], rows["u0"]])
    collect_outputs(run.paths.dir)
    run.close()
    assert [row["unit_id"] for row in read_jsonl(run.paths.failures)] == ["u0", "u1", "u2"]


def test_outputs_of_an_unfinished_run_hold_what_is_there(make_run):
    """Nothing yet is two empty files."""
    run = RunPaths(make_run())
    collect_outputs(run.dir)
    assert (run.results.read_bytes(), run.failures.read_bytes()) == (b"", b"")


def _full(*_):
    raise NotDurable(errno.ENOSPC, "no space")


@pytest.mark.parametrize("failing", ["sync", "rows"])
def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch, failing):
    path = tmp_path / "file"
    files.write_whole(path, [b"old"])
    if failing == "sync":
        monkeypatch.setattr(files, "sync", _full)
    with pytest.raises(OSError, match="no space"):
        files.write_whole(path, iter(_full, None) if failing == "rows" else [b"new"])
    assert not list(tmp_path.glob(".*"))
    assert path.read_bytes() == b"old"
