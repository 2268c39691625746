"""`octobatch tui`: the screens."""

from tui.__main__ import command

__all__ = ["command"]
