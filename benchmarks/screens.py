"""What the screens take in a real terminal: 200 runs, one of them of a million units.

The app runs in a process of its own under a pseudo-terminal; keys are written, and what it draws is
waited for. Its event loop notes how long it was held up.
"""

import argparse
import asyncio
import fcntl
import inspect
import json
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from functools import partial
from pathlib import Path

import psutil

from benchmarks.many_runs import close_next, make_run
from runs import RunPaths, read
from tui.app import OctobatchApp
from tui.reader import Reader

ROWS, COLUMNS = 42, 140
TICK = 0.002
PRESSES = 100
QUIET = 0.03
"""Seconds without output after which a screen is taken as drawn."""


class Measured(OctobatchApp):
    """The app, noting the gaps in its event loop; SIGUSR1 writes and forgets them."""

    CSS_PATH = inspect.getfile(OctobatchApp).replace("app.py", "octobatch.tcss")

    def __init__(self, root: Path, run: Path | None, gaps: Path) -> None:
        super().__init__(partial(Reader, root), run)
        self._gaps_file = gaps
        self._gaps: list[float] = []

    async def on_load(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._write)
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK)
            self._gaps.append(time.perf_counter() - began - TICK)

    def _write(self) -> None:
        self._gaps_file.write_text(json.dumps(self._gaps))
        self._gaps.clear()


class Screen:
    """The app under a pseudo-terminal."""

    def __init__(self, root: Path, run: Path | None, gaps: Path, *, ticking: bool) -> None:
        self.began = time.perf_counter()
        self._gaps = gaps
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            self._become(root, run, gaps, ticking=ticking)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = psutil.Process(self.pid)

    @staticmethod
    def _become(root: Path, run: Path | None, gaps: Path, *, ticking: bool) -> None:
        environ = {**os.environ, "TERM": "xterm-256color", "OCTOBATCH_RUNS_DIR": str(root)}
        told = [str(run)] if run is not None else []
        argv = [str(Path(sys.executable).with_name("octobatch")), "tui", *told]
        if ticking:
            argv = [sys.executable, "-m", "benchmarks.screens", "--child", str(gaps), *told]
        os.execve(argv[0], argv, environ)

    def until(self, words: bytes, seconds: float = 60) -> float:
        """Return how long after the beginning some words were drawn."""
        seen, until = b"", time.perf_counter() + seconds
        while words not in seen:
            if time.perf_counter() > until:
                raise TimeoutError(words, seen[-2000:])
            seen = seen[-10_000:] + self.some(0.1)
        return time.perf_counter() - self.began

    def press(self, key: bytes) -> float:
        """Return how long after a key the first piece of what it changes is drawn."""
        self.rest()
        began = time.perf_counter()
        os.write(self.fd, key)
        while not self.some(1.0):
            pass
        return time.perf_counter() - began

    def rest(self) -> None:
        """Take what is drawn until nothing is."""
        while self.some(QUIET):
            pass

    def idle(self, seconds: float) -> float:
        """Return the share of a core that is used while nobody does anything."""
        self.rest()
        before, began = self.process.cpu_times(), time.perf_counter()
        while time.perf_counter() - began < seconds:
            self.some(0.5)
        after = self.process.cpu_times()
        spent = after.user + after.system - before.user - before.system
        return spent / (time.perf_counter() - began)

    def gaps(self) -> list[float]:
        """Return how long the event loop was held up since the last time, sorted."""
        self._gaps.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR1)
        while not self._gaps.exists() or not self._gaps.read_text():
            self.some(0.05)
        return sorted(json.loads(self._gaps.read_text()))

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)

    def some(self, seconds: float) -> bytes:
        """Return what is drawn next, nothing if nothing is in time."""
        ready, _, _ = select.select([self.fd], [], [], seconds)
        return os.read(self.fd, 1 << 16) if ready else b""


