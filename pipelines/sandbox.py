"""Run code made from a pipeline's expressions in a worker process, within time and memory."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pipelines.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from pydantic_monty import AsyncMonty, AsyncMontySession

__all__ = ["Program", "Sandbox", "Stopped"]

SECONDS = 2.0
"""What one call may take; two busy cores and 200 units are far below it."""
MEMORY_BYTES = 128 * 2**20
CALLS_PER_SESSION = 500
"""A session's memory grows with every call."""


class Program(NamedTuple):
    """Definitions, and the function among them that is called with each row."""

    source: str
    entry: str
    """Unique to the source: a session may hold many programs."""


class Stopped(NamedTuple):
    """A row whose evaluation was ended from outside."""

    reason: str


class Sandbox:
    """A worker that evaluates many rows in one call; it starts when first needed."""

    def __init__(self, *, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self._limits = (seconds, memory_bytes)
        self._lock = asyncio.Lock()
        self._pool: AsyncMonty | None = None
        self._session: AsyncMontySession | None = None
        self._known: set[str] = set()
        self._calls = 0
        self._exits = AsyncExitStack()
        self._session_exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end_session()
        await self._exits.aclose()

    async def run(self, program: Program, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return what the program says of each row, in order; Stopped of a row that breaks a limit.

        Exceptions inside the program are the program's to catch.

        Raises:
            SandboxError: nothing can be said of the rows; the sandbox may be used again.
        """
        if not rows:
            return []
        async with self._lock:
            answers = await self._call(program, rows)
            if not isinstance(answers, Stopped):
                return answers
            if len(rows) == 1:
                return [answers]
            # One row is to blame, and it is told from the others by asking about each alone.
            return [await self._alone(program, row) for row in rows]

    async def _alone(self, program: Program, row: Mapping[str, Any]) -> Any:
        answers = await self._call(program, [row])
        return answers if isinstance(answers, Stopped) else answers[0]

    async def _call(
        self, program: Program, rows: Sequence[Mapping[str, Any]]
    ) -> list[Any] | Stopped:
        try:
            return await self._try(program, rows)
        except SandboxError:
            # Whatever took the worker has nothing to do with the rows: a new one is asked, once.
            pass
        try:
            return await self._try(program, rows)
        except SandboxError as error:
            raise SandboxError(
                f"the rules could not be evaluated, twice: {error}. "
                "That is no verdict on any unit: their replies are kept, go on when it is mended."
            ) from error

    async def _try(
        self, program: Program, rows: Sequence[Mapping[str, Any]]
    ) -> list[Any] | Stopped:
        """Return what the program says, or which limit ended it.

        Raises:
            SandboxError: the worker is gone, or could not be made ready.
        """
        from pydantic_monty import MontyCrashedError, MontyError

        ready = False
        try:
            session = await self._ready(program)
            ready = True
            answers = await session.feed_run(
                f"[{program.entry}(row) for row in rows]", inputs={"rows": rows}
            )
        except MontyError as error:
            # After a limit the worker's memory cannot be trusted, after a crash it is gone.
            await self._end_session()
            # The pool's watchdog kills a worker that does not look at its limit in time.
            crashed = isinstance(error, MontyCrashedError) and not error.timed_out
            if crashed or not ready:
                raise SandboxError(str(error)) from error
            return Stopped(str(error))
        except BaseException:
            await self._end_session()
            raise
        self._calls += 1
        return answers

    async def _ready(self, program: Program) -> AsyncMontySession:
        """Return a session that knows the program."""
        if self._session is None or self._calls >= CALLS_PER_SESSION:
            await self._end_session()
            with _sigint_ignored():
                self._session = await self._checkout()
        if program.entry not in self._known:
            await self._session.feed_run(program.source)
            self._known.add(program.entry)
        return self._session

    async def _checkout(self) -> AsyncMontySession:
        from pydantic_monty import AsyncMonty

        if self._pool is None:
            self._pool = await self._exits.enter_async_context(AsyncMonty())
        seconds, memory_bytes = self._limits
        session = self._pool.checkout(
            limits={"max_feed_duration_secs": seconds, "max_memory": memory_bytes}
        )
        return await self._session_exits.enter_async_context(session)

    async def _end_session(self) -> None:
        self._session = None
        self._known.clear()
        self._calls = 0
        await self._session_exits.aclose()


class _Deafness:
    """Ignores SIGINT while workers are started: ignoring is inherited, a handler is not.

    A terminal sends Ctrl-C to the whole process group: the run hears it and ends in peace, for
    which it needs its worker. Outside the main thread handlers cannot be set: nothing is done.
    """

    def __init__(self) -> None:
        self._depth = 0
        """Sandboxes that start a worker now; the last one gives the handler back."""
        self._handler: Any = None

    @contextmanager
    def __call__(self) -> Generator[None]:
        """Ignore SIGINT inside the block: a few milliseconds, in which a Ctrl-C is lost."""
        # None: what is installed does not come from Python, and could not be given back.
        if (
            threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGINT) is None
        ):
            yield
            return
        if self._depth == 0:
            self._handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            # Who has set another handler meanwhile keeps it.
            if self._depth == 0 and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
                signal.signal(signal.SIGINT, self._handler)


_sigint_ignored = _Deafness()
