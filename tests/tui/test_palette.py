"""The command palette finds what keys do, and runs by their names."""

from functools import partial

import pytest
from textual.command import CommandPalette

from tests.tui.test_home import screen_of
from tests.tui.test_run import comes
from tui.app import OctobatchApp
from tui.file import FilePage
from tui.reader import Reader
from tui.run import RunPage


@pytest.fixture
async def pilot(make_run, through):
    folder = make_run("Letters_1")
    through(folder)
    through(make_run("Others_2"))
    async with OctobatchApp(partial(Reader, folder.parent)).run_test(size=(100, 30)) as pilot:
        await comes(pilot, lambda: "Others_2" in screen_of(pilot.app))
        yield pilot


async def chosen(pilot, words: str, offer: str) -> None:
    """Type into the palette, wait for an offer, and take it."""
    await pilot.press("ctrl+p", *words)
    below = slice(5, None)  # what is typed is above
    await comes(pilot, lambda: offer in "".join(screen_of(pilot.app).splitlines()[below]))
    await pilot.press("enter")
    await comes(pilot, lambda: not isinstance(pilot.app.screen, CommandPalette))


async def test_what_a_key_does_is_found_by_its_name(pilot):
    await chosen(pilot, "as it grows", "Log (L)")
    await comes(pilot, lambda: isinstance(pilot.app.screen, FilePage))


async def test_a_run_is_opened_by_its_name_from_anywhere(pilot):
    await pilot.press("l")
    await chosen(pilot, "Others_2", "Open this run")
    await comes(pilot, lambda: isinstance(pilot.app.screen, RunPage))
    await comes(pilot, lambda: "Others_2" in screen_of(pilot.app).splitlines()[0])
    assert len(pilot.app.screen_stack) == 3


async def test_ours_come_before_what_textual_can_do(pilot):
    """Which is found as well."""
    await pilot.press("ctrl+p")
    await comes(pilot, lambda: "Files (F)" in screen_of(pilot.app))
    offers = [line.strip() for line in screen_of(pilot.app).splitlines()[6:] if line.strip()]
    assert offers[0] == "Open (⏎)"
    await pilot.press(*"theme")
    await comes(pilot, lambda: "Change the current theme" in screen_of(pilot.app))
    assert screen_of(pilot.app).count("Change the current theme") == 1
