"""Where the command line writes: whoever closes a pipe misses what comes, and stops nothing."""

import os
import sys
from contextlib import suppress
from io import UnsupportedOperation
from typing import TextIO

import click

__all__ = ["hold_open", "out", "say", "vanish"]


def say(line: str) -> None:
    """Say something that is not data, on standard error."""
    try:
        click.echo(line, err=True)
    except BrokenPipeError:
        vanish(sys.stderr)


def out(data: str | bytes) -> None:
    """Write data to standard output."""
    try:
        click.echo(data)
    except BrokenPipeError:
        vanish(sys.stdout)


def vanish(stream: TextIO) -> None:
    """Let what is still written to a closed pipe vanish, also what Python writes at its end."""
    with suppress(UnsupportedOperation):  # no file: a test's
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def hold_open() -> None:
    """Open what the shell closed (`2>&-`): else a file of ours gets its number, and its lines."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this one
    if sys.__stdout__ is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.__stderr__ is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
