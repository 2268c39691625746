"""RUN_LOG.txt for people, TRACE_LOG.txt for every request: a word, then fields, a line each."""

import faulthandler
import json
import os
import re
import signal
import threading
from contextlib import suppress
from pathlib import Path

from runs.files import append
from runs.times import Clock, stamp

__all__ = ["Log", "dump_no_stacks", "dump_stacks", "line"]

PLAIN = re.compile(r"[^\s\"=\\]+")


class Log:
    """A file to which whole lines are added; not synced: nothing is built on it.

    So a line that cannot be written, or comes after the log was closed, is left out without a word.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._closed = False
        # Between the look at `_closed` and the write, the descriptor must not become another's.
        self._one_at_a_time = threading.RLock()

    def add(self, word: str, **fields: object) -> None:
        """Write a line; fields that are None are left out."""
        with self._one_at_a_time, suppress(OSError):
            if not self._closed:
                append(self._fd, f"{stamp(self._clock())} {line(word, **fields)}\n".encode())

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        with self._one_at_a_time:
            if not self._closed:
                self._closed = True
                os.close(self._fd)


def line(word: str, **fields: object) -> str:
    """Return `word` and its fields; a value that is not one plain word is quoted as JSON."""
    shown = (f"{name}={_shown(value)}" for name, value in fields.items() if value is not None)
    return " ".join((word, *shown))


def dump_stacks(log: Log) -> None:
    """Let SIGUSR1 write what every thread is doing into a log, also when Python is stuck."""
    faulthandler.register(signal.SIGUSR1, file=log.fileno(), all_threads=True)


def dump_no_stacks() -> None:
    """Undo `dump_stacks`, before the log is closed and its descriptor means another file."""
    faulthandler.unregister(signal.SIGUSR1)


def _shown(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    if PLAIN.fullmatch(text) and text.isprintable():
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    # What moves a terminal's cursor or turns its text around is told, never done.
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in quoted)
