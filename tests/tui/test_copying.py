"""A text is copied every way there is, and the user hears which."""

import subprocess

import pyperclip
import pytest

from tests.tui.shown import Shown
from tui.app import OctobatchApp
from tui.copying import Way, copy, ways


def test_ssh_leaves_the_far_clipboard_alone():
    assert [way.name for way in ways({})] == ["the clipboard"]
    assert ways({"SSH_CONNECTION": "10.0.0.1 5 10.0.0.2 22"}) == []
    assert [way.name for way in ways({"SSH_TTY": "/dev/pts/1", "TMUX": "/tmp/t,1,0"})] == ["tmux"]


def test_what_worked_is_told():
    put: list[str] = []
    told = copy("one line", put.append, [Way("tmux", put.append)])
    assert put == ["one line", "one line"]
    assert told == "Copied 8 characters to tmux and the terminal (OSC 52)."


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError("tmux"),
        subprocess.CalledProcessError(1, "tmux"),
        pyperclip.PyperclipException("no display"),
    ],
)
def test_what_did_not_work_is_not_told(error):
    def fails(_: str) -> None:
        raise error

    told = copy("a\nb\n", lambda _: None, [Way("tmux", fails)])
    assert told == "Copied 2 lines to the terminal (OSC 52), if it takes that."


def test_a_long_text_has_another_way():
    told = copy("x" * 80_000, lambda _: None, [])
    assert told.endswith("S saves it to a file.")


def test_half_a_character_is_no_hindrance():
    put: list[str] = []
    copy("a\ud800b", put.append, [])
    assert put == ["a?b"]


async def test_the_app_copies_behind_the_screen_and_says_so(monkeypatch):
    put: list[str] = []
    monkeypatch.setattr("tui.copying.ways", lambda: [Way("tmux", put.append)])
    app = OctobatchApp(Shown())
    async with app.run_test() as pilot:
        app.copy("a case")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert put == ["a case"]
        assert app.clipboard == "a case"
        assert [note.message for note in app._notifications] == [
            "Copied 6 characters to tmux and the terminal (OSC 52)."
        ]
