"""A pipeline as it flows, step by step, and what its keys do."""

import os
from contextlib import closing, nullcontext
from functools import partial

import pytest
from textual.app import SuspendNotSupported

from runs import Run
from tests.tui.shelf import BROKEN, change, put
from tests.tui.shown import Shown
from tests.tui.test_home import screen_of
from tests.tui.test_run import comes
from tui import folders
from tui.app import OctobatchApp
from tui.folders import Watched
from tui.part import PartPage
from tui.pipeline import PipelinePage
from tui.reader import Reader
from tui.run import RunPage
from tui.table import Table

SIZES = [(140, 42), (100, 30), (80, 24), (60, 20)]
TRIED = [(140, 42), (80, 24)]
KEYS = (
    *"cvenrkxdghlf",
    *("enter", "escape", "left", "right", "up", "down", "tab", "tab", "tab", "end", "home"),
    *("equals_sign", "equals_sign", "f5", "question_mark", "escape", "slash", "comma", "space"),
)


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "ask", lambda _: None)
    monkeypatch.setenv("OCTOBATCH_PIPELINES_DIR", str(tmp_path / "shelf"))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    return tmp_path / "shelf"


@pytest.fixture
def folder(root):
    return put(root)


@pytest.fixture
def app():
    return OctobatchApp(Shown())


@pytest.fixture
def copied(app, monkeypatch):
    """What was copied."""
    texts: list[str] = []
    monkeypatch.setattr(app, "copy", texts.append)
    return texts


@pytest.fixture
def said(app, monkeypatch):
    """What was said in the corner."""
    texts: list[str] = []
    monkeypatch.setattr(app, "say", texts.append)
    return texts


@pytest.fixture(params=TRIED, ids=["wide", "narrow"])
async def pilot(app, folder, request):
    async with app.run_test(size=request.param) as pilot:
        app.push_screen(PipelinePage(Watched(folder)))
        await comes(pilot, lambda: "templates/generate.jinja2" in screen_of(app))
        yield pilot


def chosen(app) -> str:
    """Return the property under the cursor."""
    return str(app.screen.query_one("#properties", Table).key)


@pytest.mark.parametrize("size", SIZES)
async def test_flow_and_properties_are_there_at_any_size(app, folder, size):
    async with app.run_test(size=size) as pilot:
        app.push_screen(PipelinePage(Watched(folder)))
        await comes(pilot, lambda: "templates/generate.jinja2" in screen_of(app))
        await comes(pilot, lambda: ("╭─ generate" in screen_of(app)) is (size[0] >= 100))
        shown = screen_of(app)
    for words in (
        "NpcDialog",
        "✓ fine",
        "2 steps",
        "generate",
        "score",
        "gpt-6-luna",
        "template",
    ):
        assert words in shown
    assert all(len(line) <= size[0] for line in shown.splitlines())


async def test_another_step_and_another_property_are_chosen_with_the_arrows(app, pilot):
    assert chosen(app) == "template"
    await pilot.press("right")
    await comes(pilot, lambda: "Judge a piece of dialogue" in screen_of(app))
    await pilot.press("down")
    await comes(pilot, lambda: '"personality_consistency"' in screen_of(app))
    assert chosen(app) == "output_schema"
    await pilot.press("left", "left")
    await comes(pilot, lambda: "items_source" in screen_of(app))
    await pilot.press("left", "up")
    assert isinstance(app.screen, PipelinePage)


async def test_tab_leads_through_the_panes(app, pilot, folder):
    change(folder, "output_schema: score", "output_schma: score")
    await comes(pilot, lambda: "what the check says" in screen_of(app))
    seen = set()
    for _ in range(4):
        seen.add(app.focused.id)
        await pilot.press("tab")
    assert {"properties", "told", "findings"} <= seen
    while app.focused.id != "findings":
        await pilot.press("tab")
    assert chosen(app) == "output_schma"
    await comes(pilot, lambda: " config.yaml:37 " in f"{screen_of(app)} ".replace("\n", " "))


async def test_context_is_copied(app, pilot, copied, folder):
    await pilot.press("right", "C")
    (text,) = copied
    assert text.startswith("This is the step 'score' of the pipeline 'NpcDialog' of Octobatch.")
    for words in (
        f"octobatch check {folder}",
        "retry_step: generate",
        "Judge a piece of",
        '"remark"',
    ):
        assert words in text
    await pilot.press("left", "left", "c")
    assert copied[1].startswith("This is the pipeline 'NpcDialog'")


