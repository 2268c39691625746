"""The units of a run in a table, and the story of one."""

import shutil
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from textual.widgets import Tree

from runs import Run, RunPaths, RunSpec, create, read
from tests.tui.conftest import STEPS
from tests.tui.test_home import screen_of
from tests.tui.test_run import comes
from tui.app import OctobatchApp
from tui.cases import ShownPrompt
from tui.filters import Order, select
from tui.reader import Reader
from tui.reading import Reading
from tui.roster import UnitRows
from tui.run import RunPage
from tui.story import StepStory
from tui.table import Table
from tui.unit import UnitPage
from tui.units import UnitIndex

UNIT = {"unit_id": "new"}
SIZES = [(140, 42), (100, 30), (80, 24), (60, 20)]


@pytest.fixture
def folder(make_run, take):
    """A run in which a unit failed, one was sent back, and a chunk has not begun."""
    folder = make_run()
    with closing(Run.open(folder)) as run:
        take(run, "chunk_000", "write", failing=1)
        take(run, "chunk_001", "write")
        take(run, "chunk_001", "judge", back=1)
    return folder


@pytest.fixture
def app(folder):
    return OctobatchApp(partial(Reader, folder.parent), folder)


@pytest.fixture
def copied(app, monkeypatch):
    """What was copied."""
    texts: list[str] = []
    monkeypatch.setattr(app, "copy", texts.append)
    return texts


@pytest.fixture
async def units(app):
    """The units of the run on the screen."""
    async with app.run_test(size=(140, 42)) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        await pilot.press("u")
        await comes(pilot, lambda: "7 units" in screen_of(app))
        yield pilot


def ids(app) -> list[str]:
    """Return the ids of the units that are shown."""
    rows = app.screen.query_one("#units", Table).rows
    return [rows.cells(n)[0][0].text for n in range(len(rows))] if len(rows) else []


@pytest.mark.parametrize("size", SIZES)
async def test_units_are_there_at_any_size(app, size):
    async with app.run_test(size=size) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        await pilot.press("U")
        await comes(pilot, lambda: "7 units" in screen_of(app))
        shown = screen_of(app)
    for words in ("✗ failed at write", "· waiting at judge", "· waiting at write", "u0", "u6"):
        assert words in shown
    assert all(len(line) <= size[0] for line in shown.splitlines())


async def test_units_are_found_as_one_types(app, units):
    await units.press("slash", *"state:fail")
    await comes(units, lambda: ids(app) == ["u0"])
    assert "1 of 7 units" in screen_of(app)
    await units.press("escape")
    await comes(units, lambda: len(ids(app)) == 7)
    await units.press("u")
    await comes(units, lambda: "3 chunks" in screen_of(app))
    assert isinstance(app.screen, RunPage)


async def test_the_first_failed_unit_is_three_keys_away(app, units):
    """U, sorted by state, and Enter."""
    await units.press("down", "down", "comma")
    await comes(units, lambda: ids(app)[0] == "u0")
    await comes(units, lambda: app.screen.query_one("#units", Table).cursor == 0)
    await units.press("enter")
    await comes(units, lambda: "not kind" in screen_of(app))
    assert isinstance(app.screen, UnitPage)
    assert "✗ write" in screen_of(app)


async def test_a_chunk_opens_into_its_units(app, units):
    await units.press("u")
    await comes(units, lambda: "3 chunks" in screen_of(app))
    await units.press("down", "enter")
    await comes(units, lambda: ids(app) == ["u3", "u4", "u5"])
    await units.press("escape")
    await comes(units, lambda: len(ids(app)) == 7)


async def test_units_change_as_the_run_goes_on(app, units, folder, take):
    assert "✓ passed at judge" in screen_of(app)  # u4, u5
    assert "· waiting at judge" in screen_of(app)
    with closing(Run.open(folder)) as run:
        take(run, "chunk_000", "judge")
    await comes(units, lambda: "· waiting at judge" not in screen_of(app))


async def test_all_sides_of_a_unit_and_where_it_is_wrong(app, units):
    await units.press("slash", *"u0", "enter", "enter")
    await comes(units, lambda: "about u0" in screen_of(app))
    assert "about u0␛[31m" in screen_of(app)
    assert "✗ failed · validation · round 1, asking 1" in screen_of(app)
    assert "$.tone kind: not kind" in screen_of(app)
    await units.press("T")
    await comes(units, lambda: "mood" in screen_of(app))
    assert app.focused is app.screen.query_one(Tree)
    await units.press("R")
    await comes(units, lambda: '"mood": "sad"' in screen_of(app))
    await units.press("I")
    await comes(units, lambda: "openai/gpt-6-luna" in screen_of(app))
    assert "round 1, asking 1 ·" in screen_of(app)
    await units.press("M")
    await comes(units, lambda: "cannot be rendered here" in screen_of(app))
    await units.press("L", "right")
    await comes(units, lambda: "has not come to this step" in screen_of(app))
    await units.press("left")
    await comes(units, lambda: "not kind" in screen_of(app))


