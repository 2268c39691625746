"""The one writer of a run."""

import os
import re
import signal
import subprocess
import sys
from contextlib import closing

import pytest

from runs import (
    Counts,
    IllegalMove,
    NotDurable,
    Run,
    RunNotFound,
    Stage,
    Status,
    StepSpec,
    Unaccounted,
    Waiting,
    files,
    open_rounds,
    read,
    settle,
    snapshot_of,
)
from runs.paths import RunPaths

JUDGE = StepSpec("judge", "chunk", "openai", "gpt-6-luna", retry_step="write")


@pytest.fixture
def run(make_run, clock):
    run = Run.open(make_run(), flow_run="flow-1", clock=clock, monotonic=clock.monotonic)
    yield run
    run.close()


def test_a_round_moves_the_chunk_on_before_anyone_is_told(run, take):
    """Another reader sees it as soon as the call returns, without a snapshot."""
    take(run, "chunk_000", "generate", failing=1)
    chunk = read(run.paths.dir).state.chunks["chunk_000"]
    assert (chunk.step, chunk.stage, chunk.alive) == ("score", Stage.PENDING, 2)
    assert run.entry("score", "chunk_000").name == "generate_validated.jsonl"


def test_the_last_round_writes_what_passed_every_step(run, take):
    """final_validated is there before the journal says that the chunk is at its end."""
    take(run, "chunk_002", "generate")
    take(run, "chunk_002", "score")
    paths = run.paths.chunk("chunk_002")
    assert paths.final.read_bytes() == paths.validated("score").read_bytes()


def test_every_holder_has_its_epoch(run):
    """And flow runs are listed once each."""
    folder = run.paths.dir
    run.close()
    for flow_run, epoch in (("flow-1", 2), ("flow-2", 3), (None, 4)):
        again = Run.open(folder, flow_run=flow_run)
        assert again.state.epoch == epoch
        again.close()
    assert again.state.flow_runs == ("flow-1", "flow-2")


@pytest.fixture
def settled(run):
    """A chunk whose three units are settled at its first step: one failed."""
    units = [{"unit_id": f"u{i}"} for i in range(3)]
    settle(run.paths.chunk("chunk_000"), "generate", units[1:], units[:1])
    return run


@pytest.mark.parametrize(
    "counts",
    [
        Counts(entered=3, valid=3),
        Counts(entered=3, valid=1, failed={"validation": 1}),
        Counts(entered=4, valid=3, failed={"validation": 1}),
    ],
)
def test_counts_must_be_those_of_the_files(settled, counts):
    """The journal does not count what is not there."""
    with pytest.raises(Unaccounted, match="2 units passed, 1 failed and 0 were sent back of 3"):
        settled.close_round("chunk_000", "generate", counts)


@pytest.mark.parametrize("settled_ids", [["u1"], ["u1", "u2", "u3"], ["u0", "u1", "u2"]])
def test_units_are_conserved_by_their_ids(settled, settled_ids):
    """A unit that vanished, came from nowhere or both passed and failed is named."""
    chunk = settled.paths.chunk("chunk_000")
    chunk.validated("generate").write_text("".join(f'{{"unit_id":"{u}"}}\n' for u in settled_ids))
    stray = ({"u0", "u1", "u2"} ^ {*settled_ids, "u0"}) or {"u0"}
    with pytest.raises(Unaccounted, match=stray.pop()):
        settled.close_round(
            "chunk_000", "generate", Counts(entered=3, valid=2, failed={"validation": 1})
        )
    assert settled.state.chunks["chunk_000"].step == "generate"


@pytest.fixture
def judged(make_run, take):
    """A run of three units whose judge has sent one of them back."""
    run = Run.open(make_run(units=3, steps=("write", "polish", JUDGE)))
    for step, back in (("write", 0), ("polish", 0), ("judge", 1)):
        take(run, "chunk_000", step, back=back)
    yield run
    run.close()


