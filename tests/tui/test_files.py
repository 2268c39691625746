"""Files of a run: listed, read line by line as they grow, copied and saved."""

import json
import os
from contextlib import contextmanager
from functools import partial

import pytest

from tests.tui.test_home import screen_of
from tests.tui.test_run import comes
from tui.app import OctobatchApp
from tui.file import FilePage, LinePage, LineRows
from tui.files import EntryRows, entries, natural
from tui.lines import LineFile, Search
from tui.paint import Tone, logged
from tui.reader import Reader
from tui.table import Table

SIZES = [(140, 42), (80, 24), (60, 20)]


@pytest.fixture
def folder(make_run, through):
    folder = make_run()
    through(folder)
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


def lines_on(app) -> list[str]:
    rows = app.screen.query_one(Table).rows
    assert isinstance(rows, LineRows)
    return ["".join(part.text for part in rows.cells(place)[1]) for place in range(len(rows))]


@pytest.fixture
async def opened(app):
    """The run's page."""
    async with app.run_test(size=(100, 30)) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        yield pilot


@pytest.mark.parametrize("size", SIZES)
async def test_the_log_is_followed_until_one_goes_up(app, folder, size):
    async with app.run_test(size=size) as pilot:
        await comes(pilot, lambda: "chunk_002" in screen_of(app))
        await pilot.press("l")
        await comes(pilot, lambda: "· following" in screen_of(app) or size[0] < 80)
        assert isinstance(app.screen, FilePage)
        with (folder / "RUN_LOG.txt").open("a") as log:
            log.write("2026-11-23T08:00:00.000Z noticed [/bold] it\n")
        await comes(pilot, lambda: "noticed [/bold] it" in screen_of(app))
        table = app.screen.query_one(Table)
        assert table.cursor == len(table.rows) - 1
        await pilot.press("up")
        await pilot.pause()
        with (folder / "RUN_LOG.txt").open("a") as log:
            log.write("2026-11-23T08:00:01.000Z last\n")
        before = len(table.rows)
        await comes(pilot, lambda: len(table.rows) == before + 1)
        assert table.cursor == before - 2
        await pilot.press("w")
        assert table.cursor == before


async def test_lines_are_found_as_one_types(app, opened):
    await opened.press("L", "slash", *"closed !judge")
    await comes(opened, lambda: lines_on(app) and all("closed" in line for line in lines_on(app)))
    await comes(opened, lambda: not any("judge" in line for line in lines_on(app)))
    assert "4 found" in screen_of(app)
    await opened.press("escape")
    await comes(opened, lambda: any("opened" in line for line in lines_on(app)))
    await opened.press("escape")
    assert not isinstance(app.screen, FilePage)


async def test_files_are_listed_with_those_of_the_run_first(app, opened):
    await opened.press("f")
    await comes(opened, lambda: "MANIFEST.journal" in screen_of(app))
    rows = app.screen.query_one(Table).rows
    assert isinstance(rows, EntryRows)
    names = [entry.name for entry in rows.entries]
    assert names.index("RUN_LOG.txt") < names.index("chunk_000/input.jsonl")
    await opened.press("slash", *"chunk_001/write_res", "enter", "enter")
    await comes(opened, lambda: "u3" in screen_of(app))
    assert isinstance(app.screen, FilePage)


async def test_a_row_is_read_whole(app, opened, copied):
    await opened.press("f")
    await comes(opened, lambda: "MANIFEST.journal" in screen_of(app))
    await opened.press("slash", *"chunk_001/write_res", "enter", "enter")
    await comes(opened, lambda: "u3" in screen_of(app))
    await opened.press("enter")
    assert isinstance(app.screen, LinePage)
    assert '"unit_id": "u3"' in screen_of(app)
    await opened.press("right_square_bracket")
    assert '"unit_id": "u4"' in screen_of(app)
    await opened.press("left_square_bracket", "c", "p")
    assert json.loads(copied[0])["unit_id"] == "u3"
    assert "\x1b" not in copied[0]
    assert copied[1].endswith("chunk_001/write_results.jsonl")


