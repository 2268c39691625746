"""A run on the screen, as the reader finds it on disk."""

from contextlib import closing
from functools import partial

import pytest

from runs import Counts, Run, RunPaths
from tests.tui.test_home import screen_of
from tui.app import OctobatchApp
from tui.home import Home
from tui.reader import Reader
from tui.run import ChunkRows, RunPage
from tui.table import Table

KEYS_TRIED = (
    *"nplfrkxhdg",
    *("comma", "space", "equals_sign", "f5", "question_mark", "escape"),
)
CONFIG = """
name: Letters
pipeline:
  - {name: write, template: write.jinja2}
  - {name: judge, template: write.jinja2}
"""
SIZES = [(140, 42), (100, 30), (80, 24), (60, 20)]


async def comes(pilot, condition):
    """Wait until something is on the screen."""
    for _ in range(200):
        if condition():
            return
        await pilot.pause(0.05)
    raise AssertionError(screen_of(pilot.app))


@pytest.fixture
def folder(make_run, take):
    """A run of seven units in three chunks, two of which are through the first step."""
    folder = make_run()
    with closing(Run.open(folder)) as run:
        take(run, "chunk_000", "write", failing=1)
        take(run, "chunk_001", "write")
    return folder


@pytest.fixture
def app(folder):
    return OctobatchApp(partial(Reader, folder.parent), folder)


@pytest.mark.parametrize("size", SIZES)
async def test_steps_and_chunks_are_there_at_any_size(app, size):
    async with app.run_test(size=size) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        shown = screen_of(app)
    assert "5/7" in shown
    assert "0/5" in shown
    for words in ("write", "judge", "judge pending", "write pending", "1 failed"):
        assert words in shown
    assert all(len(line) <= size[0] for line in shown.splitlines())


async def test_wide_and_tall_shows_boxes_and_facts(app):
    async with app.run_test(size=(140, 42)) as pilot:
        await comes(pilot, lambda: "opened epoch=1" in screen_of(app))  # of the log
        shown = screen_of(app)
    assert "╭─ write" in shown
    assert "why units fail" in shown


async def test_what_changes_on_disk_changes_on_the_screen(app, folder, take):
    async with app.run_test(size=(140, 42)) as pilot:
        await comes(pilot, lambda: "write pending" in screen_of(app))
        with closing(Run.open(folder)) as run:
            take(run, "chunk_002", "write")
        await comes(pilot, lambda: "write pending" not in screen_of(app))
        assert "6/7" in screen_of(app)


async def test_chunks_are_found_as_one_types_and_escape_leads_home(app):
    async with app.run_test(size=(140, 42)) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        await pilot.press("slash", *"write")
        rows = app.screen.query_one("#chunks", Table).rows
        assert isinstance(rows, ChunkRows)
        assert [chunk.name for chunk in rows.chunks] == ["chunk_002"]
        await pilot.press("escape")
        assert isinstance(app.screen, RunPage)
        await pilot.press("escape")
        assert isinstance(app.screen, Home)


async def test_another_step_is_chosen_with_the_arrows(app):
    async with app.run_test(size=(140, 42)) as pilot:
        await comes(pilot, lambda: "step write" in screen_of(app))
        await pilot.press("right")
        await comes(pilot, lambda: "step judge" in screen_of(app))
        await pilot.press("left", "left")
        await comes(pilot, lambda: "step write" in screen_of(app))


async def test_looking_writes_nothing(app, folder):
    """Whatever keys are pressed."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    async with app.run_test(size=(100, 30)) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        for key in KEYS_TRIED:
            await pilot.press(key)
        await pilot.press("slash", *"chunk", "enter", "escape", "escape", "enter")
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert RunPaths(folder).lock in before


async def test_what_there_is_to_know_is_a_key_away_where_there_is_no_room(app):
    async with app.run_test(size=(80, 24)) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        assert "why units fail" not in screen_of(app)
        await pilot.press("i")
        await comes(pilot, lambda: "why units fail" in screen_of(app))
        await pilot.press("i")
        await comes(pilot, lambda: "chunk_002" in screen_of(app))


async def test_the_step_is_copied_and_its_template_shown(app, folder, monkeypatch, tmp_path):
    """From the pipeline that the run was made from: here it is gone, so from the run's copy."""
    copied: list[str] = []
    said: list[str] = []
    (folder / "templates").mkdir()
    (folder / "templates" / "write.jinja2").write_text("Write of {{ mood }}.")
    (folder / "config.yaml").write_text(CONFIG)
    monkeypatch.setattr(app, "copy", copied.append)
    monkeypatch.setattr(app, "say", said.append)
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(tmp_path))
    async with app.run_test(size=(100, 30)) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        await pilot.press("c")
        await comes(pilot, lambda: copied)
        assert "the step 'write' of the pipeline" in copied[0]
        assert "Write of {{ mood }}." in copied[0]
        await pilot.press("e")
        await comes(pilot, lambda: said)
        assert said[0].startswith("A run's own copy is only read here.")
        await pilot.press("v")
        await comes(pilot, lambda: "Write of {{ mood }}." in screen_of(app))
        await pilot.press("escape")
        assert isinstance(app.screen, RunPage)


async def test_a_step_is_chosen_by_a_click_and_opens_nothing(app):
    async with app.run_test(size=(80, 24)) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        for _ in range(2):
            await pilot.click("#steps", offset=(4, 2))
            await pilot.pause()
            page = app.screen
            assert isinstance(page, RunPage)
            page.again()
            assert page.query_one("#steps", Table).key == "judge"
            assert page.query_one("#chunks", Table).display
        await pilot.press("tab")
        assert app.focused is app.screen.query_one("#chunks")


async def test_a_run_that_cannot_be_read_says_why(make_run, through):
    """Its summary may be fine, and nothing else."""
    folder = make_run("broken")
    through(folder)
    RunPaths(folder).manifest.unlink()
    journal = RunPaths(folder).journal
    journal.write_bytes(b"x" + journal.read_bytes())
    app = OctobatchApp(partial(Reader, folder.parent), folder)
    async with app.run_test(size=(140, 42)) as pilot:
        await comes(pilot, lambda: "MANIFEST.journal:1" in screen_of(app))
        assert "cannot be read" in screen_of(app)
        assert "reading…" not in screen_of(app)
        journal.write_bytes(journal.read_bytes()[1:])
        await comes(pilot, lambda: "chunk_000" in screen_of(app))
        assert "cannot be read" not in screen_of(app)


async def test_a_chunk_shows_how_many_are_valid_while_others_are_on_their_way(make_run, take):
    folder = make_run("open", units=4, chunk_size=4)
    with closing(Run.open(folder)) as run:
        take(run, "chunk_000", "write")
        run.hint({"chunk_000": ("judge", Counts(entered=4, valid=3))}, force=True)
        [chunk] = run.state.chunks.values()
        rows = ChunkRows([chunk], run.state)
    said = ["".join(part.text for part in cell) for cell in rows.cells(0)]
    assert said[:5] == ["chunk_000", "judge pending", "4", "3", "·"]
