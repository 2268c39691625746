"""What Otto takes in a real terminal: with chunks moving on all the time, and when nothing happens.

The app runs in a process of its own under a pseudo-terminal. What it takes without Otto is taken
with the same run and the same events, so the difference is his.
"""

import argparse
import os
import pty
import select
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import psutil

from benchmarks.many_runs import STEPS, make_run
from runs import Liveness
from runs.times import now
from tui.app import OctobatchApp
from tui.diff import ChunkMoved, Event, Outcome
from tui.reader import Publish, Reader
from tui.snapshot import Snapshot

ROWS, COLUMNS = "42", "140"
WARM_SECONDS = 4.0
EVERY_SECONDS = 1.5
"""A chunk moves on as soon as the parcel of the one before has arrived."""
FORMS = ("off", "line", "full")


class Moving:
    """A source that shows one run, in which a chunk moves on again and again, or none does."""

    def __init__(self, snapshot: Snapshot, *, moves: bool) -> None:
        self._snapshot = snapshot
        self._moves = moves
        self._publish: Publish | None = None

    def __call__(self, publish: Publish) -> "Moving":
        self._publish = publish
        return self

    def start(self) -> None:
        """Publish from a thread, as the reader does."""
        threading.Thread(target=self._go_on, daemon=True).start()

    def _go_on(self) -> None:
        self._tell(())
        ways = list(pairwise(STEPS))
        while self._moves:
            for step, to in ways:
                time.sleep(EVERY_SECONDS)
                self._tell((ChunkMoved("chunk_000", step, to, 12, Outcome.ADVANCED),))

    def _tell(self, events: tuple[Event, ...]) -> None:
        assert self._publish is not None
        self._snapshot = replace(self._snapshot, number=self._snapshot.number + 1)
        self._publish(self._snapshot, events)

    def open(self, run_dir: Path | None) -> None:
        """It is open."""

    def show_archived(self, shown: bool) -> None:
        """There are none."""

    def focus(self, focused: bool) -> None:
        """It goes on."""

    def poke(self) -> None:
        """It needs none."""

    def stop(self) -> None:
        """End with the process."""
        self._moves = False


def main() -> None:
    """Look at a run with Otto and without him, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    seconds = parser.parse_args().seconds
    for what in ("moving", "lively", "idle"):
        for form in FORMS:
            took = _taken(what, form, seconds)
            print(f"{what:8} OTTO={form:5} {took:6.2f} % of a core", flush=True)


def _taken(what: str, form: str, seconds: float) -> float:
    """Return how much of a core the screens take, in percent."""
    pid, fd = pty.fork()
    if pid == 0:
        told = {"OTTO": form, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environ = {**os.environ, **told, "LINES": ROWS, "COLUMNS": COLUMNS}
        argv = [sys.executable, "-m", "benchmarks.otto", "--child", what]
        os.execve(sys.executable, argv, environ)
    process = psutil.Process(pid)
    _drain(fd, WARM_SECONDS)
    before, began = process.cpu_times(), time.perf_counter()
    _drain(fd, seconds)
    after, took = process.cpu_times(), time.perf_counter() - began
    process.kill()
    os.waitpid(pid, 0)
    os.close(fd)
    return (after.user + after.system - before.user - before.system) / took * 100


def _drain(fd: int, seconds: float) -> None:
    """Take what is drawn."""
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0:
        if select.select([fd], [], [], left)[0]:
            os.read(fd, 1 << 16)


def _child(what: str) -> None:
    """Show a run in which chunks move, in which Otto only sways, or in which all is still."""
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder) / "run", 40, 10, closed=20, ended=False)
        reader = Reader(Path(folder), lambda _, __: None)
        reader.open(run)
        snapshot = reader.look()
    assert snapshot.run is not None
    detail = replace(snapshot.run, row=replace(snapshot.run.row, liveness=Liveness.ACTIVE))
    source = Moving(replace(snapshot, run=detail, rows=(detail.row,)), moves=what == "moving")
    if what == "idle":  # an hour passes with each look at the clock, so nothing is new for long
        began, looks = now(), iter(range(1 << 30))
        OctobatchApp(source, run, clock=lambda: began + timedelta(hours=next(looks))).run()
    OctobatchApp(source, run).run()


if __name__ == "__main__":
    if "--child" in sys.argv:
        _child(sys.argv[-1])
    else:
        main()
