"""The pipelines in a table, and what its keys do."""

from datetime import timedelta

import pytest

from tests.tui.shelf import BROKEN, change, put
from tests.tui.shown import NOW, Shown, row
from tests.tui.test_home import screen_of
from tests.tui.test_run import comes
from tui import folders
from tui.app import OctobatchApp
from tui.home import Home
from tui.pipeline import PipelinePage
from tui.pipelines import PipelineRows, PipelinesPage
from tui.table import Table

SIZES = [(140, 42), (100, 30), (80, 24), (60, 20)]


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """Two pipelines, of which one is broken; no command is asked."""
    monkeypatch.setattr(folders, "ask", lambda _: None)
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(tmp_path / "shelf"))
    put(tmp_path / "shelf", "Blackjack", "Blackjack")
    BROKEN["a key that there is not"](put(tmp_path / "shelf"))
    return tmp_path / "shelf"


@pytest.fixture
def app():
    created = NOW - timedelta(hours=2)
    return OctobatchApp(Shown(row("Blackjack_2", created=created), row("Blackjack_1")))


@pytest.fixture
async def pilot(app):
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.press("p")
        await comes(pilot, lambda: names(app) == ["Blackjack", "NpcDialog"])
        yield pilot


def names(app) -> list[str]:
    rows = app.screen.query_one(Table).rows
    return [rows.key(place) for place in range(len(rows))] if isinstance(rows, PipelineRows) else []


@pytest.mark.parametrize("size", SIZES)
async def test_each_is_there_with_what_a_check_says_at_any_size(app, size):
    async with app.run_test(size=size) as pilot:
        await pilot.press("P")
        await comes(pilot, lambda: "NpcDialog" in screen_of(app))
        shown = screen_of(app)
    for words in ("Blackjack", "✓ fine", "✗ 1 wrong", "1 cannot be run"):
        assert words in shown
    assert all(len(line) <= size[0] for line in shown.splitlines())


async def test_runs_are_counted_and_the_one_under_the_cursor_flows(app, pilot):
    shown = screen_of(app)
    line = next(line for line in shown.splitlines() if "✓ fine" in line)
    assert line.strip("▎ ").split()[:5] == ["Blackjack", "✓", "fine", "6", "openai/gpt-6-luna"]
    assert "2   40 min ago" in line
    await pilot.press("down")
    assert "│─▶│ generate.jinja2" in screen_of(app)
    assert "unknown key 'output_schma'" in screen_of(app)


async def test_a_pipeline_is_found_as_one_types(app, pilot):
    await pilot.press("slash", *"harbour")
    assert names(app) == ["NpcDialog"]
    await pilot.press("escape")
    assert names(app) == ["Blackjack", "NpcDialog"]


async def test_pipelines_are_sorted(app, pilot):
    await pilot.press("comma", "comma")
    assert names(app) == ["NpcDialog", "Blackjack"]
    await pilot.press("comma")
    assert names(app) == ["Blackjack", "NpcDialog"]


async def test_enter_opens_one_and_escape_leads_back(app, pilot):
    await pilot.press("down", "enter")
    assert isinstance(app.screen, PipelinePage)
    await comes(pilot, lambda: "› NpcDialog" in screen_of(app))  # noqa: RUF001
    await pilot.press("p")
    assert isinstance(app.screen, PipelinesPage)
    await pilot.press("escape")
    assert isinstance(app.screen, Home)


async def test_what_is_made_and_changed_elsewhere_is_shown(app, pilot, root):
    put(root, "Another")
    await comes(pilot, lambda: names(app) == ["Another", "Blackjack", "NpcDialog"])
    change(root / "NpcDialog", "output_schma", "output_schema")
    await comes(pilot, lambda: "✗" not in screen_of(app))


async def test_where_there_is_none_it_is_said_how_to_make_one(app, tmp_path, monkeypatch):
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(tmp_path / "none"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("p")
        await comes(pilot, lambda: "octobatch new" in screen_of(app))


async def test_looking_writes_nothing(app, pilot, root):
    before = {path: path.stat() for path in root.rglob("*")}
    for key in (*"npkrxdgh", "space", "comma", "f5", "question_mark", "escape", "enter", "escape"):
        await pilot.press(key)
    assert before == {path: path.stat() for path in root.rglob("*")}
