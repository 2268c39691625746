"""The order of a run's work: each chunk goes through its steps at its own pace."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from tasks.session import Session

__all__ = ["in_order"]

Work: TypeAlias = Callable[[str, str], Awaitable[object]]
"""Takes a step and a chunk, and does what is due there."""


async def in_order(session: Session, work: Work) -> None:
    """Do everything that is left of a run, or until it stops.

    Some chunks are under way at once; what a chunk is fanned out into follows it. An outage pauses
    the run instead of raising.

    Raises:
        Exception: whatever `work` raised first, after all other chunks came to rest.
    """
    window = asyncio.Semaphore(session.chunks_at_once)
    await _chains(session, session.open_chunks(), work, window)


async def _chains(
    session: Session, chunks: Iterable[str], work: Work, window: asyncio.Semaphore
) -> None:
    chains = [_chain(session, chunk, work, window) for chunk in chunks]
    for outcome in await asyncio.gather(*chains, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _chain(session: Session, chunk: str, work: Work, window: asyncio.Semaphore) -> None:
    async with window:
        while (step := session.next_step(chunk)) is not None:
            with session.pausing_on_outage():
                await work(step, chunk)
    await _chains(session, session.children(chunk), work, window)
