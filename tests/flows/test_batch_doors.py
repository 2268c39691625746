"""What is typed for runs in batches: lanes, looks, and stopping from another terminal."""

import asyncio
import io
import re
import threading
from datetime import timedelta

import pytest
from rich.console import Console

import pipelines
import runs
from flows import progress, summary
from pipelines import Launch
from providers.emulator import client
from runs import Batch, BatchState, Parcel, Run, Status, Verb, Waiting, requests
from runs.times import now
from tasks.create import create_run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--init", "--watch"), "--init makes a run and stops there; --watch looks after one"),
        (("--init", "--tick"), "--init makes a run and stops there; --tick looks after one"),
        (("--realtime", "--watch"), "--watch is for batches, not for --realtime"),
        (("--realtime", "--deadline", "6h"), "--deadline is for batches, not for --realtime"),
        (("--timeout", "soon"), "'soon' is not a span of time such as 90 (seconds), 30m"),
        (("--min-pass-rate", "5"), "5.0 is not in the range 0<=x<=1"),
    ],
)
def test_what_does_not_go_together_is_refused(octo, words, said):
    """Before anything is made."""
    code, _, err = octo("run", "NpcDialog", *words)
    assert code == 2
    assert said in " ".join(err.split())
    assert runs.list_runs() == []


def test_a_deadline_means_batches(runs_dir, octo):
    """And so does a look; --init keeps it for the first start."""
    code, _, _ = octo("run", "NpcDialog", "--init", "--deadline", "1h30m", "--emulate")
    assert code == 0
    view = runs.read(runs.resolve("last"))
    assert view.state.spec.mode == "batch"
    assert view.state.launch["deadline"] == 5400
    assert view.state.deadline is None


def test_a_look_wakes_nobody_who_paused(octo, make_view):
    """A clock that looks now and then does not undo what a person did."""
    make_view(Status.PAUSED, reason="interrupted", closed=False)
    code, out, _ = octo("run", "Sailor", "--tick")
    assert code == 130
    assert "Sailor is paused" in out
    assert runs.read(runs.resolve("Sailor")).state.status is Status.PAUSED


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (3, "cap: $1 of $1"),
        (3, "time: the 2 h of this start are over"),
        (3, "canary: none of 3 units that went ahead passes"),
        (3, "pass rate: 3 of the first 50"),
        (4, "disk: full"),
    ],
)
def test_a_limit_that_somebody_set_is_no_fault(make_view, code, reason):
    assert summary.exit_of(make_view(Status.PAUSED, reason=reason, closed=False)) == code


def test_a_run_that_waits_says_until_when(make_view, octo):
    """And how to look."""
    view = make_view(Status.PAUSED, closed=False)
    run = Run.open(view.paths.dir)
    waiting = Waiting(now() + timedelta(hours=1), "3 batches at openai, 41 min")
    run.set_status(Status.RUNNING, waiting=waiting)
    run.close()
    view = runs.read(view.paths.dir)
    assert summary.exit_of(view) == 5
    code, out, _ = octo("info", "Sailor")
    assert code == 0
    assert "Sailor is deferred" in out
    assert f"octobatch run Sailor --tick at {waiting.until:%H:%M} UTC" in out


def test_what_failed_is_tried_again_only_if_something_did(make_view, octo):
    make_view()
    code, out, _ = octo("run", "Sailor", "--retry-failures")
    assert (code, "Sailor is complete" in out) == (0, True)


# --- pause, cancel ------------------------------------------------------------------------------


def test_nobody_is_asked_to_pause_what_nobody_works_on(make_view, octo):
    make_view(Status.PAUSED)
    code, _, err = octo("pause", "Sailor")
    assert code == 2
    assert "nobody works on Sailor: it is paused" in err


def test_who_holds_a_run_is_asked_to_pause_it(make_view, octo):
    """Through a file in control/, which is gone when it was heeded."""
    view = make_view(Status.PAUSED, closed=False)
    run = Run.open(view.paths.dir)
    run.set_status(Status.RUNNING)
    heard: list[Verb] = []

    def heed() -> None:
        while not (asked := requests(view.paths)):
            pass
        for one in asked:
            heard.append(one.verb)
            one.path.unlink()

    holder = threading.Thread(target=heed)
    holder.start()
    code, out, err = octo("pause", "Sailor")
    holder.join()
    run.close()
    assert (code, heard) == (0, [Verb.PAUSE])
    assert "Sailor stops. Go on with: octobatch run Sailor" in out + err


def test_a_run_that_nobody_holds_is_cancelled_at_once(runs_dir, octo):
    """What was handed in is stopped at its vendor too."""
    octo("run", "NpcDialog", "--init", "--batch", "--emulate", "--max-units", "3")
    url = client.start(runs_dir)
    try:
        code, _, err = octo("cancel", "last")
        assert code == 0
        assert "is cancelled: what came is kept in" in err
        assert runs.read(runs.resolve("last")).state.status is Status.CANCELLED
        code, _, err = octo("cancel", "last")
        assert (code, "is cancelled already" in err) == (2, True)
        code, _, err = octo("resume", "last")
        assert (code, "was cancelled: it does not go on" in err) == (2, True)
        assert client.ledger(url).calls == 0
    finally:
        client.stop(runs_dir)


# --- what is shown beside a run -------------------------------------------------------------------


@pytest.fixture
def in_batches(runs_dir):
    """A run with 100 units at a vendor."""
    run_dir = runs_dir / "waits"
    launch = Launch(pipeline="NpcDialog", emulate=True, lane="batch", max_units=20)
    create_run(pipelines.load(pipelines.find("NpcDialog")), launch, run_dir)
    run = Run.open(run_dir)
    run.set_status(Status.RUNNING)
    parcels = (Parcel("chunk_000", 20, 1),)
    batch = Batch("a" * 64, "generate", "openai", "m", parcels, 20, 1, "", now())
    run.intend(batch)
    run.move_batch(batch.key, BatchState.SUBMITTED, batch_id="b", submitted_at=now())
    yield run
    run.close()


async def shown(work, console, *, until) -> str:
    """Let something be shown until it says what is waited for; return all of it."""
    task = asyncio.create_task(work)
    while not re.search(until, console.file.getvalue()):
        assert not task.done(), task
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait({task})
    return console.file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_who_watches_is_told_what_is_waited_for(in_batches, monkeypatch, terminal):
    """Now and then, though nothing changes; and nothing else is said then."""
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.01)
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.05)
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    work = progress._bars if terminal else progress._lines
    beat = "1 batch at openai, 0 s"
    said = asyncio.run(
        shown(work(lambda: in_batches.state, console), console, until=f"(?s)({beat}.*){{2}}")
    )
    assert "20 in batches" in said
    if not terminal:
        words = [line.split("s  ", 1)[1] for line in said.splitlines()]
        standing = "generate 0 ok, 0 failed, 20 in batches, score 0 ok, 0 failed"
        assert set(words) == {standing, beat}
        assert words.count(standing) == 1
