"""What `?` shows is what holds."""

import pytest
from textual.widgets import Input, Static

from tests.tui.shown import Shown, all_kinds
from tui.app import OctobatchApp
from tui.help import Help, KeyRows
from tui.home import Home
from tui.keymap import Context, keys_of
from tui.page import bindings
from tui.table import Table


@pytest.fixture
async def pilot():
    async with OctobatchApp(Shown(*all_kinds())).run_test(size=(100, 30)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        yield pilot


def keys(pilot) -> list[str]:
    rows = pilot.app.screen.query_one(Table).rows
    assert isinstance(rows, KeyRows)
    return [key.name for key in rows.keys]


async def test_all_keys_that_hold_are_there(pilot):
    assert isinstance(pilot.app.screen, Help)
    assert keys(pilot) == [key.name for key in keys_of(Context.HOME)]


async def test_keys_are_found_by_what_they_do(pilot):
    assert pilot.app.focused is pilot.app.screen.query_one(Input)
    await pilot.press(*"archived")
    assert keys(pilot) == ["H"]


async def test_what_a_key_does_is_said_in_full_while_one_moves(pilot):
    await pilot.press(*"filter")
    said = pilot.app.screen.query_one("#said", Static)
    assert "Escape shows all" in str(said.render())
    await pilot.press("backspace", *["backspace"] * 5, "down")
    await pilot.pause()
    actions = [key.action for key in keys_of(Context.HOME)]
    assert str(said.render()) == keys_of(Context.HOME)[actions.index("filter") + 1].says
    assert pilot.app.focused is pilot.app.screen.query_one(Input)


async def test_escape_leads_back(pilot):
    await pilot.press("escape")
    assert isinstance(pilot.app.screen, Home)


@pytest.mark.parametrize("context", Context)
def test_bindings_are_the_keys_of_the_table(context):
    bound = [(binding.key, binding.description) for binding in bindings(context)]
    assert bound == [(key.keys, key.label) for key in keys_of(context)]
