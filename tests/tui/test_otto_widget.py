"""Otto on the screen: how much of him, and that nothing runs while nothing moves."""

from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest
from textual import events

from runs import Run
from tests.tui.moods import MOVED, Played, detail, moods
from tests.tui.shown import NOW, Shown
from tests.tui.test_home import screen_of
from tests.tui.test_run import comes
from tui.app import OctobatchApp
from tui.otto.director import FRESH, LIVELY, Kind, Mood
from tui.otto.widget import FACES, Form, Otto, OttoLine, Sprite, form_asked, frames_per_second
from tui.reader import Reader

WIDE = (140, 42)
SIZES = [(140, 42), (100, 30), (80, 24), (60, 20)]


class Clock:
    """Says what time it is, as a test wants it."""

    def __init__(self):
        self.at = NOW

    def __call__(self):
        return self.at


@pytest.fixture(autouse=True)
def whole(monkeypatch):
    monkeypatch.setenv("OTTO", "full")
    monkeypatch.delenv("SSH_TTY", raising=False)


@pytest.fixture
def clock():
    return Clock()


def shows(run, clock, *happened) -> OctobatchApp:
    """Return the app, with a run open."""
    return OctobatchApp(Played(run, happened), run.row.dir, clock=clock)


def sprite(app) -> Sprite:
    return app.screen.query_one(Otto).query_one(Sprite)


async def opened(pilot):
    await comes(pilot, lambda: "score" in screen_of(pilot.app))
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_he_is_whole_where_there_is_room_and_in_a_line_elsewhere(size, clock):
    app = shows(detail(), clock, MOVED)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        shown = screen_of(app)
        assert app.screen.query_one(Otto).display is (size == WIDE)
        assert ("▀" in shown) is (size == WIDE)
        assert ("(o‿o) score → verify ×12" in shown) is (size != WIDE)  # noqa: RUF001
        assert "score → verify ×12" in shown  # noqa: RUF001


@pytest.mark.parametrize("mood", Mood)
async def test_his_line_is_whole_on_the_narrowest_screen(mood, clock):
    run, happened = moods()[mood]
    app = shows(run, clock, *happened)
    async with app.run_test(size=(60, 20)) as pilot:
        await opened(pilot)
        assert app.stage.scene is not None
        assert f"{FACES[mood]} {app.stage.scene.line}" in screen_of(app)


async def test_o_shows_him_whole_in_a_line_and_not_at_all(clock):
    app = shows(detail(), clock)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        whole, line = app.screen.query_one(Otto), app.screen.query_one(OttoLine)
        seen = []
        for key in "oOo":
            await pilot.press(key)
            await pilot.pause()
            seen.append((whole.display, line.display, sprite(app).is_animated))
        assert seen == [(False, True, False), (False, False, False), (True, False, True)]


async def test_at_home_o_chooses_too(clock):
    app = OctobatchApp(Shown(), clock=clock)
    async with app.run_test(size=(100, 30)) as pilot:
        await comes(pilot, lambda: "No runs yet." in screen_of(app))
        assert "▀" in screen_of(app)
        await pilot.press("o")
        await comes(pilot, lambda: "(-_-) No runs yet." in screen_of(app))
        await pilot.press("o")
        await comes(pilot, lambda: "(-_-)" not in screen_of(app))
        assert "No runs yet." in screen_of(app)


async def test_no_timer_runs_while_nothing_moves(clock):
    source = Played(detail(), (MOVED,))
    app = OctobatchApp(source, source.snapshot.rows[0].dir, clock=clock)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        otto = sprite(app)
        assert otto.is_animated
        clock.at += LIVELY
        await comes(pilot, lambda: not otto.is_animated)
        source.happens(detail(), MOVED)
        await comes(pilot, lambda: otto.is_animated)
        source.happens(moods()[Mood.HURT][0])
        await comes(pilot, lambda: not otto.is_animated)


