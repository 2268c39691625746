"""`octobatch tui` and `python -m tui`: what their options do, and what they refuse."""

import socket
import sys

import pytest
from click.testing import CliRunner

from flows.cli.main import octobatch
from runs import RunPaths, loads
from tests.tui.terminals import terminal
from tui.__main__ import command


@pytest.fixture
def folder(make_run, through, runs_dir):
    folder = make_run("Letters_20261122_180000")
    through(folder)
    return folder


def ask(*words: str):
    """Return what came of the command, in a pipe."""
    return CliRunner().invoke(command, words)


def test_both_doors_are_the_same():
    assert octobatch.commands["tui"] is command


def test_what_is_printed_in_a_pipe_is_plain(folder):
    done = ask("--dump")
    assert done.exit_code == 0
    assert folder.name in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_a_run_is_named_as_everywhere(folder):
    for name in ("last", "Letters", folder.name, str(folder)):
        assert loads(ask("--dump", "--json", name).stdout.encode())["run"]["run"] == folder.name


def test_a_run_that_cannot_be_read_is_not_told_as_all_runs(folder):
    paths = RunPaths(folder)
    paths.manifest.unlink()
    paths.journal.write_bytes(b"x" + paths.journal.read_bytes())
    for more in ((), ("--json",)):
        done = ask("--dump", *more, str(folder))
        assert done.exit_code == 2
        assert done.stdout == ""
        assert "MANIFEST.journal:1" in done.stderr


def test_a_run_that_is_not_there_is_bad_input(folder):
    done = ask("--dump", "nope")
    assert done.exit_code == 2
    assert "No run in" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--json"], ["--port", "8300"], ["--dump", "--web"]])
def test_options_that_say_nothing_together_are_refused(words):
    done = ask(*words)
    assert done.exit_code == 2
    assert " go" in done.stderr


def test_where_there_is_no_terminal_it_says_what_there_is(folder):
    done = ask()
    assert done.exit_code == 2
    assert done.stderr == "Error: There is no terminal here. --dump prints what it would show.\n"


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_has_its_width_and_colours_unless_it_wants_none(folder, environ, coloured):
    with terminal("-m", "tui", "--dump", "last", columns=72, **environ) as screen:
        assert screen.ended() == 0
        said = screen.written.decode()
    assert "chunk_002" in said
    assert ("\x1b[32m" in said) == coloured
    assert "\x1b[3" not in said or coloured


def test_what_is_not_installed_is_told_with_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    monkeypatch.delitem(sys.modules, "tui.web", raising=False)
    done = ask("--web")
    assert done.exit_code == 2
    assert done.stderr == "Error: --web needs textual-serve: pip install 'octobatch[web]'.\n"


def test_a_port_that_is_taken_is_told(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = ask("--web", "--port", str(taken.getsockname()[1]))
    assert done.exit_code == 2
    assert "--port takes another" in done.stderr
