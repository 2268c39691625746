"""Any keys in any order: nothing breaks, and nothing in a run's folder is another than before."""

import random
from functools import partial
from pathlib import Path

import pytest

from tests.tui.busy import at_work
from tests.tui.test_home import screen_of
from tests.tui.test_run import comes
from tui.app import OctobatchApp
from tui.keymap import KEYS
from tui.reader import Reader

SEEDS = range(4)
PRESSED = 70
SIZES = [(140, 42), (80, 24), (60, 20), (30, 8)]
MOVES = ("up", "down", "pageup", "pagedown", "home", "end", "tab", "shift+tab")
TYPED = (*"ab:!", "backspace", "delete")
LEAVES = {"quit"}
"""That nothing happens afterwards is no news."""


def pressable() -> list[str]:
    """Return every key of the table in both cases, some more often than others."""
    keys = [key for keys in KEYS.values() for key in keys if key.action not in LEAVES]
    table = [one for key in keys for one in key.keys.split(",")]
    return [*table, *("enter",) * 12, *("escape",) * 6, *("down",) * 6, *MOVES, *TYPED]


def everything(folder: Path) -> dict[Path, tuple[bytes, int, int]]:
    """Return all that can be told of the files of a folder, and of the folders in it."""
    return {
        path: (path.read_bytes() if path.is_file() else b"", stat.st_mtime_ns, stat.st_mode)
        for path in sorted(folder.rglob("*"))
        if (stat := path.lstat())
    }


@pytest.fixture
def settled(runs_dir):
    """A run that nobody holds any more."""
    with at_work(runs_dir) as folder:
        pass
    return folder


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_is_pressed_runs_stay_as_they_are(settled, seed, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("EDITOR", "true")
    app = OctobatchApp(partial(Reader, settled.parent))
    monkeypatch.setattr(app, "copy", lambda _: None)
    chosen = random.Random(seed)
    keys = pressable()
    before = everything(settled.parent)
    pressed: list[str] = []
    async with app.run_test(size=SIZES[seed % len(SIZES)]) as pilot:
        await comes(pilot, lambda: "Letters" in screen_of(app))
        for _ in range(PRESSED):
            pressed.append(chosen.choice(keys))
            await pilot.press(pressed[-1])
            if not app.is_running:  # the palette has a way out, too; a crash is raised below
                break
    assert everything(settled.parent) == before, pressed
