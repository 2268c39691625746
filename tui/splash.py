"""The greeting: Otto in a corner for ten seconds, and nothing in anybody's way."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.otto.director import PASS, Kind, Mood, Parcel, Scene
from tui.otto.widget import FACES, Sprite

if TYPE_CHECKING:
    from tui.app import OctobatchApp

__all__ = ["SECONDS", "Close", "Splash"]

SECONDS = 10.0
BEFORE = timedelta(seconds=1)
"""So long he only looks at you."""
WORDS = "Hello, I am Otto.\nEach of my arms is a step.\n? shows all keys."
WAY = (0, 2, 5, 7, 5, 2, 0)
"""The arms between which a parcel goes, to greet."""


class Splash(Vertical):
    """A corner of the screen; it never has the focus, so keys go where they would have gone."""

    DEFAULT_CSS: ClassVar[str] = """
    Splash {
        layer: splash; dock: bottom; width: 100%; height: auto; align: right bottom;
        visibility: hidden; margin: 0 2 1 0;
    }
    Splash #greeter {
        visibility: visible; width: 32; height: auto; padding: 0 1 1 1; background: $surface;
        border-left: outer $primary; align-horizontal: center;
    }
    Splash Sprite { background: $surface; }
    Splash #greeting { height: auto; text-align: center; margin: 1 0 0 0; }
    Splash Close { dock: right; width: 3; height: 1; text-align: center; color: $dim; }
    Splash Close:hover { color: $error; }
    """

    def __init__(self, *, whole: bool) -> None:
        """Greet with the picture, or with the face alone."""
        super().__init__()
        self._whole = whole

    def compose(self) -> ComposeResult:
        face = "" if self._whole else f"{FACES[Mood.BUSY]} "
        with Vertical(id="greeter"):
            yield Close("✕")
            if self._whole:
                yield Sprite()
            yield Static(Content(face + WORDS), id="greeting")

    def on_mount(self) -> None:
        self.set_timer(SECONDS, self.remove)
        for sprite in self.query(Sprite):
            sprite.play(_scene(cast("OctobatchApp", self.app).clock()))


def _scene(now: datetime) -> Scene:
    """Return how a parcel goes round."""
    at = now + BEFORE
    ways = enumerate(pairwise(WAY))
    parcels = (Parcel(*way, Kind.PASSED, at + n * PASS) for n, way in ways)
    return Scene(Mood.BUSY, WORDS, parcels=tuple(parcels), stirred=at)


class Close(Static):
    """What a click on ends it."""

    def on_click(self) -> None:
        for splash in self.screen.query(Splash):
            splash.remove()