async def test_what_is_shown_is_saved_beside_others_and_never_in_a_run(
    app, opened, folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    monkeypatch.setattr(app, "say", said.append)
    await opened.press("l")
    await comes(opened, lambda: "opened" in screen_of(app))
    await opened.press("s")
    await comes(opened, lambda: len(said) == 1)
    saved = tmp_path / "run_RUN_LOG.txt"
    assert saved.read_bytes() == (folder / "RUN_LOG.txt").read_bytes()
    await opened.press("slash", *"closed", "enter", "s")
    await comes(opened, lambda: len(said) == 2)
    assert b"opened" not in (tmp_path / "run_RUN_LOG_2.txt").read_bytes()
    assert said == [f"Saved to {saved}.", f"Saved to {tmp_path / 'run_RUN_LOG_2.txt'}."]
    monkeypatch.chdir(folder / "chunk_000")
    await opened.press("s")
    assert said[2].startswith("Not saved")


async def test_where_nothing_can_be_saved_it_is_said(app, opened, tmp_path, monkeypatch):
    """The folder may be gone by now, or the name too long for it."""
    said: list[str] = []
    monkeypatch.setattr(app, "say", said.append)
    await opened.press("l")
    await comes(opened, lambda: "opened" in screen_of(app))
    monkeypatch.setattr(FilePage, "saved_as", "x" * 300)
    monkeypatch.chdir(tmp_path)
    await opened.press("s")
    await comes(opened, lambda: said)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    await opened.press("s")
    await comes(opened, lambda: len(said) == 2)
    monkeypatch.chdir(tmp_path)
    assert said == ["Not saved: File name too long.", "Not saved: No such file or directory."]


async def test_copying_a_log_takes_what_is_shown(app, opened, copied, folder):
    await opened.press("l")
    await comes(opened, lambda: "opened" in screen_of(app))
    await opened.press("c", "p")
    assert copied == [(folder / "RUN_LOG.txt").read_text(), str(folder / "RUN_LOG.txt")]


async def test_a_file_that_is_gone_says_so(app, opened, folder):
    await opened.press("l")
    await comes(opened, lambda: "opened" in screen_of(app))
    (folder / "RUN_LOG.txt").unlink()
    await comes(opened, lambda: "is not there" in screen_of(app))


def test_rows_hold_while_their_file_is_searched_on(tmp_path):
    """They are drawn while a thread looks: at a line that has no end yet, or at another file."""
    path = tmp_path / "log"
    path.write_text("one\ntwo\nthr")
    file = LineFile(path)
    search = Search(file, "!none")

    def look() -> LineRows:
        file.look()
        search.look()
        return LineRows.of(search)

    first = look()
    path.write_text("one\ntwo\nthree none\n")
    second = look()
    assert [first.key(place) for place in range(len(first))] == [0, 1, 2]
    path.write_text("none\n")
    third = look()
    assert (len(second), len(third)) == (2, 0)
    assert [second.cells(place)[0][0].text for place in range(len(second))] == ["1", "2"]


def test_a_file_of_the_same_size_is_another(tmp_path):
    path, search = tmp_path / "log", Search(LineFile(tmp_path / "log"), "")
    rows = []
    for text in ("one\n", "two\n"):
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").replace(path)
        search.file.look()
        rows.append(LineRows.of(search))
    assert rows[0] != rows[1]


async def test_files_are_sorted_by_size(app, opened):
    await opened.press("f")
    await comes(opened, lambda: "MANIFEST.journal" in screen_of(app))
    await opened.press("comma", "comma")
    rows = app.screen.query_one(Table).rows
    assert isinstance(rows, EntryRows)
    sizes = [entry.size for entry in rows.entries]
    assert sizes == sorted(sizes, reverse=True)


async def test_keys_about_a_run_say_where_there_is_none(tmp_path, monkeypatch):
    app = OctobatchApp(partial(Reader, tmp_path))
    said: list[str] = []
    monkeypatch.setattr(app, "say", said.append)
    async with app.run_test() as pilot:
        await pilot.press("l", "f")
        assert said == ["There is no run here."] * 2


def test_numbers_in_names_count_as_numbers():
    names = ["chunk_1000", "chunk_999", "chunk_001"]
    assert sorted(names, key=natural) == ["chunk_001", "chunk_999", "chunk_1000"]


def test_a_file_that_goes_away_hides_no_other(tmp_path, monkeypatch):
    """Runs write a file beside the old one, and rename it."""
    for name in ("a", "b", "c.tmp", "d"):
        (tmp_path / name).write_text("x")
    scan = os.scandir

    @contextmanager
    def scandir(path):
        with scan(path) as inside:
            listed = sorted(inside, key=lambda one: one.name, reverse=True)
        (tmp_path / "c.tmp").unlink(missing_ok=True)
        yield listed

    monkeypatch.setattr(os, "scandir", scandir)
    names = [entry.name for entry in entries(tmp_path)]
    assert names == ["a", "b", "d"]


def test_links_are_not_followed(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "round").symlink_to(tmp_path)
    assert {entry.name for entry in entries(tmp_path)} == {"a", "round"}


def test_a_line_of_a_log_has_its_time_in_a_low_voice():
    """To the second, which is enough to read; the year is in the line itself."""
    at, what, more = logged("2026-11-23T08:40:35.755Z status status=running")
    assert at == ("11-23T08:40:35Z ", Tone.DIM)
    assert (what.text, more.text) == ("status ", "status=running")
    assert logged('{"a": 1}') == (('{"a": 1}', Tone.PLAIN),)
