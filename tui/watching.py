"""What screens share that show a pipeline's files: they are read again while one looks at them."""

import asyncio
from contextlib import suppress

from textual import work
from textual.css.query import NoMatches

from tui.page import Page
from tui.snapshot import Snapshot

__all__ = ["Watching"]

LOOK_SECONDS = 0.4
SOON_SECONDS = 0.1
"""While there is more to find out."""


class Watching(Page):
    """A screen over files that people change elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self._asked = asyncio.Event()

    def look(self) -> bool:
        """Look at the files, in a thread; return False if there is more to find out."""
        raise NotImplementedError

    def seen(self) -> None:
        """Show what was read."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self._keep()

    @work(exclusive=True, group="watching")
    async def _keep(self) -> None:
        while True:
            whole = True
            self._asked.clear()
            if self._is_in_front and not self.octobatch.frozen:
                whole = await asyncio.to_thread(self.look)
                with suppress(NoMatches):  # the screen went away meanwhile
                    self.seen()
            with suppress(TimeoutError):
                pause = LOOK_SECONDS if whole else SOON_SECONDS
                await asyncio.wait_for(self._asked.wait(), pause)

    @property
    def _is_in_front(self) -> bool:
        """Say whether one looks at it; Textual calls screens current that are behind, too."""
        return self.is_current and self.app.screen is self

    def show(self, snapshot: Snapshot) -> None:
        """Runs that change elsewhere change nothing here."""

    def on_screen_resume(self) -> None:
        self._asked.set()

    def action_reread(self) -> None:
        super().action_reread()
        self._asked.set()
