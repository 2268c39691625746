"""The reader shows what the files say, and nothing twice."""

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import tui.reader
from runs import Liveness, Run, RunPaths, Status, create
from tui.diff import ChunkMoved, Event, LookFailed, RunAppeared, UnitsFailed
from tui.reader import IDLE_SECONDS, OPEN_SECONDS, UNFOCUSED_SECONDS, Reader
from tui.snapshot import Snapshot

Make = Callable[..., Path]
Take = Callable[..., None]
Through = Callable[[Path], None]


def reader_of(folder: Path, *, told: list[tuple[Event, ...]] | None = None) -> Reader:
    """Return a reader of the runs beside this one; nothing is started."""

    def publish(_: Snapshot, events: tuple[Event, ...]) -> None:
        if told is not None:
            told.append(events)

    return Reader(folder.parent, publish)


def test_nothing_new_is_the_same_snapshot(make_run: Make) -> None:
    """Who looks twice publishes once."""
    told: list[tuple[Event, ...]] = []
    reader = reader_of(make_run(), told=told)
    assert reader.look() is reader.look()
    assert told == [()]


def test_a_run_that_did_not_change_is_the_same_row(make_run: Make, through: Through) -> None:
    """Only the row of a run whose files changed is another object."""
    one, other = make_run("one"), make_run("other")
    told: list[tuple[Event, ...]] = []
    reader = reader_of(one, told=told)
    before = {row.dir: row for row in reader.look().rows}
    through(one)
    after = {row.dir: row for row in reader.look().rows}
    assert after[other] is before[other]
    assert after[one].failed == 2
    make_run("third")
    reader.look()
    assert told[-1] == (RunAppeared(one.parent / "third"),)


def test_the_open_run_is_told_in_detail(make_run: Make, take: Take) -> None:
    """Its steps, its reasons, and what has happened; row and totals are of one state."""
    folder, told = make_run(), list[tuple[Event, ...]]()
    reader = reader_of(folder, told=told)
    reader.open(folder)
    reader.look()
    with closing(Run.open(folder)) as run:
        take(run, "chunk_000", "write", failing=1)
        seen = reader.look()
    assert seen.run is not None
    assert seen.run.row is next(row for row in seen.rows if row.dir == folder)
    assert seen.run.row.failed == seen.run.totals.failed == seen.run.steps[0].counts.lost == 1
    assert seen.run.row.liveness is Liveness.ACTIVE
    assert [(r.step, r.rule, r.units) for r in seen.run.reasons] == [("write", "kind", 1)]
    assert [step.due for step in seen.run.steps] == [7, 2]
    kinds = {type(event) for event in told[-1]}
    assert {ChunkMoved, UnitsFailed} <= kinds
    reader.open(None)
    assert reader.look().run is None


def test_a_damaged_summary_is_read_whole(make_run: Make, through: Through) -> None:
    """The journal knows all that a summary says."""
    folder = make_run()
    through(folder)
    RunPaths(folder).summary.write_text("{")
    [row] = reader_of(folder).look().rows
    assert (row.failed, row.units, row.trouble) == (2, 7, None)


def test_a_damaged_journal_keeps_the_last_good_row(make_run: Make, through: Through) -> None:
    """And says so."""
    folder = make_run()
    reader = reader_of(folder)
    through(folder)
    [good] = reader.look().rows
    RunPaths(folder).summary.unlink()
    RunPaths(folder).manifest.unlink()
    journal = RunPaths(folder).journal
    journal.write_bytes(b"x" + journal.read_bytes())
    [row] = reader.look().rows
    assert (row.failed, row.units) == (good.failed, good.units)
    assert row.trouble is not None
    assert "checksum" in row.trouble


def test_a_run_whose_process_is_dead_is_shown_detached(make_run: Make) -> None:
    """It says running, but the facts are otherwise."""
    folder = make_run()
    reader = reader_of(folder)
    with closing(Run.open(folder)) as run:
        run.set_status(Status.RUNNING)
        run.snapshot(force=True)
        [row] = reader.look().rows
        assert row.liveness is Liveness.ACTIVE
        lock = RunPaths(folder).lock.read_bytes()
    RunPaths(folder).lock.write_bytes(lock.replace(b'"started":', b'"started":1'))
    [row] = reader.look().rows
    assert row.liveness is Liveness.DETACHED
    assert row.trouble is not None
    assert "dead" in row.trouble


