"""Where screens have what they show from: the reader, or a test."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeAlias

from tui.reader import Publish

__all__ = ["Connect", "Source"]


class Source(Protocol):
    """Reads runs, as `tui.reader.Reader` does."""

    def start(self) -> None: ...
    def open(self, run_dir: Path | None) -> None: ...
    def show_archived(self, shown: bool) -> None: ...
    def focus(self, focused: bool) -> None: ...
    def poke(self) -> None: ...
    def stop(self) -> None: ...


Connect: TypeAlias = Callable[[Publish], Source]
"""Makes a source that tells its reader of every change."""
