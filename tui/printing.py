"""Lines of parts on standard output: in colours on a terminal, else as plain text."""

import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.text import Text

from tui.paint import Cell, Tone

__all__ = ["columns", "print_lines"]

PIPE_COLUMNS = 100
"""A pipe has no width."""
STYLES = {
    Tone.PLAIN: "",
    Tone.DIM: "dim",
    Tone.BOLD: "bold",
    Tone.GOOD: "green",
    Tone.SOFT: "yellow",
    Tone.BAD: "red",
    Tone.LIVE: "blue",
    Tone.ACCENT: "magenta",
}
"""A terminal's own colours: nobody knows whether its ground is dark."""


def columns() -> int:
    """Return how wide lines may be."""
    return Console().width if sys.stdout.isatty() else PIPE_COLUMNS


def print_lines(lines: Sequence[Cell]) -> None:
    """Print lines as they are, whatever they hold."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    with console.capture() as printed:  # at a closed pipe rich would end the process by itself
        for line in lines:
            said = Text.assemble(*((part.text, STYLES[part.tone]) for part in line))
            said.rstrip()
            console.print(said)
    click.echo(printed.get(), nl=False)