async def test_neighbours_are_those_of_the_filter(app, units, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(app, "say", said.append)
    await units.press("slash", *"state:passed step:judge", "enter", "enter")
    await comes(units, lambda: " u4  " in screen_of(app))
    await units.press("left_square_bracket")
    assert said == ["There is none before it."]
    await units.press("right_square_bracket")
    await comes(units, lambda: " u5  " in screen_of(app))
    await units.press("right_square_bracket")
    assert said[1:] == ["There is none after it."]


async def test_a_unit_is_copied_saved_and_its_case_told(app, units, copied, folder, monkeypatch):
    monkeypatch.chdir(folder.parent.parent)
    await units.press("slash", *"u0", "enter", "enter")
    await comes(units, lambda: "about u0" in screen_of(app))
    await units.press("c", "p", "a")
    await comes(units, lambda: len(copied) == 3)
    assert copied[0].endswith("about u0␛[31m\n")
    assert copied[1] == str(folder / "chunk_000" / "write_results.jsonl")
    for part in (
        "'u0'",
        "## Step",
        "## Prompt of",
        "## Last reply to",
        "about u0",
        "$.tone (kind): not kind",
    ):
        assert part in copied[2]
    await units.press("s")
    saved = folder.parent.parent / "run_u0_write_reply.txt"
    await comes(units, saved.exists)
    assert saved.read_text() == copied[0]
    await units.press("t", "c")
    assert '"mood": "sad"' in copied[3]


async def test_a_unit_that_moves_on_is_read_anew(app, units, folder, take):
    await units.press("slash", *"u1", "enter", "enter")
    await comes(units, lambda: "· judge" in screen_of(app))
    with closing(Run.open(folder)) as run:
        take(run, "chunk_000", "judge")
    await comes(units, lambda: "✓ judge" in screen_of(app))


async def test_a_reply_is_seen_as_soon_as_it_is_there(app, units, folder):
    """Its chunk moves only when all are through; what one reads stays where it is."""
    await units.press("slash", *"u6", "enter", "enter")
    await comes(units, lambda: "No reply yet" in screen_of(app))
    other = (folder / "chunk_000" / "write_results.jsonl").read_bytes().splitlines(keepends=True)
    results = folder / "chunk_002" / "write_results.jsonl"
    results.write_bytes(other[0].replace(b'"u0"', b'"u6"').replace(b"about u0", b"line\\n" * 90))
    await units.press("f5")
    await comes(units, lambda: "line" in screen_of(app))
    reading = app.screen.query_one(Reading)
    reading.scroll_to(y=20, animate=False, immediate=True)
    with results.open("ab") as file:
        file.write(other[1].replace(b'"u1"', b'"u7"'))
    await units.press("f5")
    await comes(units, lambda: not [w for w in app.workers if w.group == "story"])
    assert reading.scroll_offset.y == 20


async def test_a_damaged_record_is_told(app, units, folder, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(app, "say", said.append)
    (folder / "chunk_000" / "write_failures.jsonl").write_text('{"unit_id":"u0"}\n')
    await units.press("slash", *"u0", "enter", "enter")
    await comes(units, lambda: any("cannot be read" in words for words in said))
    assert isinstance(app.screen, UnitPage)


async def test_a_prompt_that_comes_late_is_not_shown_as_the_reply(app, units, monkeypatch):
    """Nor is it copied as that of another step."""
    go_on, begun, done = threading.Event(), list[str](), list[str]()

    def slowly(_: Path, at: StepStory) -> ShownPrompt:
        begun.append(at.step)
        go_on.wait(10)
        done.append(at.step)
        return ShownPrompt(f"asked at {at.step}", None)

    monkeypatch.setattr("tui.unit.prompt_of", slowly)
    await units.press("slash", *"u3", "enter", "enter")
    await comes(units, lambda: "about u3" in screen_of(app))
    page = app.screen
    assert isinstance(page, UnitPage)
    page._view, page._story = "prompt", None
    page._read()
    await comes(units, lambda: begun)
    page.action_view("reply")
    go_on.set()
    await comes(units, lambda: done)
    await units.pause()
    assert "asked at" not in screen_of(app)
    page.action_view("prompt")
    await comes(units, lambda: "asked at" in screen_of(app))
    here = begun[0]
    assert page.text() == f"asked at {here}\n"
    go_on.clear()
    page.action_step(1)
    await comes(units, lambda: begun[-1] != here)
    assert page.text() == ""
    go_on.set()


async def test_a_run_that_is_made_anew_is_shown_anew(app, units, folder):
    """With fewer chunks, its units and its steps are others."""
    shutil.rmtree(folder)
    spec = RunSpec("Letters", "realtime", 2, STEPS[:1], {}, emulate=True)
    create(folder, spec, [], [{"unit_id": "new"}])
    await comes(units, lambda: ids(app) == ["new"])
    assert isinstance(app.screen, RunPage)


async def test_a_unit_of_a_run_that_is_made_anew_stays(app, units, folder):
    await units.press("slash", *"u6", "enter", "enter")
    await comes(units, lambda: "No reply yet" in screen_of(app))
    shutil.rmtree(folder)
    create(folder, RunSpec("Letters", "realtime", 2, STEPS, {}, emulate=True), [], [UNIT])
    created = app.snapshot.run.state.created
    await comes(units, lambda: app.snapshot.run.state.created != created)
    await units.pause()
    assert isinstance(app.screen, UnitPage)


def test_rows_of_units_keep_their_place(make_run):
    """Wherever a unit stands among those that were chosen, the cursor finds it."""
    folder = make_run()
    state = read(folder).state
    index = UnitIndex(RunPaths(folder), state)
    index.look(state)
    for order in Order:
        rows = UnitRows(index, select(index, "!u3", order))
        assert [rows.place(rows.key(n)) for n in range(len(rows))] == list(range(6))
        assert rows.place(3) is None
