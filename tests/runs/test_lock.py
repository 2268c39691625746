"""One orchestrator per run: the second is told who the first is."""

import os
import pickle
import signal
import socket
import subprocess
import sys

import pytest

from runs import Liveness, Run, RunHeld, read, snapshot_of
from runs.lock import briefly
from runs.paths import RunPaths

HOLD = """
import sys
from pathlib import Path
from runs import Run
run = Run.open(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
run.close()
"""


@pytest.fixture
def held(make_run):
    """A run that another process holds."""
    folder = make_run()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield folder, holder
        holder.kill()


def test_a_second_holder_is_refused_and_told_who_holds(held):
    """With process, host and time; the lock stays as it was."""
    folder, holder = held
    with pytest.raises(RunHeld) as refused:
        Run.open(folder)
    error = pickle.loads(pickle.dumps(refused.value))
    assert (error.pid, error.host) == (holder.pid, socket.gethostname())
    assert str(holder.pid) in str(error)
    view = read(folder)
    assert view.liveness is Liveness.ACTIVE
    assert view.holder is not None
    assert view.holder.pid == holder.pid
    assert int(RunPaths(folder).pid.read_text()) == holder.pid


def test_no_snapshot_is_written_behind_a_holder(held):
    """A hook in another process leaves the manifest to whoever holds the run."""
    folder, _ = held
    before = RunPaths(folder).manifest.read_bytes()
    assert snapshot_of(folder) is False
    assert RunPaths(folder).manifest.read_bytes() == before


def test_the_lock_dies_with_its_holder(held):
    """After kill -9 nothing has to be cleaned up, and readers know at once."""
    folder, holder = held
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert read(folder).liveness is Liveness.PENDING
    run = Run.open(folder)
    assert run.state.epoch == 2
    run.close()


def test_a_run_that_was_given_up_is_free(held):
    """Closing leaves no name in the lock and no pid file."""
    folder, holder = held
    holder.stdin.close()
    assert holder.wait() == 0
    assert read(folder).holder is None
    assert not RunPaths(folder).pid.exists()
    Run.open(folder).close()


def test_a_held_run_is_refused_in_the_same_process_too(make_run):
    """Two flow runs in one process are still two."""
    run = Run.open(make_run())
    with pytest.raises(RunHeld, match=f"held by process {os.getpid()}"):
        Run.open(run.paths.dir)
    run.close()


def test_a_nameless_holder_is_waited_for_a_moment_only(make_run, monkeypatch):
    """A snapshot is being written: usually over soon, and never a reason to hang."""
    monkeypatch.setattr("runs.lock.BRIEF_SECONDS", 0.0)
    folder = make_run()
    with briefly(RunPaths(folder).lock) as free:
        assert free
        with pytest.raises(RunHeld, match="Try again in a moment"):
            Run.open(folder)
    Run.open(folder).close()


def test_of_many_that_start_at_once_one_holds(make_run):
    """The others are refused, whoever comes first."""
    folder = make_run()
    command = [sys.executable, "-c", HOLD, folder]
    pipe = subprocess.PIPE
    starters = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(4)]
    held = [starter for starter in starters if starter.stdout and starter.stdout.readline()]
    refusals = [starter.communicate()[1] for starter in starters if starter not in held]
    for starter in held:
        starter.communicate()
    assert len(held) == 1
    assert all(b"held by process %d " % held[0].pid in refusal for refusal in refusals)
