"""The greeting: Otto in a corner for ten seconds, and nothing in anybody's way."""

from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.otto.director import Kind, Mood, Parcel, Scene
from tui.otto.widget import Sprite

__all__ = ["Splash"]

SECONDS = 10.0
TALL = 30
"""Rows of a screen that has room for a picture."""
WORDS = "Welcome to Octobatch!\n? shows the keys."
STEPS = (0, 2, 5, 7)
"""The arms between which a parcel goes round, to greet."""


class Splash(Vertical):
    """A corner of the screen; it never has the focus, so keys go where they would have gone."""

    DEFAULT_CSS: ClassVar[str] = """
    Splash {
        layer: splash; dock: bottom; width: 100%; height: auto; align: right bottom;
        visibility: hidden; margin: 0 2 1 0;
    }
    Splash #greeter {
        visibility: visible; width: 32; height: auto; padding: 0 1 1 1; background: $surface;
        border-left: outer $success; align-horizontal: center;
    }
    Splash Sprite { background: $surface; }
    Splash #greeting { height: auto; text-align: center; }
    Splash Close { width: 100%; height: 1; text-align: right; color: $dim; }
    Splash Close:hover { color: $error; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._at = 0

    def compose(self) -> ComposeResult:
        with Vertical(id="greeter"):
            yield Close("✕")
            yield Sprite()
            yield Static(Content(WORDS), id="greeting")

    def on_mount(self) -> None:
        self.query_one(Sprite).display = self.screen.size.height >= TALL
        self.set_timer(SECONDS, self.remove)
        self._pass()
        self.set_interval(1.8, self._pass)

    def _pass(self) -> None:
        """Pass a parcel on."""
        at = datetime.now(UTC)
        start, end = STEPS[self._at], STEPS[(self._at + 1) % len(STEPS)]
        self._at = (self._at + 1) % len(STEPS)
        parcel = Parcel(start, end, Kind.PASSED, at)
        scene = Scene(Mood.BUSY, WORDS, gaze=1 if end > start else -1, parcels=(parcel,), last=at)
        self.query_one(Sprite).play(scene)


class Close(Static):
    """What a click on ends it."""

    def on_click(self) -> None:
        for splash in self.screen.query(Splash):
            splash.remove()
