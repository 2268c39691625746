"""Derived files: the same bytes from the same input, whole or not at all, in input order."""

import errno
import json
from dataclasses import replace

import pytest

from runs import (
    Counts,
    Detour,
    NotDurable,
    Run,
    StepSpec,
    Unaccounted,
    collect_outputs,
    detour_ids,
    files,
    finish_chunk,
    read_jsonl,
    settle,
    totals,
    write_children,
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


def _ids(path):
    return [row["unit_id"] for row in read_jsonl(path)]


def _record(unit, round_number):
    return {"unit_id": unit, "step": "judge", "round": round_number, "errors": []}


def _rows(*units, **fields):
    return [{"unit_id": unit, **fields} for unit in units]


def test_units_that_are_sent_back_have_a_file_only_where_that_happens(chunk):
    """An empty one says that it could have been."""
    settle(chunk, "write", UNITS, [])
    settle(chunk, "judge", UNITS, [], [])
    assert not chunk.returned("write").exists()
    assert chunk.returned("judge").read_bytes() == b""


@pytest.fixture
def judged(chunk):
    """Six units: u1 and u4 passed, u5 failed, the rest was sent back in round 1."""
    back = [_record(unit, 1) for unit in ("u0", "u2", "u3")]
    settle(chunk, "judge", _rows("u1", "u4", n=1), _rows("u5"), back)
    return chunk


ORDER = ("u0", "u1", "u2", "u3", "u4", "u5")
DETOUR = Detour("judge", to="write", round=2, sent=1, passed=2)


def test_a_detour_is_of_the_units_sent_back_in_its_round(judged):
    """Whatever has become of them since."""
    detour = detour_ids(judged, DETOUR)
    assert detour == {"u0", "u2", "u3"}
    settle(
        judged, "judge", _rows("u2"), [], [_record("u0", 2)], round=2, detour=detour, order=ORDER
    )
    assert detour_ids(judged, DETOUR) == detour
    assert detour_ids(judged, replace(DETOUR, round=3, sent=2)) == {"u0"}


def test_in_a_detour_the_others_stay_and_the_order_is_that_of_the_input(judged):
    """The line of a unit that waits is not even written anew; one lost on the way is forgotten."""
    settle(judged, "polish", _rows(*ORDER[:5]), _rows("u5"))
    detour = detour_ids(judged, DETOUR)
    settle(judged, "polish", _rows("u3", "u0", n=2), [], round=2, detour=detour, order=ORDER)
    assert list(read_jsonl(judged.validated("polish"))) == [
        {"unit_id": "u0", "n": 2}, {"unit_id": "u1"}, {"unit_id": "u3", "n": 2}, {"unit_id": "u4"},
    ]  # fmt: skip
    assert _ids(judged.failures("polish")) == ["u5"]
    settle(
        judged, "judge", _rows("u3"), [], [_record("u0", 2)], round=2, detour=detour, order=ORDER
    )
    assert _ids(judged.validated("judge")) == ["u1", "u3", "u4"]
    records = [(row["unit_id"], row["round"]) for row in read_jsonl(judged.returned("judge"))]
    assert records == [("u0", 1), ("u0", 2), ("u2", 1), ("u3", 1)]


def test_settling_a_round_of_a_detour_again_changes_nothing(judged):
    """A crash between the files and the journal, or between two of the files, is undone by it."""
    files_ = judged.validated("judge"), judged.failures("judge"), judged.returned("judge")
    before = [path.read_bytes() for path in files_]

    def close():
        given = _rows("u3"), _rows("u2"), [_record("u0", 2)]
        settle(judged, "judge", *given, round=2, detour={"u0", "u2", "u3"}, order=ORDER)
        return [path.read_bytes() for path in files_]

    after = close()
    assert after != before
    for written in range(4):
        for place, path in enumerate(files_):
            path.write_bytes((after if place < written else before)[place])
        assert close() == after
    assert close() == after


def test_a_unit_outside_the_detour_is_not_settled_in_it(judged):
    """It would be there twice."""
    before = judged.validated("judge").read_bytes()
    with pytest.raises(Unaccounted, match="'u1' is not among those that were sent back"):
        settle(judged, "judge", _rows("u1"), [], [], round=2, detour={"u0"}, order=ORDER)
    assert judged.validated("judge").read_bytes() == before


def test_children_are_chunks_of_their_own(tmp_path):
    """Full but for the last; doing it twice is doing it once, whatever a killed process left."""
    run = RunPaths(tmp_path)
    units = _rows(*(f"u{n}" for n in range(5)))
    for _ in range(2):
        assert write_children(run, "chunk_003", iter(units), 2) == [2, 2, 1]
        assert sorted(path.name for path in tmp_path.glob("chunk_*")) == [
            f"chunk_003_00{index}" for index in range(3)
        ]
        assert _ids(run.chunk("chunk_003_001").input) == ["u2", "u3"]
        run.chunk("chunk_003_001").input.write_text("{")
    assert write_children(run, "chunk_004", [], 2) == []


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


def test_outputs_hold_the_children_of_a_chunk_in_its_place(make_run, take):
    """And what failed before the fan-out before what failed behind it, chunk by chunk."""
    steps = ("write", StepSpec("scenes", "fan_out", None, None), "draw")
    run = Run.open(make_run(units=6, chunk_size=3, steps=steps))
    for name in ("chunk_001", "chunk_000"):
        take(run, name, "write", failing=1)
        parents = run.due("scenes", name)
        run.settle(name, "scenes", valid=parents)
        children = (
            {**unit, "unit_id": f"{unit['unit_id']}__fan00{n}"} for unit in parents for n in (0, 1)
        )
        sizes = run.write_children(name, children)
        run.close_round(name, "scenes", Counts(entered=2, valid=2), children=sizes)
        for child in reversed(run.state.chunks.children(name)):
            take(run, child, "draw", failing=1)
    collect_outputs(run.paths.dir)
    run.close()
    assert list(run.state.chunks) == [
        "chunk_000", "chunk_000_000", "chunk_000_001",
        "chunk_001", "chunk_001_000", "chunk_001_001",
    ]  # fmt: skip
    assert _ids(run.paths.results) == [
        "u1__fan001", "u2__fan000", "u4__fan001", "u5__fan000",
    ]  # fmt: skip
    assert _ids(run.paths.failures) == [
        "u0", "u1__fan000", "u2__fan001", "u3", "u4__fan000", "u5__fan001",
    ]  # fmt: skip
    numbers = totals(run.state)
    assert (numbers.units, numbers.valid, numbers.failed, numbers.progress) == (10, 4, 6, 1.0)


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
