"""Runs in the background: started, watched, and told about."""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import runs
from flows import detach, door
from flows.errors import BadRequest
from flows.notify import notify
from runs import Run, Status


@pytest.fixture
def address():
    """An address that keeps what it is sent."""
    sent: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append(json.loads(body))
            self.send_response(200 if self.path == "/good" else 500)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_is_told_how_a_run_ended(make_view, address):
    """As JSON, with what a script needs."""
    url, sent = address
    view = make_view(Status.PAUSED, reason="cap: $1 of $1", closed=False)
    notify(f"{url}/good", view)
    [told] = sent
    assert told["run"] == "Sailor"
    assert told["status"] == "paused"
    assert told["exit_code"] == 3
    assert told["message"] == ("Sailor is paused: 0 of 3 units valid, 0 failed. cap: $1 of $1")


def test_a_command_is_told_how_a_run_ended(make_view, tmp_path, monkeypatch):
    """On its standard input and in its environment, which has no key."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    out = tmp_path / "out"
    command = f'cat > {out}; echo "$OCTOBATCH_RUN $OCTOBATCH_STATUS $OPENAI_API_KEY." >> {out}'
    notify(command, make_view())
    said = out.read_text()
    assert json.loads(said[: said.index("}") + 1])["valid"] == 3
    assert said.endswith("Sailor complete .\n")


@pytest.mark.parametrize("target", ["exit 3", "http://127.0.0.1:9/nobody", "http://", "bad"])
def test_whoever_cannot_be_told_stops_nothing(make_view, capsys, target):
    if target == "bad":
        target = "/no/such/command"
    notify(target, make_view())
    assert "Nobody could be told (" in capsys.readouterr().err


def test_the_door_tells_when_it_is_left(make_view, address, capsys):
    url, sent = address
    make_view()
    show = door.Show(quiet=True, as_json=False, debug=False, tell=f"{url}/good")
    assert door.run("Sailor", {}, show=show) == 0
    assert [told["status"] for told in sent] == ["complete"]


def test_options_are_typed_again_for_the_background():
    said = {"lane": "batch", "skip_canary": True, "allow_scripts": True, "deadline": 60.0}
    assert detach._words(said) == [
        *("--batch", "--no-canary", "--allow-scripts", "--deadline", "60.0")
    ]


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Let a small program stand for the one that works on runs."""

    def stand(program: str) -> None:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{program}\n")
        path.chmod(0o700)
        monkeypatch.setattr(detach, "_PYTHON", str(path))

    return stand


def test_a_start_in_the_background_that_fails_says_why(make_view, stand_in):
    """Its own words, which nobody would see otherwise."""
    view = make_view(Status.PAUSED, closed=False)
    stand_in("echo 'Error: no key is set' >&2; exit 2")
    with pytest.raises(BadRequest, match=r"(?s)could not be worked on.*Error: no key is set"):
        detach.detach(view.paths.dir, {}, notify=None)


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_a_start_in_the_background_is_over_when_the_run_is_held(make_view, stand_in, capsys):
    """Not sooner, so that whoever looks then finds it at work."""
    view = make_view(Status.PAUSED, closed=False)
    holding = (
        "from runs import Run; import pathlib, sys, time\n"
        f"run = Run.open(pathlib.Path({str(view.paths.dir)!r}))\n"
        "time.sleep(60)\n"
    )
    script = Path(os.environ["OCTOBATCH_RUNS_DIR"]).parent / "hold.py"
    script.write_text(holding)
    root = Path(runs.__file__).parents[1]
    stand_in(f"PYTHONPATH={root} exec {sys.executable} {script}")
    assert detach.detach(view.paths.dir, {}, notify=None) == 0
    said = capsys.readouterr().err
    holder = runs.read(view.paths.dir).holder
    assert holder is not None
    os.kill(holder.pid, 9)
    os.waitpid(holder.pid, 0)
    assert f"Sailor is worked on in the background (process {holder.pid})" in said
    assert "octobatch watch Sailor" in said


def test_watching_ends_with_the_run(make_view, octo):
    """With the summary, and the exit code that says how it stands."""
    view = make_view(Status.PAUSED, reason="interrupted", closed=False)
    run = Run.open(view.paths.dir)
    run.set_status(Status.RUNNING)

    def end() -> None:
        run.set_status(Status.PAUSED, reason="cap: $1 of $1")
        run.close()

    timer = threading.Timer(1.0, end)
    timer.start()
    code, out, _ = octo("watch", "Sailor")
    timer.join()
    assert code == 3
    assert "Sailor is paused" in out