def test_only_units_that_were_sent_back_are_due(judged, take):
    """At every step of the detour; the judge's records say why they came."""
    assert [unit["unit_id"] for unit in judged.due("write", "chunk_000")] == ["u0"]
    [[record]] = judged.returned("judge", "chunk_000").values()
    assert (record["unit_id"], record["round"]) == ("u0", 1)
    assert judged.returned("write", "chunk_000") == {}
    take(judged, "chunk_000", "write")
    take(judged, "chunk_000", "polish")
    take(judged, "chunk_000", "judge", back=1)
    records = judged.returned("judge", "chunk_000")
    assert [record["round"] for record in records["u0"]] == [1, 2]
    assert not judged.paths.chunk("chunk_000").final.exists()
    for step in ("write", "polish", "judge"):
        take(judged, "chunk_000", step)
    final = judged.paths.chunk("chunk_000").final
    assert final.read_text().count("\n") == 3


def test_a_round_of_a_detour_is_accounted_by_its_ids(judged):
    """Also one that nobody settled."""
    counts = Counts(entered=1, valid=1)
    judged.settle("chunk_000", "write", valid=[])
    with pytest.raises(Unaccounted, match="1 units are settled without having entered, never"):
        judged.close_round("chunk_000", "write", counts)
    with pytest.raises(Unaccounted, match="'u1' is not among those that were sent back"):
        judged.settle("chunk_000", "write", valid=[{"unit_id": "u1"}])
    with pytest.raises(IllegalMove, match="cannot settle 'judge': it stands at 'write'"):
        judged.settle("chunk_000", "judge", valid=[])


def test_a_step_that_sends_nobody_back_does_not_lose_those_who_would_go(run):
    """They are named when the round closes."""
    units = [{"unit_id": f"u{i}"} for i in range(3)]
    run.settle("chunk_000", "generate", valid=units[1:], returned=[{**units[0], "round": 1}])
    with pytest.raises(Unaccounted, match="u0"):
        run.close_round("chunk_000", "generate", Counts(entered=3, valid=2, returned=1))


def test_a_hint_is_of_the_round_in_which_it_was_given(judged, take):
    """At the same step in another round it is history, and in a detour all have come again."""
    run, one = judged, Counts(entered=1, valid=1)
    run.hint({"chunk_000": ("judge", one)}, force=True)
    assert open_rounds(run.state) == {}
    run.hint({"chunk_000": ("write", one)}, force=True)
    assert open_rounds(run.state)["chunk_000"] == one.repeated()
    for step in ("write", "polish", "judge"):
        take(run, "chunk_000", step, back=int(step == "judge"))
    assert run.state.chunks["chunk_000"].step == "write"
    assert open_rounds(run.state) == {}


def test_children_begin_behind_the_fan_out(make_run):
    """Their entry is their own input, whatever the step's place in the pipeline."""
    fan_out = StepSpec("scenes", "fan_out", None, None)
    run = Run.open(make_run(units=3, steps=(fan_out, "draw", "rate")))
    units = run.due("scenes", "chunk_000")
    run.settle("chunk_000", "scenes", valid=units)
    sizes = run.write_children("chunk_000", [{**u, "unit_id": f"{u['unit_id']}__0"} for u in units])
    assert run.state.chunks.children("chunk_000") == []
    run.close_round("chunk_000", "scenes", Counts(entered=3, valid=3), children=sizes)
    [child] = run.state.chunks.children("chunk_000")
    assert run.state.chunks["chunk_000"].stage is Stage.FANNED_OUT
    assert run.entry("draw", child) == run.paths.chunk(child).input
    assert [unit["unit_id"] for unit in run.due("draw", child)] == ["u0__0", "u1__0", "u2__0"]
    assert run.entry("rate", child).name == "draw_validated.jsonl"
    assert read(run.paths.dir).state.chunks == run.state.chunks
    run.close()


def test_what_cannot_be_is_not_written(run):
    """The journal holds legal stories only."""
    run.set_status(Status.CANCELLED)
    size = run.paths.journal.stat().st_size
    with pytest.raises(IllegalMove):
        run.set_status(Status.RUNNING)
    assert run.paths.journal.stat().st_size == size


