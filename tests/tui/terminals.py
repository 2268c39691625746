"""A terminal that a program is run in: what it writes is kept, and keys are sent to it."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from select import select

__all__ = ["Terminal", "terminal"]

WITHIN_SECONDS = 20.0
READ = 1 << 16


class Terminal:
    """Where a program shows itself."""

    def __init__(self, master: int, process: "subprocess.Popen[bytes]") -> None:
        self._master = master
        self.process = process
        self.written = b""

    def send(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def until(self, *words: str) -> bytes:
        """Return what has been written since the last time, once all words are in it."""
        begin = len(self.written)
        wanted = [word.encode() for word in words]
        deadline = time.monotonic() + WITHIN_SECONDS
        while not all(word in self.written[begin:] for word in wanted):
            assert time.monotonic() < deadline, self.written[begin:]
            assert self._read(), self.written[begin:]
        return self.written[begin:]

    def ended(self) -> int:
        """Return the exit code, once the program has ended; what it wrote last is kept."""
        while self._read():
            pass
        return self.process.wait(WITHIN_SECONDS)

    def _read(self) -> bool:
        """Take what is there; return False at the end."""
        if not select([self._master], [], [], WITHIN_SECONDS)[0]:
            return False
        with suppress(OSError):  # what Linux says when nobody has the other end open
            new = os.read(self._master, READ)
            self.written += new
            return bool(new)
        return False


@contextmanager
def terminal(
    *words: str, columns: int = 100, lines: int = 30, **environ: str
) -> Generator[Terminal]:
    """Run Python with these words in a terminal of its own."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    known = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "COLUMNS", "LINES"}}
    process = subprocess.Popen(
        [sys.executable, *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**known, "TERM": "xterm-256color", **environ},
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(master, process)
    finally:
        process.kill()
        process.wait()
        os.close(master)
