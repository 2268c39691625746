"""Copying: over the terminal (OSC 52), by tmux, and by the tools of this desktop."""

import os
import subprocess
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pyperclip

__all__ = ["Way", "copy", "ways"]

TMUX_SECONDS = 2.0
TERMINALS_TAKE = 74_994
"""Bytes of OSC 52 that every terminal takes which takes any; some cut off what is longer."""


class Way(NamedTuple):
    """A way for a text to come to a clipboard."""

    name: str
    put: Callable[[str], object]
    """Raises OSError, SubprocessError or PyperclipException where it does not work."""


def ways(environ: Mapping[str, str] = os.environ) -> list[Way]:
    """Return the ways there are besides the terminal itself.

    On a machine that one is connected to over SSH, its own clipboard is not the one to fill.
    tmux passes on what it is given even where it does not heed the programs that run in it.
    """
    found: list[Way] = []
    if environ.get("TMUX"):
        found.append(Way("tmux", _tmux))
    if not (environ.get("SSH_CONNECTION") or environ.get("SSH_TTY")):
        found.append(Way("the clipboard", pyperclip.copy))
    return found


def copy(text: str, terminal: Callable[[str], object], others: list[Way] | None = None) -> str:
    """Copy a text every way there is, and return a sentence that says which of them worked."""
    text = text.encode("utf-8", "replace").decode()
    terminal(text)
    used: list[str] = []
    for way in ways() if others is None else others:
        try:
            way.put(text)
        except (OSError, subprocess.SubprocessError, pyperclip.PyperclipException):
            continue
        used.append(way.name)
    known = "the terminal (OSC 52)" if used else "the terminal (OSC 52), if it takes that"
    told = f"Copied {_size(text)} to {' and '.join([*used, known])}."
    if not used and len(text.encode()) * 4 / 3 > TERMINALS_TAKE:
        told += " Terminals may cut off as much as that: S saves it to a file."
    return told


def _tmux(text: str) -> None:
    subprocess.run(
        ["tmux", "load-buffer", "-w", "-"],  # noqa: S607 - whichever tmux we run in
        input=text.encode(),
        timeout=TMUX_SECONDS,
        check=True,
        capture_output=True,
    )


def _size(text: str) -> str:
    lines = text.count("\n") + (not text.endswith("\n"))
    return f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
