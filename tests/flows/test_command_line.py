"""The real command line, its server and its emulator: each test is a user at a shell."""

import json
import os
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flows import server
from providers.emulator import client as emulator
from runs import Liveness, Status, read, totals

pytestmark = pytest.mark.cold

RUN = ("-m", "flows.run", "NpcDialog", "--realtime", "--emulate", "--yes")


@pytest.fixture(scope="session")
def undisturbed(shell):
    """The derived files of a run that nobody disturbed, and what it said."""
    said = shell.run(*RUN, "--name", "undisturbed")
    return shell.outputs("undisturbed"), said


def test_the_demo_says_what_it_did(undisturbed):
    """57 of 60, on standard output; the exit code says that some failed."""
    outputs, said = undisturbed
    assert said.returncode == 1, said.stderr
    assert "undisturbed is complete: 57 of 60 units valid, 3 failed." in said.stdout
    assert "outputs/results.jsonl" in said.stdout
    assert "Prefect UI: http://127.0.0.1:" in said.stderr
    assert "export PREFECT_API_URL=http://127.0.0.1:" in said.stderr
    assert "Traceback" not in said.stdout + said.stderr
    assert outputs["outputs/results.jsonl"].count(b"\n") == 57
    assert outputs["outputs/failures.jsonl"].count(b"\n") == 3


def test_an_interrupted_run_goes_on_as_if_nothing_had_been(shell, undisturbed, eventually):
    """Ctrl-C pauses within five seconds; `octobatch run last` ends with the same bytes."""
    with shell.slow(1.0):
        running = shell.start(*RUN, "--name", "stopped", start_new_session=True)
        eventually(lambda: 10 < shell.asked("stopped") < 100)
        began = time.monotonic()
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: every process of the group
        out, err = running.communicate(timeout=30)
        took = time.monotonic() - began
    assert running.returncode == 130
    assert took < 5
    assert "stopped is paused" in out
    assert "octobatch run stopped" in out
    assert "Traceback" not in out + err
    view = read(shell.root / "stopped")
    assert (view.state.status, view.state.paused_reason) == (Status.PAUSED, "interrupted")
    assert totals(view.state).open > 0

    went_on = shell.octobatch("run", "last", "--json")
    assert went_on.returncode == 1
    assert json.loads(went_on.stdout)["valid"] == 57
    assert shell.outputs("stopped") == undisturbed[0]


@pytest.mark.parametrize("answers", [5, 90])
def test_a_killed_run_goes_on_as_if_nothing_had_been(shell, undisturbed, eventually, answers):
    """The real command, Prefect and all, by kill -9: the same bytes in the end."""
    name = f"shot-{answers}"
    with shell.slow(0.3):
        running = shell.start(*RUN, "--name", name, start_new_session=True)
        eventually(lambda: shell.asked(name) >= answers)
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate(timeout=30)
    assert read(shell.root / name).liveness in {Liveness.DETACHED, Liveness.PENDING}
    assert shell.octobatch("run", name, "--quiet").returncode == 1
    assert shell.outputs(name) == undisturbed[0]


def test_a_second_interrupt_ends_at_once(shell, undisturbed, eventually):
    """As kill -9 would, without waiting for the calls in flight; the run can be gone on with."""
    with shell.slow(30.0):
        running = shell.start(*RUN, "--name", "killed")
        eventually(lambda: (emulator.status(shell.root) or {"in_flight": 0})["in_flight"] > 0)
        running.send_signal(signal.SIGINT)
        eventually(lambda: running.poll() is not None or running.send_signal(signal.SIGINT))
        out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert b"paused" not in (shell.root / "killed" / "MANIFEST.journal").read_bytes()  # no grace
    assert "Traceback" not in out + err
    assert shell.octobatch("run", "killed", "--quiet").returncode == 1
    assert shell.outputs("killed") == undisturbed[0]


def test_a_second_start_names_the_process_that_holds_the_run(shell, undisturbed, eventually):
    """Nothing is asked twice; the first goes on undisturbed."""
    with shell.slow(1.0):
        first = shell.start(*RUN, "--name", "held", "--quiet")
        eventually(lambda: shell.asked("held") > 10)
        second = shell.octobatch("run", "held")
        assert first.poll() is None
        first.communicate(timeout=60)
    assert second.returncode == 2
    assert f"is held by process {first.pid} on " in second.stderr
    assert "Traceback" not in second.stderr
    assert first.returncode == 1
    assert shell.outputs("held") == undisturbed[0]