def test_a_status_carries_its_reason_and_drops_the_last_one(run, clock):
    """Waiting, paused_reason and error belong to the status they came with."""
    until = clock()
    run.set_status(Status.RUNNING, waiting=Waiting(until, "AwaitingBatch"))
    assert run.state.waiting == Waiting(until, "AwaitingBatch")
    run.set_status(Status.PAUSED, reason="interrupted")
    assert (run.state.waiting, run.state.paused_reason) == (None, "interrupted")
    run.set_status(Status.RUNNING)
    assert run.state.paused_reason is None
    run.set_status(Status.FAILED, error="ValueError: \n")
    assert run.state.error == "ValueError: \n"


def test_looks_are_numbered_over_all_holders(run):
    """Whoever goes on with a run goes on counting, also without a manifest."""
    assert [run.look(), run.look()] == [1, 2]
    run.close()
    run.paths.manifest.unlink()
    with closing(Run.open(run.paths.dir)) as again:
        assert again.look() == 3
    assert read(run.paths.dir).state.looks == 3


def test_hints_come_at_most_once_a_second_and_are_not_synced(run, clock, monkeypatch):
    """They cost nothing, and nothing is built on them."""
    monkeypatch.setattr(files.os, "fdatasync", lambda _: pytest.fail("synced"))

    def hinted():
        return open_rounds(read(run.paths.dir).state)["chunk_000"].valid

    def hint(valid, *, force=False):
        rounds = {"chunk_000": ("generate", Counts(entered=3, valid=valid))}
        run.hint(rounds, force=force)

    hint(0)
    hint(1)
    assert hinted() == 0
    clock.forward(seconds=1)
    hint(2)
    assert hinted() == 2
    hint(3, force=True)
    assert hinted() == 3
    monkeypatch.undo()


def test_snapshots_are_throttled_while_busy_and_forced_at_the_end(run, clock):
    """At most one in two seconds; close writes the last."""
    run.snapshot()
    before = run.paths.manifest.read_bytes()
    run.set_status(Status.RUNNING)
    run.snapshot()
    assert run.paths.manifest.read_bytes() == before
    clock.forward(seconds=2)
    run.snapshot()
    assert b'"running"' in run.paths.manifest.read_bytes()
    run.set_status(Status.PAUSED)
    run.snapshot(force=True)
    assert b'"paused"' in run.paths.manifest.read_bytes()


def test_a_costly_snapshot_is_taken_less_often(run, clock, monkeypatch):
    """A hundred times its cost: a large manifest does not keep the process busy."""
    monkeypatch.setattr("runs.run.write_snapshot", lambda *_, **__: clock.forward(seconds=0.5))
    run.snapshot()
    for wait, written in ((49.0, False), (1.5, True)):
        clock.forward(seconds=wait)
        before = clock()
        run.snapshot()
        assert (clock() > before) is written


def test_a_hook_snapshots_the_run_its_process_holds(run, clock):
    """It need not know who holds it."""
    run.set_status(Status.RUNNING)
    assert snapshot_of(run.paths.dir)
    assert b'"running"' in run.paths.manifest.read_bytes()


def test_a_hook_snapshots_a_run_that_nobody_holds(make_run):
    """A crash hook runs elsewhere, after the process has gone; it opens no epoch."""
    paths = RunPaths(make_run())
    paths.manifest.unlink()
    assert snapshot_of(paths.dir)
    assert read(paths.dir).state.epoch == 0
    assert paths.manifest.exists()


def test_a_hook_never_raises(tmp_path, run, monkeypatch, caplog):
    """It says False where there is no run, and logs what goes wrong."""
    assert snapshot_of(tmp_path) is False
    assert snapshot_of(tmp_path / "nowhere") is False
    monkeypatch.setattr("runs.run.write_snapshot", lambda *_, **__: 1 / 0)
    assert snapshot_of(run.paths.dir) is False
    assert "ZeroDivisionError" in caplog.text
    monkeypatch.undo()


def test_a_folder_without_a_journal_is_not_opened(runs_dir):
    """Nothing is left in it either."""
    with pytest.raises(RunNotFound, match="nothing was asked or paid"):
        Run.open(runs_dir)
    assert not list(runs_dir.iterdir())


