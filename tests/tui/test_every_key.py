"""Every key of the table does something on every screen where it holds, and is seen to."""

from functools import partial

import pytest

from tests.tui.test_home import screen_of
from tests.tui.test_run import comes
from tui import folders
from tui.app import OctobatchApp
from tui.home import Home
from tui.keymap import Context, keys_of
from tui.page import Page
from tui.reader import Reader
from tui.table import Rows, Table

WAY = {
    Context.HOME: [],
    Context.RUN: ["enter", "right"],
    Context.UNIT: ["enter", "u", "down", "enter", "left"],
    Context.LOG: ["l"],
    Context.FILES: ["f"],
    Context.TEXT: ["l", "up", "enter"],
    Context.PIPELINES: ["p"],
    Context.PIPELINE: ["p", "end", "enter"],
    Context.PART: ["p", "end", "enter", "v"],
}
"""The keys that lead from all runs to each screen, to where every key has something to do."""
STILL = {
    (Context.HOME, "back"),
    (Context.UNIT, "view('reply')"),  # it is what is shown already
    (Context.RUN, "step(1)"),  # it is the last one
    (Context.UNIT, "step(-1)"),  # it is the first one
}
"""Keys that have nothing to do there, and say nothing."""
SAID = {"quit", "reread"}
"""Keys whose effect is not on the screen; what they call is heard instead."""


@pytest.fixture
def folder(make_run, through):
    folder = make_run()
    through(folder)
    return folder


@pytest.fixture
def app(folder, monkeypatch):
    app = OctobatchApp(partial(Reader, folder.parent))
    heard: list[object] = []
    monkeypatch.setattr(app, "say", heard.append)
    monkeypatch.setattr(app, "copy", heard.append)
    monkeypatch.setattr(app, "exit", lambda: heard.append("left"))
    monkeypatch.setattr(folders, "ask", lambda _: None)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    app.heard = heard  # pyright: ignore[reportAttributeAccessIssue]
    return app


def test_there_is_a_way_to_every_screen():
    assert set(WAY) == set(Context) - {Context.EVERYWHERE}


def seen(app) -> tuple[object, ...]:
    """Return what there is to see and to hear, colours included."""
    focused = app.focused.id if app.focused is not None else None
    return drawn(app), focused, len(app.screen_stack), len(app.heard)


def drawn(app) -> str:
    """Return the screen, styles included."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(str([(s.text, str(s.style)) for s in strip]) for strip in strips)


async def there(pilot, context: Context) -> None:
    """Go to a screen, from wherever one is."""
    app = pilot.app
    while not isinstance(app.screen, Home):
        app.pop_screen()
        await pilot.pause()
    app.screen.action_back()
    await comes(pilot, lambda: "run" in screen_of(app).splitlines()[2])
    for key in WAY[context]:
        await pilot.press(key)
        await comes(pilot, lambda: all(map(len, rows_on(app))))
        await settled(pilot)
    assert isinstance(app.screen, Page)
    assert app.screen.CONTEXT is context


def rows_on(app) -> list[Rows]:
    """Return the rows of all tables that are shown."""
    return [table.rows for table in app.screen.query(Table) if table.display]


async def settled(pilot) -> None:
    """Wait until nothing changes any more."""
    before = None
    while before != (now := seen(pilot.app)):
        before = now
        await pilot.pause(0.02)


@pytest.mark.parametrize("context", list(WAY))
async def test_every_key_does_what_is_seen(app, folder, context, monkeypatch):
    monkeypatch.chdir(folder.parent.parent)
    async with app.run_test(size=(100, 30)) as pilot:
        await comes(pilot, lambda: "100%" in screen_of(app))
        before: tuple[object, ...] = ()
        for key in keys_of(context):
            await settled(pilot)
            if seen(app)[:-1] != before[:-1]:  # else the last key was only heard
                await there(pilot, context)
            if key.action in SAID:
                monkeypatch.setattr(app.source, "poke", lambda: app.heard.append("read"))
            before = seen(app)
            await pilot.press(key.key)
            if (context, key.action) in STILL:
                await settled(pilot)
                continue
            await changed(pilot, before, f"{key.name} on {context}")


async def changed(pilot, before: tuple[object, ...], what: str) -> None:
    """Wait until something is seen or heard."""
    for _ in range(100):
        if seen(pilot.app) != before:
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{what} does nothing")
