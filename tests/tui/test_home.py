"""Home: every run at a glance, and what its keys do."""

from dataclasses import replace

import pytest
from textual.events import Key

from runs import Liveness
from tests.tui.shown import Shown, all_kinds, row
from tui.app import OctobatchApp
from tui.home import Home, RunRows
from tui.keymap import Context, keys_of
from tui.page import Filter
from tui.paint import Tone, bar, big, cost, share_of, state
from tui.table import Table

SIZES = [(140, 42), (100, 30), (80, 24), (60, 20)]


@pytest.fixture
def source():
    return Shown(*all_kinds())


@pytest.fixture
async def pilot(source):
    async with OctobatchApp(source).run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        yield pilot


def table(pilot) -> Table:
    return pilot.app.screen.query_one(Table)


def names(pilot) -> list[str]:
    rows = table(pilot).rows
    assert isinstance(rows, RunRows)
    return [run.name.partition("_")[0] for run in rows.runs]


def screen_of(app) -> str:
    """Return what is on the screen, as text."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)


async def test_those_at_work_come_first_then_the_newest(pilot):
    assert names(pilot)[:5] == ["NpcDialog", "Halting", "Leaving", "Probe", "Nightly"]
    assert pilot.app.screen.__class__ is Home


@pytest.mark.parametrize("size", SIZES)
async def test_every_state_is_a_glyph_and_a_word_at_any_size(source, size):
    """What there is no room for goes; the state stays, it is the sentence."""
    async with OctobatchApp(source).run_test(size=size) as pilot:
        await pilot.pause()
        shown = screen_of(pilot.app)
    for words in (
        "active",
        "pausing",
        "cancelling",
        "◷ deferred",
        "◌ detached",
        "! stuck",
        "‖ paused",
        "· pending",
    ):
        assert words in shown
    for words in ("✓ complete", "✓ complete, 7 failed", "✗ failed", "⊘ cancelled", "? Keys"):
        assert words in shown
    assert all(len(line) <= size[0] for line in shown.splitlines())


async def test_where_there_is_no_run_it_is_said_how_to_make_one():
    """And only there."""
    empty = Shown()
    async with OctobatchApp(empty).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "octobatch run NpcDialog --emulate" in screen_of(pilot.app)
        empty.give(row("First_1"))
        await pilot.pause()
        assert "octobatch run NpcDialog" not in screen_of(pilot.app)


async def test_a_run_is_found_as_one_types(pilot):
    await pilot.press("slash", *"paused")
    assert names(pilot) == ["Sailor"]
    await pilot.press("enter")
    assert pilot.app.focused is table(pilot)
    await pilot.press("escape")
    assert len(names(pilot)) == len(all_kinds())


async def test_the_run_under_the_cursor_is_opened(pilot, source):
    second = table(pilot).rows.key(1)
    await pilot.press("down", "enter")
    assert source.opened == second
    await pilot.press("escape")
    assert source.opened is None


async def test_the_cursor_stays_on_its_run(pilot, source):
    """Rows come and go; and one that is gone leaves it where it was."""
    await pilot.press("down", "down", "down")
    mine = table(pilot).key
    source.give(row("New_1"), row("New_2"), *all_kinds())
    await pilot.pause()
    assert table(pilot).key == mine
    source.give(row("New_1"))
    await pilot.pause()
    assert table(pilot).cursor == 0


async def test_frozen_is_still_and_then_shows_what_came_last(pilot, source):
    await pilot.press("equals_sign")
    source.give(row("New_1"))
    await pilot.pause()
    assert len(names(pilot)) == len(all_kinds())
    before = table(pilot).rows.cells(0)
    pilot.app.screen._spin()
    assert table(pilot).rows.cells(0) == before
    await pilot.press("equals_sign")
    await pilot.pause()
    assert names(pilot) == ["New"]


async def test_a_second_sort_is_another(pilot):
    before = names(pilot)
    await pilot.press("comma")
    assert sorted(names(pilot)) == sorted(before)
    assert names(pilot) != before
    assert "run ↓cost" in screen_of(pilot.app)


async def test_what_is_typed_at_once_is_typed(pilot):
    """All letters may be on their way before the line to type in has opened."""
    for key, letter in (("slash", "/"), *((letter, letter) for letter in "dark")):
        pilot.app.post_message(Key(key, letter))
    for _ in range(100):
        if pilot.app.screen.query_one(Filter).value == "dark":
            break
        await pilot.pause(0.02)
    assert pilot.app.screen.query_one(Filter).value == "dark"
    assert not pilot.app._notifications


async def test_the_cursor_stays_in_sight_with_its_row(pilot, source):
    """Rows come above it, or are sorted otherwise; who has scrolled away from it stays there."""
    many = [row(f"Many{n:03}_1", failed=n) for n in range(300)]
    source.give(*many)
    await pilot.pause()
    shown, mine = table(pilot), table(pilot).key
    await pilot.press("comma", "comma")
    await pilot.pause()
    assert (shown.cursor, shown.key) == (299, mine)
    assert "Many000" in screen_of(pilot.app)
    shown.scroll_to(y=100, animate=False, immediate=True)
    source.give(row("New_1", failed=900), *many)
    await pilot.pause()
    assert (shown.key, shown.scroll_offset.y) == (mine, 100)


async def test_a_row_is_marked_and_unmarked(pilot):
    await pilot.press("space")
    assert table(pilot).marked == {table(pilot).key}
    await pilot.press("space")
    assert table(pilot).marked == set()


async def test_archived_runs_are_shown_on_demand(pilot, source):
    await pilot.press("h")
    assert source.archived
    await pilot.press("H")
    assert not source.archived


@pytest.mark.parametrize("key", [key for key in keys_of(Context.HOME) if key.later])
async def test_what_is_not_there_yet_says_what_does_it_today(pilot, key):
    await pilot.press(key.key)
    await pilot.pause()
    assert [note.message for note in pilot.app._notifications] == [
        f"{key.label} is not here yet. Today: {key.instead}"
    ]


async def test_what_a_row_says_is_never_markup(source):
    """Names are a person's, reasons a model's."""
    evil = "[/bold][@click=app.quit]x[/]"
    async with OctobatchApp(Shown(row(evil, Liveness.PAUSED, reason=evil))).run_test() as pilot:
        await pilot.pause()
        assert evil[:20] in screen_of(pilot.app)


def test_a_run_at_its_end_is_whole_and_one_that_failed_is_not():
    done = row("Done", Liveness.COMPLETE, progress=0.97)
    assert share_of(done) == "100%"
    assert share_of(replace(done, liveness=Liveness.FAILED)) == "97%"


def test_failed_by_faults_is_red_and_by_answers_yellow():
    done = row("Done", Liveness.COMPLETE, failed=3, hard=0)
    assert state(done)[0].tone is Tone.SOFT
    assert state(replace(done, hard=1))[0].tone is Tone.BAD


@pytest.mark.parametrize("width", [1, 7, 40])
@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999, 1])
def test_a_bar_is_as_wide_as_it_is_to_be(width, share):
    """Something is never nothing, and not yet all is never all."""
    drawn = bar(width, (share, Tone.GOOD))
    assert sum(len(part.text) for part in drawn) == width
    full = drawn[0].text.count("━")
    assert (full == width) == (share == 1)
    assert (full > 0) == (share > 0) or width == 1


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0"), (9_999, "9,999"), (12_340, "12.3k"), (999_999, "1.0M"), (4_500_000, "4.5M")],
)
def test_numbers_are_short(number, said):
    assert big(number) == said


def test_what_nobody_knows_is_not_nothing():
    assert cost(None) == "–"  # noqa: RUF001
