"""Where screens have what they show from: the reader, or a test."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tui.snapshot import Snapshot

__all__ = ["Source"]


class Source(Protocol):
    """Reads, and tells whoever wants to know."""

    def start(self, publish: Callable[[Snapshot], None]) -> None:
        """Tell of every change from now on, from a thread of its own."""
        ...

    def open(self, run: Path | None) -> None:
        """Read one run whole, or none."""
        ...

    def show_archived(self, *, shown: bool) -> None:
        """Read archived runs too, or not."""
        ...

    def poke(self) -> None:
        """Read everything anew, now."""
        ...

    def stop(self) -> None:
        """Read no more."""
        ...
