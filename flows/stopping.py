"""Ctrl-C: once stops asking and keeps what came, twice ends at once."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Generator

from flows.pipes import say
from tasks.session import Session

__all__ = ["stopping_on_signals"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHOW_CURSOR = "\x1b[?25h"


@contextlib.contextmanager
def stopping_on_signals(session: Session, *, given_up: Callable[[], bool]) -> Generator[None]:
    """Let Ctrl-C, SIGTERM and the end of a terminal pause the run while the block runs.

    If the run is `given_up` when a signal comes, it is cancelled.
    """
    loop = asyncio.get_running_loop()

    def heard() -> None:
        if given_up():
            session.cancel()
            return
        if session.brake.pulled:
            # As after kill -9: what was acknowledged is on disk, the calls in flight are lost.
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), SHOW_CURSOR.encode())
            say(f"\nDropped. Go on with: octobatch run {session.run_dir.name}")
            os._exit(130)
        say("\nStopping: answers that are under way may still come. Ctrl-C again drops them.")
        session.interrupt()

    for number in SIGNALS:
        loop.add_signal_handler(number, heard)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
