"""The greeting is in nobody's way, and soon gone."""

import pytest

from tests.tui.shown import Shown, all_kinds
from tests.tui.test_home import names, screen_of
from tests.tui.test_run import comes
from tui.app import OctobatchApp
from tui.home import Home
from tui.keymap import Context, keys_of
from tui.otto.widget import Sprite
from tui.run import RunPage
from tui.splash import SECONDS, WORDS, Close, Splash

HELLO = "Hello, I am Otto."
SIZE = (140, 42)


@pytest.fixture(autouse=True)
def whole(monkeypatch):
    monkeypatch.setenv("OTTO", "full")


@pytest.fixture
def source():
    return Shown(*all_kinds())


@pytest.fixture
def timers(monkeypatch):
    """The timers that the greeting sets: when they ring, and what they call."""
    timers = []
    monkeypatch.setattr(Splash, "set_timer", lambda _, *told: timers.append(told))
    return timers


@pytest.fixture
async def pilot(source, timers):
    async with OctobatchApp(source).run_test(size=SIZE) as pilot:
        await comes(pilot, lambda: HELLO in screen_of(pilot.app))
        yield pilot


async def gone(pilot):
    await comes(pilot, lambda: HELLO not in screen_of(pilot.app))
    assert not pilot.app.screen.query(Splash)


async def test_he_is_in_the_lower_right_corner(pilot):
    lines = screen_of(pilot.app).splitlines()
    place = next(y for y, line in enumerate(lines) if HELLO in line)
    assert place > SIZE[1] / 2
    assert lines[place].index(HELLO) > SIZE[0] / 2
    assert pilot.app.screen.query_one(Splash).query_one(Sprite).is_animated


async def test_he_is_gone_after_ten_seconds(pilot, timers):
    ((seconds, call),) = timers
    assert seconds == SECONDS == 10
    call()
    await gone(pilot)


async def test_escape_takes_him_away_and_nothing_else_the_first_time(pilot):
    await pilot.press("slash", *"paused")
    await pilot.press("escape")
    await gone(pilot)
    assert names(pilot) == ["Sailor"], "what was typed is still there"
    await pilot.press("escape")
    assert len(names(pilot)) == len(all_kinds())


async def test_a_click_on_its_x_takes_him_away(pilot):
    await pilot.click(Close)
    await gone(pilot)


async def test_keys_reach_the_screen_below(pilot, source):
    await pilot.press("slash", *"nightly")
    assert names(pilot) == ["Nightly"]
    assert HELLO in screen_of(pilot.app)
    await pilot.press("enter", "enter")
    assert isinstance(pilot.app.screen, RunPage)
    assert source.opened is not None


async def test_a_row_beside_him_can_be_clicked(pilot):
    before = pilot.app.screen.query_one("#runs").size.height
    assert before > 0
    await pilot.click("#runs", offset=(3, 4))
    assert isinstance(pilot.app.screen, Home)
    assert pilot.app.screen.run_dir == all_kinds()[3].dir or pilot.app.screen.run_dir is not None


async def test_o_is_more_of_less_and_no_greeting(pilot):
    await pilot.press("o")
    await gone(pilot)


@pytest.mark.parametrize("told", ["off", "line"])
async def test_who_wants_less_of_him_is_not_greeted(source, told, monkeypatch):
    monkeypatch.setenv("OTTO", told)
    async with OctobatchApp(source).run_test(size=SIZE) as pilot:
        await comes(pilot, lambda: "Sailor" in screen_of(pilot.app))
        assert not pilot.app.screen.query(Splash)


async def test_who_asks_for_a_run_is_not_greeted(source):
    app = OctobatchApp(source, source.snapshot.rows[0].dir)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("escape")
        await comes(pilot, lambda: "Sailor" in screen_of(app))
        assert not app.screen.query(Splash)


async def test_where_there_is_no_run_he_sleeps_instead():
    """And does not jump up when the first one comes."""
    source = Shown()
    async with OctobatchApp(source).run_test(size=SIZE) as pilot:
        await comes(pilot, lambda: "No runs yet." in screen_of(pilot.app))
        source.give(*all_kinds())
        await comes(pilot, lambda: "Sailor" in screen_of(pilot.app))
        assert not pilot.app.screen.query(Splash)


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
async def test_where_there_is_little_room_there_is_his_face(source, timers, size):
    async with OctobatchApp(source).run_test(size=size) as pilot:
        await comes(pilot, lambda: f"(o‿o) {HELLO}" in screen_of(pilot.app))
        assert not pilot.app.screen.query_one(Splash).query(Sprite)
        assert names(pilot)


def test_he_names_a_key_that_does_something():
    (key,) = (key for key in keys_of(Context.HOME) if key.action == "help")
    assert f"{key.name} shows all keys." in WORDS
    assert not key.later
