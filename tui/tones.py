"""The colours of a theme, made fit to be read on its ground."""

from collections.abc import Mapping

from textual.color import Color

__all__ = ["contrast", "readable"]

TONES = ("success", "warning", "error", "primary", "accent")
"""Colours that words are written in."""
DIM = 0.55
"""Between a theme's background, 0, and its foreground, 1."""
LEAST = 3.0
"""Of contrast; WCAG wants as much of large text."""
STEP = 0.05
LOW_VOICE_OF_TERMINALS = "ansi_bright_black"


def readable(variables: Mapping[str, str]) -> dict[str, str]:
    """Return a theme's variables with colours that can be read, and one for a low voice, `dim`.

    A terminal's own colours stay as they are: nobody knows what they look like.
    """
    ground, ink = Color.parse(variables["background"]), Color.parse(variables["foreground"])
    if ground.ansi is not None:
        return {**variables, "dim": LOW_VOICE_OF_TERMINALS}
    ink = ground + ink
    tones = {name: Color.parse(variables[name]) for name in TONES}
    tones["dim"] = ground.blend(ink, DIM)
    return {**variables, **{name: _seen(tone, ground, ink).hex for name, tone in tones.items()}}


def contrast(one: Color, other: Color) -> float:
    """Return by how much one is lighter, 1 to 21, as WCAG counts it."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _seen(tone: Color, ground: Color, ink: Color) -> Color:
    """Return a tone, as much nearer to the ink as it takes."""
    share = 0.0
    while share < 1 and contrast(tone.blend(ink, share), ground) < LEAST:
        share += STEP
    return tone.blend(ink, min(share, 1.0))


def _luminance(colour: Color) -> float:
    red, green, blue = (_linear(part) for part in colour.normalized)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB
