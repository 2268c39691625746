"""A flow reports to a Prefect server, and is not held up by one that has gone."""

import asyncio
import logging
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from flows import server
from tasks import session

__all__ = ["quiet", "reported"]

T = TypeVar("T")

LOOK_SECONDS = 1.0
PATIENCE = 5
"""Looks in a row at a server that does not answer, before it is given up."""


def quiet() -> None:
    """Keep Prefect's own lines from the console: people read ours, its UI has them all."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    # With the server gone, each event and each log line would be a page of its own.
    os.environ.setdefault("PREFECT_LOGGING_INTERNAL_LEVEL", "CRITICAL")
    logging.raiseExceptions = False


async def reported(
    flow: Coroutine[Any, Any, T], run_dir: Path, url: str, *, look_seconds: float = LOOK_SECONDS
) -> T | None:
    """Await a flow; return None once it only waits for a server that does not answer.

    While it holds its run it goes on without the server: what counts is on disk. Before that, and
    after, Prefect would try to reach the server for minutes.
    """
    flowing = asyncio.ensure_future(flow)
    silent = 0
    while not (await asyncio.wait({flowing}, timeout=look_seconds))[0]:
        held = session.find(run_dir) is not None
        alone = not held and not await asyncio.to_thread(server.answers, url)
        silent = silent + 1 if alone else 0
        if silent == PATIENCE:
            return None
    return flowing.result()
