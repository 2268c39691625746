"""Whatever files say, the screens show it, and the terminal obeys none of it."""

import re
from functools import partial

import pytest
from rich.cells import cell_len

from tests.tui.hostile import MARK, hostile_run, obeyed
from tests.tui.terminals import terminal
from tests.tui.test_home import screen_of
from tests.tui.test_run import comes
from tui.app import OctobatchApp
from tui.dump import document, seen, text
from tui.reader import Reader

OWN = re.compile(rb"\x1b(\[[0-9;?<>=:]*[ -/]*[@-~]|\]22;[a-z]*\x07|[=>78]|P[^\x1b]*\x1b\\)")
"""What Textual itself writes to move the cursor, to colour, and to ask a terminal."""


@pytest.fixture
def folder(runs_dir):
    return hostile_run(runs_dir)


@pytest.fixture
def app(folder, monkeypatch):
    app = OctobatchApp(partial(Reader, folder.parent))
    monkeypatch.setattr(app, "copy", lambda _: None)
    return app


def check(app) -> None:
    """See that what is on the screen does nothing, and is as wide as the screen."""
    for line in app.screen._compositor.render_strips():
        told = "".join(segment.text for segment in line)
        assert not obeyed(told), (app.screen, told)
        assert cell_len(told) == app.size.width, (app.screen, told)


@pytest.mark.parametrize("size", [(140, 42), (60, 20)])
async def test_every_screen_shows_it_and_is_none_the_worse(app, size):
    async with app.run_test(size=size) as pilot:

        async def press(*keys):
            for key in keys:
                await pilot.press(key)
                check(app)

        await comes(pilot, lambda: "paused" in screen_of(app))
        await press("slash", "e", "escape", "enter")
        await comes(pilot, lambda: "retry" in screen_of(app))
        await press("right", "comma", "u")
        await comes(pilot, lambda: "13 units" in screen_of(app))
        await press("down", "enter")
        await comes(pilot, lambda: "reply" in screen_of(app))
        await press(*"mtri", "right", *"tr", "right_square_bracket", *"tlcap", "escape", "l")
        await comes(pilot, lambda: "opened" in screen_of(app))
        await press("up", "up", "up", "enter", "left_square_bracket", "escape", "escape", "f")
        await comes(pilot, lambda: "MANIFEST" in screen_of(app))
        files = app.screen
        for place in range(len(files.main.rows)):
            files.main.go_to(place)
            if files.main.key.startswith(("odd", "text")):
                await press("enter")
                await comes(pilot, lambda: "line" in screen_of(app))
                await press("enter", "escape")
                if app.screen is not files:
                    await press("escape")


def test_what_is_printed_does_nothing_either(folder):
    snapshot = seen(folder.parent, folder)
    for line in text(snapshot, 1000):
        assert not obeyed("".join(part.text for part in line))
    assert not list(texts(document(snapshot)))


def texts(told):
    """Yield the texts of a document that a terminal would obey."""
    if isinstance(told, str) and obeyed(told):
        yield told
    elif isinstance(told, dict):
        for key, value in told.items():
            yield from texts(key)
            yield from texts(value)
    elif isinstance(told, (list, tuple)):
        for value in told:
            yield from texts(value)


@pytest.mark.cold
def test_in_a_real_terminal_none_of_their_escapes_arrives(folder):
    with terminal("-m", "tui", "last", columns=120, lines=40) as screen:
        screen.until("paused", MARK)
        screen.send(b"u")
        screen.until("13 units")
        screen.send(b"\r")
        screen.until("reply", "history")
        for key in b"mtril":
            screen.send(bytes([key]))
        screen.send(b"]\x1b[C")
        screen.send(b"?")
        screen.until("search")
        screen.send(b"\x1b")
        screen.until("history")
        screen.send(b"\x1b")
        screen.until("13 units")
        screen.send(b"L")
        screen.until("RUN_LOG.txt", "lines")
        screen.send(b"\r")
        screen.until("line ")
        screen.send(b"F")
        screen.until("MANIFEST")
        screen.send(b"q")
        assert screen.ended() == 0
    told = screen.written
    assert MARK.encode() in told
    assert b"]52;c;" in told
    rest = OWN.sub(b"", told).decode()
    assert not obeyed(rest) - {"\r", "\n"}
