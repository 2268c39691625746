"""Otto on the screen: whole, as a picture that moves while something does, or in one line."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from tui.otto.director import COLOURS, Mood, Scene, settled
from tui.otto.sprite import NOTHING, SIZE, Pose, paint, pose_of

__all__ = ["Form", "Otto", "OttoLine", "Sprite", "form_asked"]

FRAMES_PER_SECOND = 6
OVER_SSH = 2
"""Frames a second where each of them has a way to go."""
RUN_COLOURS = ("#ffd76a", "#7ee787", "#7fd7ff", "#ff9b6a", "#ff9eb8", "#b9f5ee")
VIOLET = "#b48ef0"
"""His body where a theme's colours are whatever a terminal makes of them."""
FIXED = MappingProxyType(
    {"w": "#ffffff", "k": "#1b1030", "c": "#ff9eb8", "b": "#7fd7ff", "f": "#7ee787"}
    | {"x": "#ff5d6c", "g": "#7ee787"}
)
FACES = MappingProxyType(
    {
        Mood.HURT: "(x_x)",
        Mood.ASLEEP: "(-_-)",
        Mood.PARTY: "(^‿^)",
        Mood.CONTENT: "(^‿^)",
        Mood.SHRUG: "(o_o)",
        Mood.WORRY: "(o.o)",
        Mood.WAIT: "(o‿o)",
        Mood.BUSY: "(o‿o)",
        Mood.IDLE: "(o‿o)",
    }
)
assert len(RUN_COLOURS) == COLOURS


class Form(StrEnum):
    """How much there is of Otto."""

    FULL = "full"
    LINE = "line"
    OFF = "off"

    @property
    def next(self) -> "Form":
        forms = list(Form)
        return forms[(forms.index(self) + 1) % len(forms)]


def form_asked(environ: Mapping[str, str] = os.environ) -> Form:
    """Return what `OTTO` asks for: full, line or off; full if it says nothing that is known."""
    told = environ.get("OTTO", "").lower()
    return Form(told) if told in list(Form) else Form.FULL


def now() -> datetime:
    return datetime.now(UTC)


class Sprite(Widget):
    """The picture, two pixels in each cell; no timer runs while nothing moves."""

    DEFAULT_CSS: ClassVar[str] = f"Sprite {{ width: {SIZE}; height: {SIZE // 2}; }}"

    def __init__(self, *, clock: Callable[[], datetime] = now) -> None:
        super().__init__()
        self._clock = clock
        self._scene: Scene | None = None
        self._frame = 0
        self._pose = Pose(Mood.ASLEEP)
        self._strips: list[Strip] = []

    def on_mount(self) -> None:
        pace = OVER_SSH if "SSH_TTY" in os.environ else FRAMES_PER_SECOND
        self._timer = self.set_interval(1 / pace, self.tick, pause=True)
        if self._scene is not None:
            self.play(self._scene)

    def play(self, scene: Scene) -> None:
        """Show a scene, moving if it moves."""
        self._scene = scene
        if self.is_mounted:
            self.tick()

    def tick(self) -> None:
        """Draw the next frame, if it differs; rest where nothing moves, or nobody looks."""
        if (scene := self._scene) is None:
            return
        at = self._clock()
        scene = self._scene = settled(scene, at)
        still = self.app.animation_level == "none"
        self._frame += 1
        pose = pose_of(scene, 0 if still else self._frame, at)
        if pose != self._pose:
            self._pose = pose
            self._strips = []
            self.refresh()
        seen = self.app.app_focus and self.screen.is_current
        if scene.is_moving(at) and seen and not still:
            self._timer.resume()
        else:
            self._timer.pause()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = []

    def render_line(self, y: int) -> Strip:
        if not self._strips:
            self._strips = self._drawn()
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def _drawn(self) -> list[Strip]:
        lines, colours, ground = paint(self._pose), self._palette(), self.rich_style
        pairs = [zip(lines[y], lines[y + 1], strict=True) for y in range(0, SIZE, 2)]
        return [
            Strip([_cell(colours, above, below, ground) for above, below in row]) for row in pairs
        ]

    def _palette(self) -> dict[str, str]:
        primary = self.app.current_theme.primary
        body = Color.parse(VIOLET if primary.startswith("ansi") else primary)
        colour = self._scene.colour if self._scene is not None else 0
        return {
            **FIXED,
            "p": body.hex,
            "s": body.blend(Color.parse("#1b1030"), 0.3).hex,
            "d": body.blend(Color.parse("#1b1030"), 0.55).hex,
            "h": body.blend(Color.parse("#ffffff"), 0.55).hex,
            "r": RUN_COLOURS[colour],
        }


def _cell(colours: Mapping[str, str], above: str, below: str, ground: Style) -> Segment:
    match above == NOTHING, below == NOTHING:
        case True, True:
            return Segment(" ", ground)
        case True, False:
            return Segment("▄", ground + Style(color=colours[below]))
        case False, True:
            return Segment("▀", ground + Style(color=colours[above]))
        case _:
            return Segment("▀", ground + Style(color=colours[above], bgcolor=colours[below]))


class Otto(Vertical):
    """The picture, and below it what he says."""

    def __init__(self, *, clock: Callable[[], datetime] = now) -> None:
        super().__init__()
        self._sprite = Sprite(clock=clock)

    def compose(self) -> ComposeResult:
        yield self._sprite
        yield Static(id="says")

    def play(self, scene: Scene) -> None:
        """Show a scene."""
        self._sprite.play(scene)
        self.query_one("#says", Static).update(Content(scene.line))


class OttoLine(Static):
    """His face, and what he says, in one line."""

    def play(self, scene: Scene) -> None:
        """Show a scene."""
        self.update(Content(f"{FACES[scene.mood]} {scene.line}"))
