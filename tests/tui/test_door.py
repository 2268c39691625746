"""`octobatch tui` and `python -m tui`: what their options do, and what they refuse."""

import pytest
from click.testing import CliRunner

from flows.cli.main import octobatch
from runs import loads
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


def test_a_run_that_is_not_there_is_bad_input(folder):
    done = ask("--dump", "nope")
    assert done.exit_code == 2
    assert "No run in" in done.stderr
    assert "Traceback" not in done.stderr


def test_json_is_a_way_to_print():
    done = ask("--json")
    assert done.exit_code == 2
    assert "--json goes with --dump" in done.stderr


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
