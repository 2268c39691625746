"""What the screens show, without a screen."""

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from runs import Counts, Liveness, Run, dumps, loads
from tests.tui.shown import NOW, all_kinds, row
from tui.dump import document, seen, text
from tui.paint import stopping
from tui.snapshot import Snapshot

DOCS = (Path(__file__).parents[2] / "docs" / "tui.md").read_text()


@pytest.fixture
def folder(make_run, take):
    folder = make_run()
    with closing(Run.open(folder)) as run:
        take(run, "chunk_000", "write", failing=1)
        take(run, "chunk_001", "write")
    return folder


def lines(snapshot: Snapshot, width: int) -> list[str]:
    return ["".join(part.text for part in line) for line in text(snapshot, width)]


def keys_of(heading: str) -> set[str]:
    """Return the keys that the documentation lists under a heading."""
    table = DOCS.partition(heading)[2].strip().split("\n\n")[0]
    named = [line.split("|")[1] for line in table.splitlines()[2:]]
    return {key for cell in named for key in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize("width", [140, 100, 60])
def test_home_says_of_each_run_how_it_is_at_any_width(width):
    said = lines(Snapshot(1, NOW, tuple(all_kinds())), width)
    assert max(map(len, said)) <= width
    for kind in all_kinds():
        word = stopping(kind) or kind.liveness
        assert any(f" {kind.name[:20]}" in line and word in line for line in said)


def test_where_there_is_no_run_it_is_said_how_to_make_one():
    assert "octobatch run NpcDialog --emulate" in "\n".join(lines(Snapshot(1, NOW, ()), 80))


def test_a_run_is_told_with_its_steps_chunks_and_reasons(folder):
    said = "\n".join(lines(seen(folder.parent, folder), 100))
    for words in ("chunk_002", "write pending", "5/7", "0/5", "1 write kind", "opened epoch=1"):
        assert words in said


def test_text_and_document_are_of_one_reading(folder):
    snapshot = seen(folder.parent, folder)
    assert snapshot.run is not None
    told = document(snapshot)["run"]
    assert [(step["valid"], step["in"]) for step in told["steps"]] == [(5, 7), (0, 5)]
    assert (told["units"], told["valid"], told["failed"]) == (7, 0, 1)
    assert sum(chunk["failed"] for chunk in told["chunks"]) == told["failed"]
    assert sum(chunk["valid"] for chunk in told["chunks"]) == told["valid"]
    assert told["reasons"] == [
        {
            "step": "write",
            "class": "validation",
            "rule": "kind",
            "message": "not kind",
            "units": 1,
        }
    ]


def test_chunks_add_up_to_the_run_while_a_round_is_open(folder):
    with closing(Run.open(folder)) as run:
        run.hint({"chunk_001": ("judge", Counts(entered=3, valid=2))}, force=True)
        told = document(seen(folder.parent, folder))["run"]
    assert [chunk["valid"] for chunk in told["chunks"]] == [0, 2, 0]
    assert told["valid"] == 2


def test_the_document_has_the_keys_that_are_documented(folder):
    all_ = loads(dumps(document(Snapshot(1, NOW, tuple(all_kinds())))))
    one = loads(dumps(document(seen(folder.parent, folder))))
    rows = keys_of("Each of `runs`, and `run`:")
    assert {*all_, *one} == keys_of("control character.")
    assert set(all_["totals"]) == keys_of("`totals`:")
    assert all(set(row) == rows for row in all_["runs"])
    assert set(one["run"]) == rows | keys_of("`run` besides:")
    assert set(one["run"]["steps"][0]) == keys_of("Each of `steps`:")


def test_runs_at_work_come_first():
    told = document(Snapshot(1, NOW, (row("Old_1", Liveness.COMPLETE), row("New_1"))))
    assert [run["run"] for run in told["runs"]] == ["New_1", "Old_1"]


def test_what_nobody_knows_is_null():
    told = document(Snapshot(1, NOW, (replace(row("New_1"), cost_usd=None, left=None),)))
    assert told["runs"][0]["cost_usd"] is None
    assert told["runs"][0]["left_seconds"] is None
