"""Otto on the screen: whole, as a picture that moves while something does, or in one line."""

import os
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, cast

from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from tui.otto.director import COLOURS, Mood, Scene
from tui.otto.lines import balanced
from tui.otto.sprite import FRAMES_PER_SECOND, NOTHING, SIZE, Pose, paint, pose_of
from tui.tones import contrast

if TYPE_CHECKING:
    from tui.app import OctobatchApp

__all__ = ["FACES", "Form", "Otto", "OttoLine", "Sprite", "form_asked", "frames_per_second"]

OVER_SSH = 2
"""Frames a second where each of them has a way to go."""
RUN_COLOURS = ("#ffd76a", "#7fd7ff", "#ff9b6a", "#ff9eb8", "#5eead4", "#c3e86b")
VIOLET = "#b48ef0"
"""His body where a theme's colours are whatever a terminal makes of them."""
SHADOW, SHINE = "#1b1030", "#ffffff"
WORDS = 30
"""Cells across of what he says below his picture."""
FACE_SEEN = 4.5
"""The least contrast of his face with his body."""
FIXED = MappingProxyType(
    {"w": SHINE, "k": SHADOW, "c": "#ff9eb8", "b": "#5fb8e8", "f": "#4fc46b"}
    | {"x": "#ff5d6c", "g": "#4fc46b"}
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


def frames_per_second(environ: Mapping[str, str] = os.environ) -> int:
    """Return how often he is drawn while he moves."""
    return OVER_SSH if environ.get("SSH_TTY") else FRAMES_PER_SECOND


class Sprite(Widget):
    """The picture, two pixels in each cell; no timer runs while nothing moves."""

    DEFAULT_CSS: ClassVar[str] = f"Sprite {{ width: {SIZE}; height: {SIZE // 2}; }}"

    def __init__(self) -> None:
        super().__init__()
        self._scene: Scene | None = None
        self._pose = Pose(Mood.ASLEEP)
        self.is_animated = False
        """Whether a timer runs."""

    def on_mount(self) -> None:
        self._timer = self.set_interval(1 / frames_per_second(), self.tick, pause=True)
        self.watch(self.app, "app_focus", self.tick, init=False)
        self.tick()

    def play(self, scene: Scene) -> None:
        """Show a scene, moving if it moves."""
        self._scene = scene
        if self.is_mounted:
            self.tick()

    def tick(self) -> None:
        """Draw what differs by now; rest where nothing moves, or nobody looks."""
        if (scene := self._scene) is None:
            return
        at = self._octobatch.clock()
        moves = scene.is_moving(at) and self.app.animation_level != "none"
        self._stand(pose_of(scene, at, moves=moves))
        looked_at = self.app.app_focus and not self._octobatch.frozen
        seen = looked_at and self.app.screen is self.screen and self._is_displayed
        self.is_animated = moves and seen
        (self._timer.resume if self.is_animated else self._timer.pause)()

    @property
    def _octobatch(self) -> "OctobatchApp":
        return cast("OctobatchApp", self.app)

    @property
    def _is_displayed(self) -> bool:
        return all(one.display for one in self.ancestors_with_self if isinstance(one, Widget))

    def _stand(self, pose: Pose) -> None:
        """Draw the lines that differ."""
        pairs = zip(_cells(self._pose), _cells(pose), strict=True)
        changed = [y for y, (was, is_) in enumerate(pairs) if was != is_]
        self._pose = pose
        if changed:
            self.refresh(*(Region(0, y, SIZE, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        if y >= SIZE // 2:
            return Strip.blank(self.size.width, self.rich_style)
        colour = self._scene.colour if self._scene is not None else 0
        return _strip(_cells(self._pose)[y], self._body(), colour, self.rich_style)

    def _body(self) -> str:
        primary = self.app.theme_variables["primary"]
        return VIOLET if primary.startswith("ansi") else primary


_Cells = tuple[tuple[str, str], ...]


@lru_cache(maxsize=64)
def _cells(pose: Pose) -> tuple[_Cells, ...]:
    """Return a picture as lines of cells: the pixel above, and the one below."""
    lines = paint(pose)
    return tuple(tuple(zip(lines[y], lines[y + 1], strict=True)) for y in range(0, SIZE, 2))


@lru_cache(maxsize=2048)
def _strip(cells: _Cells, body: str, colour: int, ground: Style) -> Strip:
    palette = _palette(body, colour)
    return Strip([_segment(palette, above, below, ground) for above, below in cells]).simplify()


@lru_cache(maxsize=64)
def _palette(body: str, colour: int) -> dict[str, str]:
    """Return the colour of each letter."""
    shadow, shine = Color.parse(SHADOW), Color.parse(SHINE)
    own = _lit(Color.parse(body))
    return {
        **FIXED,
        "p": own.hex,
        "s": own.blend(shadow, 0.3).hex,
        "d": own.blend(shadow, 0.55).hex,
        "h": own.blend(shine, 0.55).hex,
        "r": RUN_COLOURS[colour],
    }


def _lit(body: Color) -> Color:
    """Return a body on which a mouth can be seen: as much lighter as it takes."""
    share = 0.0
    while contrast(body.blend(Color.parse(SHINE), share), Color.parse(SHADOW)) < FACE_SEEN:
        share += 0.05
    return body.blend(Color.parse(SHINE), share)


def _segment(palette: Mapping[str, str], above: str, below: str, ground: Style) -> Segment:
    """Return one cell: a half block where only one of its pixels is there, or they differ."""
    match above == NOTHING, below == NOTHING:
        case True, True:
            return Segment(" ", ground)
        case True, False:
            return Segment("▄", ground + Style(color=palette[below]))
        case False, True:
            return Segment("▀", ground + Style(color=palette[above]))
        case _ if above == below:
            return Segment("█", ground + Style(color=palette[above]))
        case _:
            return Segment("▀", ground + Style(color=palette[above], bgcolor=palette[below]))


class Says(Static):
    """What he says; it is drawn anew when that changes."""

    def say(self, text: str) -> None:
        """Say something; it is never markup."""
        if text != str(self.content):
            self.update(Content(text))


class Otto(Vertical):
    """The picture, and below it what he says."""

    def compose(self) -> ComposeResult:
        yield Sprite()
        yield Says()

    def play(self, scene: Scene) -> None:
        """Show a scene."""
        self.query_one(Sprite).play(scene)
        self.query_one(Says).say(balanced(scene.line, WORDS))


class OttoLine(Says):
    """His face, and what he says, in one line."""

    def play(self, scene: Scene) -> None:
        """Show a scene."""
        self.say(f"{FACES[scene.mood]} {scene.line}")