def test_a_kill_at_any_point_of_a_snapshot_loses_nothing(run, clock, monkeypatch):
    """The k-th call to the disk fails, for every k: MANIFEST.json is the old or the new one."""
    run.set_status(Status.RUNNING)
    state, k = run.state, 0
    while True:
        k += 1
        calls = _fail_at(monkeypatch, k)
        try:
            run.snapshot(force=True)
        except (NotDurable, KeyboardInterrupt):
            monkeypatch.undo()
            assert read(run.paths.dir).state == state
            run._journal._lost = None
            continue
        monkeypatch.undo()
        assert calls[0] < k
        break
    assert k > 6


def _fail_at(monkeypatch, k):
    calls = [0]

    def counting(real):
        def call(*args, **kwargs):
            calls[0] += 1
            if calls[0] == k:
                raise KeyboardInterrupt
            return real(*args, **kwargs)

        return call

    monkeypatch.setattr(files.os, "fdatasync", counting(os.fdatasync))
    monkeypatch.setattr(files.os, "fsync", counting(os.fsync))
    monkeypatch.setattr(files.Path, "replace", counting(files.Path.replace))
    monkeypatch.setattr(files.Path, "open", counting(files.Path.open))
    return calls


TELL = """
import sys
from contextlib import closing
from pathlib import Path
from runs import Run, Status
run = Run.open(Path(sys.argv[1]))
while True:
    for status in (Status.RUNNING, Status.PAUSED):
        run.set_status(status)
        run.snapshot(force=True)
        print(run.state.seq, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(make_run):
    """Killed at any moment, snapshots under way or not: no acknowledged line is lost."""
    folder = make_run()
    for told in (1, 2, 5, 9, 20):
        with subprocess.Popen(
            [sys.executable, "-c", TELL, folder], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            last = [int(process.stdout.readline()) for _ in range(told)][-1]
            os.kill(process.pid, signal.SIGKILL)
            last = max([last, *map(int, process.stdout.read().split())])
        assert read(folder).state.seq >= last


def traced(run, unit="u1"):
    run.trace(
        provider="openai", model="gpt-6-luna", step="generate", chunk="chunk_000",
        unit=unit, attempt=2, seconds=0.81234, status="200", tokens_in=12, tokens_out=34,
    )  # fmt: skip


def test_logs_are_a_word_and_fields_on_one_line(run):
    """Whatever a unit's id or an error holds."""
    run.log("chunk_closed", chunk="chunk_000", valid=97, note=None, why='a "b"\nc')
    traced(run, unit="evil\n2026 \ud800=")
    *_, told = run.paths.run_log.read_text().splitlines()
    assert told == (
        r'2026-11-22T18:00:00.000Z chunk_closed chunk=chunk_000 valid=97 why="a \"b\"\nc"'
    )
    [trace] = run.paths.trace_log.read_text().splitlines()
    assert trace == (
        "2026-11-22T18:00:00.000Z asked provider=openai model=gpt-6-luna at=generate/chunk_000 "
        r'unit="evil\n2026 \ud800=" attempt=2 seconds=0.812 status=200 tokens_in=12 tokens_out=34'
    )


def test_a_closed_run_takes_nothing_more(run):
    """Its descriptors may be another file's by now: the run that goes on, say."""
    run.close()
    again = Run.open(run.paths.dir)
    files_ = (run.paths.journal, run.paths.run_log, run.paths.trace_log, run.paths.manifest)
    before = [path.read_bytes() for path in files_]
    run.log("late")
    traced(run)
    for change in (
        lambda: run.set_status(Status.RUNNING),
        lambda: run.hint({}, force=True),
        lambda: run.snapshot(force=True),
    ):
        with pytest.raises(IllegalMove, match="closed"):
            change()
    assert [path.read_bytes() for path in files_] == before
    again.close()


def test_sigusr1_writes_all_stacks_to_the_log(run):
    """Also of a process that has hung."""
    os.kill(os.getpid(), signal.SIGUSR1)
    assert re.search(r"Current thread .*\n.*test_run.py", run.paths.run_log.read_text())
