"""Ctrl-C: once stops asking and keeps what came, twice ends at once."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Generator

from flows.pipes import say
from tasks.session import Session

__all__ = ["stopping_on_signals"]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHOW_CURSOR = "\x1b[?25h"


@contextlib.contextmanager
def stopping_on_signals(
    session: Session, *, given_up: Callable[[], Awaitable[bool]]
) -> Generator[None]:
    """Let Ctrl-C, SIGTERM and the end of a terminal pause the run while the block runs.

    If the run is `given_up` when a signal comes, it is cancelled.
    """
    loop, stopping = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    async def stop() -> None:
        if await given_up():
            session.cancel()
            return
        say("\nStopping: answers that are under way may still come. Ctrl-C again drops them.")
        session.interrupt()

    def heard() -> None:
        if session.brake.pulled or stopping:
            # As after kill -9: what was acknowledged is on disk, the calls in flight are lost.
            if sys.stderr.isatty():
                os.write(sys.stderr.fileno(), SHOW_CURSOR.encode())
            say(f"\nDropped. Go on with: octobatch run {session.run_dir.name}")
            os._exit(130)
        stopping.add(loop.create_task(stop()))

    for number in SIGNALS:
        loop.add_signal_handler(number, heard)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        for task in stopping:
            task.cancel()