async def test_the_template_is_shown_whole_with_its_neighbours(app, pilot, copied, folder):
    await pilot.press("V")
    assert isinstance(app.screen, PartPage)
    await comes(pilot, lambda: "› templates/generate.jinja2" in screen_of(app))  # noqa: RUF001
    await pilot.press("c", "p")
    assert copied == [
        (folder / "templates" / "generate.jinja2").read_text(),
        str(folder / "templates" / "generate.jinja2"),
    ]
    await pilot.press("right_square_bracket")
    await comes(pilot, lambda: "› schemas/dialog.json" in screen_of(app))  # noqa: RUF001
    await pilot.press("left_square_bracket", "left_square_bracket")
    await comes(pilot, lambda: "› templates/character.jinja2" in screen_of(app))  # noqa: RUF001
    await pilot.press("escape")
    assert isinstance(app.screen, PipelinePage)


async def test_a_file_is_saved(pilot, said, folder, monkeypatch):
    tmp_path = folder.parent.parent
    monkeypatch.chdir(tmp_path)
    await pilot.press("v", "s")
    saved = tmp_path / "NpcDialog_templates_generate.jinja2"
    await comes(pilot, lambda: said == [f"Saved to {saved}."])
    assert saved.read_text() == (folder / "templates" / "generate.jinja2").read_text()


async def test_enter_shows_the_file_of_a_property(app, pilot):
    await pilot.press("down", "enter")
    await comes(pilot, lambda: "› schemas/dialog.json" in screen_of(app))  # noqa: RUF001


async def test_a_step_without_a_template_says_so(app, pilot, said):
    await pilot.press("left", "v")
    assert said == ["The pipeline as a whole has no template."]


async def test_what_is_changed_elsewhere_is_shown_where_one_was(app, pilot, folder):
    await pilot.press("right", "down")
    change(folder, '"remark"', '"comment"', "schemas/score.json")
    await comes(pilot, lambda: '"comment"' in screen_of(app))
    assert chosen(app) == "output_schema"
    change(
        folder,
        "  - name: generate",
        "  - {name: first, template: generate.jinja2}\n  - name: generate",
    )
    await comes(pilot, lambda: "3 steps" in screen_of(app))
    assert chosen(app) == "output_schema"
    await comes(pilot, lambda: '"comment"' in screen_of(app))


async def test_what_is_broken_elsewhere_is_shown_and_mended_again(app, pilot, folder):
    change(folder, "retry_step: generate", "retry_step: [generate")
    await comes(pilot, lambda: "✗ 1 wrong" in screen_of(app))
    change(folder, "retry_step: [generate", "retry_step: generate")
    await comes(pilot, lambda: "✓ fine" in screen_of(app))


async def test_a_template_that_is_shown_is_read_again(app, pilot, folder):
    await pilot.press("v")
    change(folder, "A traveller", "Nobody", "templates/generate.jinja2")
    await comes(pilot, lambda: "1 Nobody brings up this matter" in screen_of(app))


async def test_nothing_is_read_while_the_screen_is_held(app, pilot, folder):
    await pilot.press("equals_sign")
    change(folder, "A traveller", "Nobody", "templates/generate.jinja2")
    await pilot.press("f5")
    assert "Nobody" not in screen_of(app)
    await pilot.press("equals_sign")
    await comes(pilot, lambda: "Nobody" in screen_of(app))


# --- the editor


@pytest.fixture
def editor(tmp_path, monkeypatch):
    """An editor that writes down what it was to open."""
    editor, log = tmp_path / "my-editor", tmp_path / "log"
    editor.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", f"{editor} -w")
    return log


async def test_the_editor_opens_what_the_cursor_is_on(app, pilot, editor, folder, monkeypatch):
    monkeypatch.setattr(app, "suspend", nullcontext)
    await pilot.press("E", "down", "e", "home", "e")
    assert editor.read_text().splitlines() == [
        f"-w {folder}/templates/generate.jinja2",
        f"-w {folder}/schemas/dialog.json",
        f"-w {folder}/config.yaml",
    ]


@pytest.mark.usefixtures("editor")
async def test_where_no_editor_can_be_opened_the_path_is_said(
    app, pilot, said, folder, monkeypatch
):
    def refuse():
        raise SuspendNotSupported

    monkeypatch.setattr(app, "suspend", refuse)
    await pilot.press("e")
    path = folder / "templates" / "generate.jinja2"
    assert said == [f"No editor can be opened from here. The file is {path}"]


