"""A run's brake: stop asking, keep what comes within a moment, then let go."""

import asyncio
import contextlib
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

__all__ = ["Brake", "Stopped"]

_T = TypeVar("_T")

GRACE_SECONDS = 3.5
"""How long answers that are under way may still arrive; a pause is promised within five."""


class Stopped(Exception):
    """The run stops: this question is not asked, or its answer not waited for, any more."""


class Brake:
    """Shared by all askers of a run; it belongs to the event loop it is made in."""

    def __init__(self, *, grace_seconds: float = GRACE_SECONDS) -> None:
        self._grace_seconds = grace_seconds
        self._pulled = asyncio.Event()
        self._let_go = False
        self._asking: set[asyncio.Task[object]] = set()

    @property
    def pulled(self) -> bool:
        return self._pulled.is_set()

    async def wait(self) -> None:
        """Return when the brake is pulled."""
        await self._pulled.wait()

    def pull(self) -> None:
        """Ask nothing more; what is under way has until the end of the grace."""
        if not self.pulled:
            self._pulled.set()
            asyncio.get_running_loop().call_later(self._grace_seconds, self._cut)

    def check(self) -> None:
        """Raise `Stopped` once the brake is pulled."""
        if self.pulled:
            raise Stopped

    @contextlib.contextmanager
    def asking(self) -> Generator[None]:
        """Let the block be cut short at the end of the grace, with `Stopped`."""
        task = asyncio.current_task()
        assert task is not None
        self._asking.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if not self._let_go:
                raise  # somebody else's cancellation
            task.uncancel()
            raise Stopped from None
        finally:
            self._asking.discard(task)

    async def unless_pulled(self, work: Coroutine[Any, Any, _T]) -> _T | None:
        """Return what `work` returns, or None as soon as the brake is pulled: it is cancelled."""
        task, stopped = asyncio.create_task(work), asyncio.create_task(self.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            stopped.cancel()
            task.cancel()
            await asyncio.wait({task})

    def _cut(self) -> None:
        self._let_go = True
        for task in self._asking:
            task.cancel()