@pytest.mark.parametrize("way", ["closed pipe", "closed descriptor"])
def test_whoever_closes_the_streams_harms_nothing(shell, way):
    """`| head -1`, `2>&-`: the run goes on to its end, and its exit code is its own."""
    name = way.replace(" ", "-")
    words = (*RUN, "--max-units", "3", "--name", name)
    if way == "closed pipe":
        read_end, write_end = os.pipe()
        os.close(read_end)
        running = shell.start(*words, stdout=write_end, stderr=write_end)
        os.close(write_end)
    else:
        running = shell.start("-c", CLOSED, *words, stdout=None, stderr=None)
    assert running.wait(timeout=60) == 1
    view = read(shell.root / name)
    assert view.state.status is Status.COMPLETE
    assert totals(view.state).valid == 2
    manifest = json.loads(view.paths.manifest.read_bytes())
    assert manifest["seq"] == view.state.seq


CLOSED = (
    "import os, sys; os.closerange(0, 3); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
"""A shell's `<&- >&- 2>&-`."""


def test_a_server_that_dies_takes_no_run_with_it(shell, undisturbed, eventually, monkeypatch):
    """The run goes on without it, says so in a sentence, and its files are the same."""
    monkeypatch.setenv("PREFECT_HOME", shell.environment["PREFECT_HOME"])
    with shell.slow(1.0):
        running = shell.start(*RUN, "--name", "alone")
        eventually(lambda: shell.asked("alone") > 10)
        os.kill(int(server._pid_file().read_text()), signal.SIGKILL)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "57 of 60 units valid" in out
    assert "does not answer any more" in err
    assert "prefect._internal" not in err
    assert "Traceback" not in out + err
    assert shell.outputs("alone") == undisturbed[0]
    assert read(shell.root / "alone").state.status is Status.COMPLETE


def test_steps_as_filters_give_the_same_as_a_run(shell, undisturbed):
    """Units through generate and score, without a run and without Prefect: its first round."""
    outputs, _ = undisturbed
    items = shell.octobatch("items", "NpcDialog")
    step = ("-m", "tasks.step", "NpcDialog")
    generated = shell.run(*step, "generate", "--emulate", given=items.stdout)
    scored = shell.run(*step, "score", "--emulate", given=generated.stdout)
    assert (generated.returncode, scored.returncode) == (1, 1)
    # Nobody is there to send a unit back to: it has failed.
    sent_back = _lines(shell.root / "undisturbed", "score_returned.jsonl", round=1)
    unspeaking = _lines(shell.root / "undisturbed", "generate_failures.jsonl", round=1)
    first = {json.loads(line)["unit_id"] for line in sent_back}
    results = outputs["outputs/results.jsonl"].decode().splitlines()
    assert scored.stdout.splitlines() == [
        line for line in results if json.loads(line)["unit_id"] not in first
    ]
    failed = generated.stderr.splitlines() + scored.stderr.splitlines()
    assert sorted(failed) == sorted([*map(_without_its_chunk, sent_back), *unspeaking])


def _without_its_chunk(line: str) -> str:
    record = json.loads(line)
    del record["chunk_round"], record["sent_back_to"]
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def _lines(run_dir: Path, name: str, *, round: int) -> list[str]:  # noqa: A002 - as on disk
    texts = (path.read_text() for path in run_dir.glob(f"chunk_*/{name}"))
    lines = [line for text in texts for line in text.splitlines()]
    return [line for line in lines if json.loads(line)["round"] == round]


def test_without_a_key_both_remedies_are_named(shell):
    """Before anything is written, and without a server."""
    before = sorted(shell.root.iterdir())
    said = shell.octobatch("run", "NpcDialog", "--yes")
    assert said.returncode == 2
    assert "OPENAI_API_KEY" in said.stderr
    assert "--emulate" in said.stderr
    assert sorted(shell.root.iterdir()) == before


def test_a_port_that_is_taken_meanwhile_is_left(shell, monkeypatch):
    """A server takes ten seconds to start: whoever answers on its port then need not be ours."""
    monkeypatch.setenv("PREFECT_HOME", shell.environment["PREFECT_HOME"])
    monkeypatch.setenv("PREFECT_API_URL", "set, to be taken back")
    server.stop()
    with socket.create_server(("127.0.0.1", 0)) as before, socket.socket() as after:
        taken = before.getsockname()[1]
        free = iter([taken])
        really = server._free_port
        monkeypatch.setattr(server, "_free_port", lambda: next(free, None) or really())
        starting = server._start()
        assert str(taken) not in starting.url
        after.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        after.bind(("127.0.0.1", urlsplit(starting.url).port))
        after.listen()
        ready = server.ready(starting)
    assert ready.url not in {starting.url, "set, to be taken back"}
    assert server.running() == ready


def test_a_server_stops_when_told(shell):
    """What we started is stopped by us; a second time there is nothing to stop."""
    assert Path(shell.environment["PREFECT_HOME"]).is_dir()
    shell.octobatch("server", "start")
    assert shell.octobatch("server", "status").returncode == 0
    assert "Stopped" in shell.octobatch("server", "stop").stdout
    assert shell.octobatch("server", "status").returncode == 1