async def test_without_an_editor_the_path_is_said(app, pilot, said, folder, monkeypatch):
    await pilot.press("e")
    monkeypatch.setenv("EDITOR", "/nowhere/editor")
    monkeypatch.setattr(app, "suspend", nullcontext)
    await pilot.press("v", "e")
    path = folder / "templates" / "generate.jinja2"
    assert said == [
        f"No editor is named: set VISUAL or EDITOR. The file is {path}",
        f"/nowhere/editor cannot be started: No such file or directory. The file is {path}",
    ]


# --- whatever is wrong


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_pipeline_opens(app, folder, kind, copied):
    BROKEN[kind](folder)
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(PipelinePage(Watched(folder)))
        await comes(pilot, lambda: " wrong" in screen_of(app))
        assert "✗" in screen_of(app)
        await pilot.press(
            "c", "right", "c", "right", "v", "escape", "enter", "escape", "tab", "down"
        )
    assert copied


async def test_a_pipeline_that_goes_away_is_told(app, pilot, folder):
    (folder / "config.yaml").unlink()
    await comes(pilot, lambda: "is not there" in screen_of(app))


@pytest.mark.parametrize("size", SIZES)
async def test_twenty_steps_are_rows(app, root, size):
    folder = put(root, "Long")
    steps = "".join(f"  - {{name: step_{n:02}, template: generate.jinja2}}\n" for n in range(20))
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.partition("  - name")[0] + steps)
    async with app.run_test(size=size) as pilot:
        app.push_screen(PipelinePage(Watched(folder)))
        await comes(pilot, lambda: "20 steps" in screen_of(app))
        for _ in range(25):
            await pilot.press("right")
        await comes(pilot, lambda: "step_19" in screen_of(app))
        assert "template" in screen_of(app)


@pytest.mark.parametrize("size", TRIED)
async def test_looking_writes_nothing(app, folder, size):
    """Whatever keys are pressed; nor is there a folder that was not there."""
    change(folder, "output_schema: score", "output_schma: score")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "count.py").write_text("raise SystemExit('must not be run')\n")
    before = {
        path: (path.stat(), path.is_file() and path.read_bytes()) for path in folder.rglob("*")
    }
    async with app.run_test(size=size) as pilot:
        app.push_screen(PipelinePage(Watched(folder)))
        await comes(pilot, lambda: "1 wrong" in screen_of(app))
        for key in KEYS:
            await pilot.press(key)
    after = {
        path: (path.stat(), path.is_file() and path.read_bytes()) for path in folder.rglob("*")
    }
    assert {path: (s.st_mtime_ns, b) for path, (s, b) in before.items()} == {
        path: (s.st_mtime_ns, b) for path, (s, b) in after.items()
    }


# --- of a run


@pytest.fixture
def run(make_run):
    """A run with the copy of its pipeline, as runs have it."""
    folder = make_run()
    copy = put(folder.parent / "copies", "Letters")
    for path in copy.iterdir():
        os.rename(path, folder / path.name)  # noqa: PTH104 - folders, too
    with closing(Run.open(folder)):
        return folder


async def test_from_a_run_its_pipeline_is_shown(run, root):
    original = put(root, "Letters")
    app = OctobatchApp(partial(Reader, run.parent), run)
    async with app.run_test(size=(140, 42)) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        await pilot.press("p")
        await comes(pilot, lambda: "the original, as in this run" in screen_of(app))
        change(original, "Be strict", "Be kind", "templates/score.jinja2")
        await comes(pilot, lambda: "the original, changed since this run" in screen_of(app))
        await pilot.press("l")
        await comes(pilot, lambda: "RUN_LOG.txt" in screen_of(app))
        await pilot.press("escape", "escape")
        assert isinstance(app.screen, RunPage)


async def test_where_the_pipeline_is_gone_the_run_s_own_copy_is_shown(run, monkeypatch):
    """And never changed."""
    app = OctobatchApp(partial(Reader, run.parent), run)
    texts: list[str] = []
    monkeypatch.setattr(app, "say", texts.append)
    monkeypatch.setenv("EDITOR", "false")
    async with app.run_test(size=(140, 42)) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        await pilot.press("p")
        await comes(pilot, lambda: "the run's own copy" in screen_of(app))
        assert "✓ fine" in screen_of(app)
        await pilot.press("e")
    assert texts[0].startswith("A run's own copy is only read here.")