async def test_nothing_moves_that_nobody_looks_at(clock):
    """Behind another screen, in a window without the focus, or frozen."""
    app = shows(detail(), clock)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        otto = sprite(app)
        for away, back in (("question_mark", "escape"), ("equals_sign", "equals_sign")):
            assert otto.is_animated
            await pilot.press(away)
            await comes(pilot, lambda: not otto.is_animated)
            await pilot.press(back)
            await comes(pilot, lambda: otto.is_animated)
        app.post_message(events.AppBlur())
        await comes(pilot, lambda: not otto.is_animated)
        app.post_message(events.AppFocus())
        await comes(pilot, lambda: otto.is_animated)


async def test_the_arm_that_moves_is_the_step_that_moved_on_disk(make_run, take):
    folder = make_run()
    app = OctobatchApp(partial(Reader, folder.parent), folder)
    with closing(Run.open(folder)) as run:
        async with app.run_test(size=WIDE) as pilot:
            await comes(pilot, lambda: app.stage.scene is not None)
            take(run, "chunk_001", "write")
            await comes(pilot, lambda: app.stage.scene is not None and app.stage.scene.parcels)
            assert app.stage.scene is not None
            (parcel,) = app.stage.scene.parcels
            assert (parcel.start, parcel.end, parcel.kind) == (0, 7, Kind.PASSED)
            assert app.stage.scene.mood is Mood.BUSY
            await comes(pilot, lambda: "write → judge ×3" in screen_of(app))  # noqa: RUF001


async def test_without_animations_he_stands_still_and_still_says_what_happens(clock):
    source = Played(detail(), ())
    app = OctobatchApp(source, source.snapshot.rows[0].dir, clock=clock)
    app.animation_level = "none"
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        assert not sprite(app).is_animated
        source.happens(detail(), MOVED)
        await comes(pilot, lambda: "score → verify ×12" in screen_of(app))  # noqa: RUF001
        assert not sprite(app).is_animated


async def test_without_colours_he_is_a_line(clock, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app = shows(detail(), clock)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        assert "(o‿o) Otto is orchestrating…" in screen_of(app)
        assert "▀" not in screen_of(app)


async def test_what_happened_is_over_without_anything_new(clock, monkeypatch):
    waited = []
    app = shows(detail(), clock, MOVED)
    monkeypatch.setattr(app.stage, "_after", lambda seconds, call: waited.append((seconds, call)))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert [seconds for seconds, _ in waited] == [1.6]
        clock.at += timedelta(seconds=1.6)
        waited[-1][1]()
        clock.at = NOW + FRESH
        waited[-1][1]()
        await comes(pilot, lambda: "Otto is orchestrating…" in screen_of(app))
        assert len(waited) == 2, "nothing more is to come"


@pytest.mark.parametrize(
    ("theme", "body"),
    [
        ("tokyo-night", "#bb9af7"),
        ("nord", "#88c0d0"),
        ("textual-light", "#5986a7"),
        ("ansi-dark", "#b48ef0"),
    ],
)
async def test_his_body_has_the_theme_s_first_colour_if_a_face_is_seen_on_it(theme, body, clock):
    app = OctobatchApp(Played(detail()), detail().row.dir, theme=theme, clock=clock)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        styles = [segment.style for y in range(12) for segment in sprite(app).render_line(y)]
        colours = {style.color.name.lower() for style in styles if style and style.color}
        assert body in colours


async def test_pictures_are_made_once(clock):
    app = shows(detail(), clock)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        one = [sprite(app).render_line(y) for y in range(12)]
        assert all(
            a is b for a, b in zip(one, map(sprite(app).render_line, range(12)), strict=True)
        )
        assert {strip.cell_length for strip in one} == {24}


def test_what_is_asked_for():
    assert form_asked({"OTTO": "off"}) is Form.OFF
    assert form_asked({"OTTO": "LINE"}) is Form.LINE
    assert form_asked({}) is form_asked({"OTTO": "tiny"}) is Form.FULL
    assert frames_per_second({"SSH_TTY": "/dev/pts/1"}) == 2
    assert frames_per_second({}) == 6
