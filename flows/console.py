"""Consoles for tables and bars."""

import sys

from rich.console import Console

from flows.pipes import vanish

__all__ = ["screen"]

PIPE_COLUMNS = 1000
"""A pipe has no width to cut tables to."""


def screen(*, stderr: bool = False) -> Console:
    """Return a console on standard output or standard error."""
    wide = None if (sys.stderr if stderr else sys.stdout).isatty() else PIPE_COLUMNS
    return _Console(stderr=stderr, soft_wrap=True, highlight=False, width=wide)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Go on: rich would end the process, and the run with it."""
        self.quiet = True
        vanish(sys.stderr if self.stderr else sys.stdout)
