"""What the command palette finds: what keys do here, runs by their names, what Textual can do."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.types import IgnoreReturnCallbackType

from tui.page import Page

if TYPE_CHECKING:
    from tui.app import OctobatchApp

__all__ = ["Commands"]


class Offer(NamedTuple):
    """Something that can be done."""

    name: str
    says: str
    do: IgnoreReturnCallbackType


class Commands(Provider):
    """Keys of the screen that is in front, runs, and what Textual itself can do: in this order."""

    async def discover(self) -> Hits:
        """Yield what the keys do, and what Textual can."""
        for offer in (*self._keys(), *self._system()):
            yield DiscoveryHit(Content(offer.name), offer.do, offer.name, offer.says)

    async def search(self, query: str) -> Hits:
        """Yield what matches."""
        matcher = self.matcher(query)
        for offer in (*self._keys(), *self._runs(), *self._system()):
            if (score := matcher.match(f"{offer.name} {offer.says}")) > 0:
                yield Hit(score, Content(offer.name), offer.do, offer.name, offer.says)

    def _keys(self) -> Iterator[Offer]:
        if isinstance(page := self.screen, Page):
            for key in page.keys:
                if key.action not in {"command_palette", "back"}:
                    said = f"{key.label} ({key.name})"
                    yield Offer(said, key.says, partial(page.run_action, key.does))

    def _runs(self) -> Iterator[Offer]:
        app = cast("OctobatchApp", self.app)
        for row in app.snapshot.rows if app.snapshot is not None else ():
            yield Offer(row.name, f"Open this run: {row.liveness}.", partial(app.go_to, row.dir))

    def _system(self) -> Iterator[Offer]:
        for told in self.app.get_system_commands(self.screen):
            yield Offer(told.title, told.help, told.callback)