def main() -> None:
    """Make the runs, look at them on a screen, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--chunk-size", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        root.mkdir()
        for number in range(options.runs - 1):
            make_run(root / f"small_{number:03d}", 3, 5, closed=3, ended=True)
        closed = options.chunks // 2
        big = make_run(root / "big", options.chunks, options.chunk_size, closed=closed, ended=False)
        gaps = Path(folder) / "gaps"
        _home(root, gaps)
        _run(root, big, gaps, options.chunks, options.chunk_size)


def _home(root: Path, gaps: Path) -> None:
    shown = [_opened(root, None, gaps, b"small_1") for _ in range(5)]
    _say("from the command to all runs", *shown)
    screen = Screen(root, None, gaps, ticking=False)
    screen.until(b"small_1")
    _say("key to repaint, all runs", *(screen.press(b"\x1b[B") for _ in range(PRESSES)))
    screen.idle(10)  # the greeting goes away meanwhile
    print(f"{'idle, all runs':40} {screen.idle(20) * 100:10.2f} % of a core")
    screen.close()


def _run(root: Path, big: Path, gaps: Path, chunks: int, chunk_size: int) -> None:
    shown = [_opened(root, big, gaps, b"chunk_00") for _ in range(3)]
    _say("from the command to the large run", *shown)
    screen = Screen(root, big, gaps, ticking=False)
    screen.until(b"chunk_00")
    screen.idle(10)  # reasons are read in the meantime
    _say("key to repaint, chunks", *(screen.press(b"\x1b[B") for _ in range(PRESSES)))
    print(f"{'idle, large run':40} {screen.idle(20) * 100:10.2f} % of a core")
    began = time.perf_counter()
    screen.press(b"u")
    screen.until(f"{chunks * chunk_size:,} units ".encode())
    _say("U to all units", time.perf_counter() - began)
    screen.idle(2)
    _say("key to repaint, units", *(screen.press(b"\x1b[B") for _ in range(PRESSES)))
    print(f"{'memory with all units':40} {screen.process.memory_info().rss >> 20:10d} MB")
    screen.close()
    screen = Screen(root, big, gaps, ticking=True)
    screen.until(b"chunk_00")
    screen.idle(10)
    screen.gaps()
    _say("a change on disk to the screen", *_changes(screen, big, chunks, chunk_size))
    held = screen.gaps()
    _say("event loop held up, p99", held[int(len(held) * 0.99)])
    _say("event loop held up, at most", held[-1])
    screen.close()


def _changes(screen: Screen, big: Path, chunks: int, chunk_size: int) -> list[float]:
    """Let a chunk go on each second, and wait until something is drawn."""
    took: list[float] = []
    seq = read(big).state.seq
    for number in range(15):
        screen.rest()
        began = time.perf_counter()
        close_next(RunPaths(big), f"chunk_{chunks // 2 + number:03d}", seq + number + 1, chunk_size)
        while not screen.some(1.0):
            pass
        took.append(time.perf_counter() - began)
        screen.idle(max(0.0, 1 - took[-1]))
    return took


def _opened(root: Path, run: Path | None, gaps: Path, words: bytes) -> float:
    screen = Screen(root, run, gaps, ticking=False)
    took = screen.until(words)
    screen.close()
    return took


def _say(what: str, *seconds: float) -> None:
    assert seconds, "something was measured"
    worst = sorted(seconds)[int(len(seconds) * 0.95)]
    half = statistics.median(seconds)
    print(f"{what:40} {half * 1000:10.1f} ms, p95 {worst * 1000:.1f}", flush=True)


if __name__ == "__main__":
    if "--child" in sys.argv:
        place = sys.argv.index("--child") + 1
        told = sys.argv[place + 1 :]
        root = Path(os.environ["OCTOBATCH_RUNS_DIR"])
        Measured(root, Path(told[0]) if told else None, Path(sys.argv[place])).run()
    else:
        main()
