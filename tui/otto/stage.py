"""The scene of the run that is open, as it goes on with what happens, and with time."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from runs.times import Clock, now
from tui.diff import Event
from tui.otto.director import Scene, direct
from tui.snapshot import RunDetail

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Stage"]

LEAST_SECONDS = 0.05


class Waiting(Protocol):
    """A call that is still to come."""

    def stop(self) -> None: ...


class Stage:
    """Keeps one scene; where nothing more is to change by itself, nothing waits."""

    def __init__(
        self,
        after: Callable[[float, Callable[[], None]], Waiting],
        *,
        clock: Clock = now,
        read_only: bool = False,
    ) -> None:
        """Take what calls a function after so many seconds."""
        self.scene: Scene | None = None
        self._after = after
        self._clock = clock
        self._read_only = read_only
        self._of: Path | None = None
        self._waiting: Waiting | None = None

    def play(self, run: RunDetail, events: Iterable[Event], changed: Callable[[], object]) -> None:
        """Go on with what has happened to a run, and call `changed` when time changes it."""
        at = self._clock()
        before = self.scene if run.row.dir == self._of else None
        self.scene = direct(before, run, events, at, read_only=self._read_only)
        self._of = run.row.dir
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None
        if (until := self.scene.until) is not None:
            seconds = max(LEAST_SECONDS, (until - at).total_seconds())
            self._waiting = self._after(seconds, lambda: self._go_on(run, changed))

    def _go_on(self, run: RunDetail, changed: Callable[[], object]) -> None:
        self.play(run, (), changed)
        changed()
