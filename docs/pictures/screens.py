"""Take the pictures of the screens in docs/pictures, anew, from rehearsed runs.

It makes some runs with an emulator and a Prefect server of its own, in a folder that is gone
afterwards: complete ones, a paused one, a failed one, one that waits for its batches, and one in
the middle of its work. That one is stopped for a moment, so that all pictures are of the same
moment. Debian's Chromium (`apt-get install chromium`) draws them, and Pillow, which is nobody's
dependency, makes them small: `.venv/bin/pip install pillow`, then `.venv/bin/python
docs/pictures/screens.py [SCREEN …]`. It takes about four minutes.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

if TYPE_CHECKING:
    from datetime import datetime

    from textual.pilot import Pilot

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
SIZES = ((140, 42), (100, 30), (80, 24), (60, 20))
BUSY = "NpcDialog"
BUSY_FROM = 0.7
WITHIN_SECONDS = 240
SCALE = 0.7
COLOURS = 128
NO_DITHER = Image.Dither.NONE
FONT = "DejaVu Sans Mono"
QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")
QUIET += ("--disable-background-networking", "--disable-component-update", "--hide-scrollbars")
FAULTS = (
    {"match": "POST", "share": 0.02, "do": "status", "status": 429, "retry_after": 1},
    {"match": "POST", "share": 0.02, "do": "truncate"},
    {"match": "POST", "share": 0.02, "do": "refuse"},
)
"""Besides what the rehearsal has wrong."""


class Shot(NamedTuple):
    """A screen: the keys that lead to it, and words that are there once it is."""

    keys: tuple[str, ...]
    words: str
    run: int | None = 0
    """With which run one begins, the newest first; None is Home."""


WAIT = "…"
"""What follows it among keys is no key: it is waited for."""
DONE = 5
"""The run of 60 units, of which some have failed honestly."""
FAILED = ("u", *"/fail", "enter", "home", "enter")
SCREENS = {
    "home": Shot(("escape",), "paused", run=None),
    "run": Shot((), "valid/in|╭─"),
    "units": Shot(("u",), "(passed|answered|waiting) at"),
    "unit": Shot(FAILED, "round", run=DONE),
    "unit-history": Shot((*FAILED, "i"), "openai/", run=DONE),
    "log": Shot(("l",), "chunk_closed"),
    "files": Shot(("f",), "MANIFEST.json"),
    "pipelines": Shot(("p",), r"^(?!.*reading on).*✓ fine", run=None),
    "pipeline": Shot(("p", "…✓ fine", "end", "enter"), "generate", run=None),
    "help": Shot(("question_mark",), "Escape leads back"),
    "palette": Shot(("ctrl+p",), "Search"),
    "splash": Shot((), "Hello", run=None),
}
"""What pictures there are. A new screen is a new line."""


def main(wanted: list[str]) -> None:
    """Make the runs, and take the pictures that are wanted; all, if none is named."""
    with TemporaryDirectory(prefix="octobatch-") as home, ExitStack() as stack:
        root = _settle_in(Path(home))
        from providers.emulator import client

        emulator = stack.enter_context(_emulator(root))
        stack.callback(_octobatch, "server", "stop")
        _finished()
        client.batches(emulator, seconds=3600)
        client.script(emulator, FAULTS, seed=7)
        stack.enter_context(_at_work("DrunkenSailor", "--batch", until=_waits))
        busy = stack.enter_context(_at_work(BUSY, "--realtime", "--repeat", "20", until=_half_way))
        busy.send_signal(signal.SIGSTOP)
        asyncio.run(_take_all(root, wanted or list(SCREENS)))


def _settle_in(home: Path) -> Path:
    """Let everything that is started live in `home`; return where the runs will be."""
    root, shelf = home / "runs", home / "pipelines"
    root.mkdir()
    for config in CHECKOUT.glob("pipelines/*/config.yaml"):
        shutil.copytree(config.parent, shelf / config.parent.name)
    os.chdir(home)
    sys.path.insert(0, str(CHECKOUT))
    os.environ |= {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "OCTOBATCH_RUNS_DIR": str(root),
        "OCTOBATCH_PIPELINES_DIR": str(shelf),
        "TEXTUAL_ANIMATIONS": "none",
        "TZ": "UTC",
    }
    time.tzset()
    return root


# --- the runs


def _finished() -> None:
    """Make runs that are at their end, or stand still."""
    from runs import Run, Status, list_runs

    _octobatch("run", "Blackjack", "--emulate", "--realtime", "--yes")
    _octobatch("run", "NpcDialog", "--emulate", "--realtime", "--yes")
    _octobatch("run", "NpcDialog", "--emulate", "--realtime", "--yes", "--max-units", "6")
    _octobatch("run", "NpcDialog", "--emulate", "--realtime", "--yes", "--max-cost", "0.003")
    _octobatch("run", "DrunkenSailor", "--emulate", "--init", "--yes")
    with closing(Run.open(list_runs()[0])) as run:
        run.set_status(Status.RUNNING)
        run.set_status(Status.FAILED, error="OSError: [Errno 5] Input/output error: 'items.yaml'")


def _waits() -> bool:
    """Say whether a batch is out."""
    from runs import list_runs, read

    return any(read(run).state.batches.open for run in list_runs())


def _half_way() -> bool:
    from runs import list_runs, read, totals

    newest = read(list_runs()[0])
    return newest.state.spec.pipeline == BUSY and totals(newest.state).progress > BUSY_FROM


@contextmanager
def _at_work(
    pipeline: str, *options: str, until: Callable[[], bool]
) -> Generator["subprocess.Popen[bytes]"]:
    """Have a run worked on, from the moment on when it is as it should be."""
    words = [sys.executable, "-m", "flows.run", pipeline, *options, "--emulate", "--yes"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _eventually(until)
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def _emulator(root: Path) -> Generator[str]:
    from providers.emulator import client

    url = client.start(root)
    client.latency(url, 0.5)
    try:
        yield url
    finally:
        client.stop(root)


def _octobatch(*words: str) -> None:
    command = Path(sys.executable).with_name("octobatch")
    subprocess.run([command, *words], capture_output=True, check=False)


def _eventually(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.2)


# --- the pictures


async def _take_all(root: Path, names: list[str]) -> None:
    from runs import list_runs
    from runs.times import now

    runs, moment = list_runs(), now()
    for name in names:
        shot = SCREENS[name]
        for columns, lines in SIZES:
            run = None if shot.run is None else runs[shot.run]
            svg = await _drawn(shot, root, run, moment, (columns, lines))
            _draw(svg, HERE / f"tui-{name}-{columns}x{lines}.png")


async def _drawn(
    shot: Shot, root: Path, run: Path | None, moment: "datetime", size: tuple[int, int]
) -> str:
    """Return a screen as a drawing."""
    from tui.app import OctobatchApp
    from tui.reader import Reader

    app = OctobatchApp(partial(Reader, root, clock=lambda: moment), run)
    async with app.run_test(size=size) as pilot:
        await _shows(pilot, "·")
        for key in shot.keys:
            if key.startswith(WAIT):
                await _shows(pilot, key.removeprefix(WAIT))
                continue
            await pilot.press("slash" if key == "/" else "colon" if key == ":" else key)
            await _shows(pilot, "")
        await _shows(pilot, shot.words)
        return app.export_screenshot(title="octobatch")


async def _shows(pilot: "Pilot[None]", words: str) -> None:
    """Wait until words are on the screen, and nothing moves."""
    before, shown = None, ""
    for _ in range(200):
        strips = pilot.app.screen._compositor.render_strips()  # noqa: SLF001 - what a test sees
        shown = "".join(segment.text for strip in strips for segment in strip)
        if re.search(words, shown) and shown == before:
            return
        before = shown
        await pilot.pause(0.05)
    raise TimeoutError(words, shown)


def _draw(svg: str, to: Path) -> None:
    """Have Chromium make a picture of a drawing, with a font of this machine and nothing else."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;]+;", f"font-family: {FONT};", svg)
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert box is not None, "every drawing has a size"
    wide, high = (round(float(one) * SCALE) for one in box.groups())
    with TemporaryDirectory(prefix="octobatch-") as folder:
        page = Path(folder) / "screen.svg"
        page.write_text(svg)
        chromium = shutil.which("chromium")
        assert chromium is not None, "apt-get install chromium"
        size = f"--window-size={wide},{high}"
        words = [chromium, *QUIET, size, f"--screenshot={to}", f"file://{page}"]
        subprocess.run(words, check=True, capture_output=True)
    with Image.open(to) as drawn:
        few = drawn.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=NO_DITHER)
        few.save(to, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
