"""The app as a whole: who only looks changes nothing, and colours are a matter of taste."""

import pytest
from textual.theme import BUILTIN_THEMES

from tests.tui.shown import Shown, all_kinds
from tests.tui.test_home import screen_of
from tui.app import OctobatchApp
from tui.help import KeyRows
from tui.home import Home
from tui.keymap import KEYS, Context, keys_of
from tui.table import Table
from tui.tones import LEAST, contrast

CHANGING = [key for key in keys_of(Context.HOME) if key.changes]


@pytest.fixture
async def reader():
    """Home as those see it who only look."""
    app = OctobatchApp(Shown(*all_kinds()), read_only=True)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        yield pilot


def said(pilot) -> list[str]:
    return [note.message for note in pilot.app._notifications]


def test_some_keys_change_something():
    changing = {key.action for keys in KEYS.values() for key in keys if key.changes}
    assert changing >= {"new", "go_on", "stop", "archive", "save", "edit"}


@pytest.mark.parametrize("key", CHANGING, ids=lambda key: key.action)
async def test_who_only_looks_is_told_so_and_nothing_is_done(reader, key):
    await reader.press(key.key)
    assert said(reader) == [f"{key.label} would change something: not with --read-only."]


async def test_however_it_is_asked_for(reader, monkeypatch):
    """By a click on words, or by a command of the palette: there is one gate."""
    done = []
    monkeypatch.setattr(Home, "action_archive", lambda _: done.append(1), raising=False)
    for action in ("archive", "screen.archive", "later('archive')"):
        await reader.app.screen.run_action(action)
    await reader.pause()
    assert len(said(reader)) == 3
    assert not done


async def test_what_is_refused_is_not_offered(reader):
    shown = screen_of(reader.app)
    assert shown.splitlines()[0].startswith(" read-only  octobatch")
    titles = {command.title for command in reader.app.get_system_commands(reader.app.screen)}
    assert "Screenshot" not in titles
    assert "Theme" in titles
    await reader.press("question_mark")
    rows = reader.app.screen.query_one(Table).rows
    assert isinstance(rows, KeyRows)
    assert not [key for key in rows.keys if key.changes]


async def test_what_only_shows_is_not_refused(reader):
    for key in ("comma", "h", "space", "equals_sign"):
        await reader.press(key)
    assert not [words for words in said(reader) if "read-only" in words]


async def test_a_theme_is_chosen_by_name_and_another_in_the_palette():
    app = OctobatchApp(Shown(*all_kinds()), theme="catppuccin-latte")
    async with app.run_test(size=(100, 30)) as pilot:
        assert app.theme == "catppuccin-latte"
        await pilot.press("ctrl+p")
        await pilot.press(*"theme")
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press(*"nord")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press("down", "enter")
        await pilot.pause()
        assert app.theme == "nord"


@pytest.mark.parametrize("theme", sorted(BUILTIN_THEMES))
async def test_every_tone_is_seen_in_every_theme(theme):
    """Against its own ground; what is said in a low voice as well."""
    app = OctobatchApp(Shown(*all_kinds()), theme=theme)
    async with app.run_test(size=(140, 42)):
        table = app.screen.query_one(Table)
        for tone in ("dim", "good", "soft", "bad", "live", "accent"):
            colour = table.get_component_styles(f"table--{tone}").color
            _, ground = table.background_colors
            if colour.ansi is None and ground.ansi is None:
                assert contrast(colour, ground) >= LEAST, (tone, colour.hex, ground.hex)


async def test_the_key_that_ends_programs_says_how_one_leaves(reader):
    await reader.press("ctrl+c")
    assert said(reader) == ["Q leaves. Runs go on."]
