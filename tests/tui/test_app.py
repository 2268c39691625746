"""The app as a whole."""

import pytest
from textual.theme import BUILTIN_THEMES

from tests.tui.shown import Shown, all_kinds
from tui.app import OctobatchApp
from tui.table import Table
from tui.tones import LEAST, contrast


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
