"""What the main screens look like, to the letter.

`OCTOBATCH_RENEW_GOLDEN=1 pytest tests/tui/test_golden.py` writes down what they look like now;
look at the difference before it is committed.
"""

import os
import time
from functools import partial
from pathlib import Path

import pytest

from tests.tui.busy import NOW, at_work
from tests.tui.shown import Shown, all_kinds
from tests.tui.test_home import screen_of
from tests.tui.test_run import comes
from tui.app import OctobatchApp
from tui.reader import Reader

GOLDEN = Path(__file__).parent / "golden"
RENEW = "OCTOBATCH_RENEW_GOLDEN"
SIZES = [(140, 42), (80, 24), (60, 20)]
SCREENS = ("home", "run", "units", "unit")


@pytest.fixture(autouse=True)
def still(monkeypatch):
    """It is always the same time, in the same place, and nothing turns."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr("tui.home.SPINS_PER_SECOND", 1e-6)
    yield
    monkeypatch.undo()
    time.tzset()


async def seen(name: str, size: tuple[int, int], root: Path, check=lambda _: None) -> str:
    """Return the text of a screen, once all that it shows is there."""
    if name == "home":
        app = OctobatchApp(Shown(*all_kinds()))
        async with app.run_test(size=size) as pilot:
            await comes(pilot, lambda: "cancelled" in screen_of(app))
            check(app)
            return screen_of(app)
    with at_work(root) as folder:
        app = OctobatchApp(partial(Reader, root, clock=lambda: NOW), folder)
        async with app.run_test(size=size) as pilot:
            await comes(pilot, lambda: "chunk_004" in screen_of(app))
            if name != "run":
                await pilot.press("u")
                await comes(pilot, lambda: "60 units " in screen_of(app))
            if name == "unit":
                await pilot.press("enter")
                await comes(pilot, lambda: "minLength" in screen_of(app))
            await pilot.pause()
            check(app)
            return screen_of(app)


def ungrey(app) -> None:
    """See that no colour is left: state is told by signs and words."""
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                if colour is not None and colour.triplet is not None:
                    assert len(set(colour.triplet)) == 1, segment


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_looks_as_it_did(name, size, runs_dir):
    shown = await seen(name, size, runs_dir)
    golden = GOLDEN / f"{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get(RENEW):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(f"{shown}\n")
    assert f"{shown}\n" == golden.read_text()


@pytest.mark.parametrize("name", SCREENS)
async def test_without_colours_it_says_the_same(name, runs_dir, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    shown = await seen(name, SIZES[1], runs_dir, check=ungrey)
    assert f"{shown}\n" == (GOLDEN / f"{name}-80x24.txt").read_text()


def test_every_picture_is_of_a_screen():
    """None is left behind when a screen goes."""
    wanted = {f"{name}-{width}x{height}.txt" for name in SCREENS for width, height in SIZES}
    assert {path.name for path in GOLDEN.iterdir()} == wanted