def test_archived_runs_are_shown_on_demand(make_run: Make) -> None:
    """They are in the archive folder, and are marked."""
    folder = make_run()
    archive = folder.parent / "_archive"
    archive.mkdir()
    folder.rename(archive / folder.name)
    reader = reader_of(folder)
    assert reader.look().rows == ()
    reader.show_archived(True)
    [row] = reader.look().rows
    assert row.archived


def test_who_does_not_look_reads_less_often(make_run: Make) -> None:
    """An idle table is looked at less often than one with active runs, and more than unfocused."""
    folder = make_run()
    reader = reader_of(folder)
    reader.look()
    assert reader.pace_seconds == IDLE_SECONDS
    reader.open(folder)
    reader.look()
    assert reader.pace_seconds == OPEN_SECONDS < IDLE_SECONDS
    reader.focus(False)
    assert reader.pace_seconds == UNFOCUSED_SECONDS
    reader.focus(True)
    with closing(Run.open(folder)):
        reader.look()
        assert timedelta(seconds=reader.pace_seconds) < timedelta(seconds=1)


def test_the_thread_looks_when_it_is_poked(make_run: Make) -> None:
    """A poke does not wait for the pace."""
    folder, seen = make_run("one"), threading.Semaphore(0)
    reader = Reader(folder.parent, lambda *_: seen.release())
    reader.start()
    assert seen.acquire(timeout=10)
    make_run("two")
    reader.poke()
    assert seen.acquire(timeout=10)
    reader.stop()


def test_a_look_that_breaks_off_is_told_once_and_the_next_is_whole(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread goes on: what it stumbled over may be gone by then."""
    folder, told, seen = make_run("one"), list[Event](), threading.Semaphore(0)

    def publish(snapshot: Snapshot, events: tuple[Event, ...]) -> None:
        told.extend(events)
        seen.release()
        if snapshot.number == 0:
            monkeypatch.undo()
            reader.poke()

    def stumble(_: Path) -> bool:
        raise RuntimeError("\x1b[31m")

    monkeypatch.setattr(tui.reader, "is_run", stumble)
    reader = Reader(folder.parent, publish)
    reader.start()
    assert seen.acquire(timeout=10)
    assert seen.acquire(timeout=10)
    reader.stop()
    assert told == [LookFailed("RuntimeError('\\x1b[31m')")]
    assert [row.dir for row in reader.look().rows] == [folder]


def test_opening_a_run_does_not_wait_for_a_look(make_run: Make) -> None:
    """Keys are answered while many files are read."""
    folder, looking, go_on = make_run("one"), threading.Event(), threading.Event()

    def publish(*_: object) -> None:
        looking.set()
        go_on.wait(10)

    reader = Reader(folder.parent, publish)
    reader.start()
    assert looking.wait(10)
    opening = threading.Thread(target=reader.open, args=(folder,), daemon=True)
    opening.start()
    opening.join(5)
    was_open = not opening.is_alive()
    go_on.set()
    reader.stop()
    assert was_open


def test_an_open_run_that_is_made_anew_is_another(make_run: Make, through: Through) -> None:
    """With fewer chunks, and other reasons; that nothing has happened in it is not told."""
    folder, told = make_run("one", units=12), list[tuple[Event, ...]]()
    through(folder)
    reader = reader_of(folder, told=told)
    reader.open(folder)
    run = reader.look().run
    assert run is not None
    assert len(run.reasons) == 2
    shutil.rmtree(folder)
    spec = replace(run.state.spec, steps=run.state.spec.steps[:1])
    create(folder, spec, [], [{"unit_id": "u0"}])
    run = reader.look().run
    assert run is not None
    assert (len(run.state.chunks), run.reasons, len(run.steps)) == (1, (), 1)
    assert not [event for event in told[-1] if isinstance(event, (ChunkMoved, UnitsFailed))]


def test_what_a_killed_process_did_not_sum_up_is_read(make_run, take, tmp_path):
    """Its journal knows more than its summary; while somebody works, two seconds are waited."""
    folder = make_run()
    with closing(Run.open(folder)) as run:
        take(run, "chunk_000", "write")
    summary = RunPaths(folder).summary
    old = summary.read_bytes()
    with closing(Run.open(folder)) as run:
        take(run, "chunk_001", "write")
    summary.write_bytes(old)
    journal = RunPaths(folder).journal.stat().st_mtime
    os.utime(summary, (journal - 1, journal - 1))
    at = datetime.fromtimestamp(journal, UTC)
    times = iter([at + timedelta(seconds=1), at + timedelta(seconds=9)])
    reader = Reader(folder.parent, lambda _, __: None, clock=lambda: next(times))
    first, second = reader.look().rows[0], reader.look().rows[0]
    assert first.progress < second.progress
