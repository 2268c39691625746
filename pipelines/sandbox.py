"""Run code made from a pipeline's expressions in a worker process, within time and memory."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from pipelines.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pydantic_monty import AsyncMonty, AsyncMontySession, MontyError

__all__ = ["Program", "Sandbox", "Stopped"]

SECONDS = 0.75
"""What one call may take; two busy cores and 200 units are far below it."""
GRACE_SECONDS = 0.2
"""How late a worker may notice that its time is up before it is killed."""
MEMORY_BYTES = 128 * 2**20
ROWS_PER_CALL = 200
CALLS_PER_SESSION = 500
"""A session's memory grows with every call."""


class Program(NamedTuple):
    """Definitions, and the function among them that is called with each row.

    It may keep in the global `__at` what it is at, by number: asked for when a row is stopped.
    """

    source: str
    entry: str
    """Unique to the source: a session may hold many programs."""


class Stopped(NamedTuple):
    """A row whose evaluation was ended from outside."""

    reason: str
    at: int | None = None
    """What the program was at."""


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

    async def run(self, program: Program, rows: Sequence[Any]) -> list[Any]:
        """Return what the program says of each row, in order; Stopped of a row that breaks a limit.

        Exceptions inside the program are the program's to catch.

        Raises:
            SandboxError: nothing can be said of the rows; the sandbox may be used again.
        """
        answers: list[Any] = []
        for first in range(0, len(rows), ROWS_PER_CALL):
            async with self._lock:
                answers += await self._some(program, rows[first : first + ROWS_PER_CALL])
        return answers

    async def _some(self, program: Program, rows: Sequence[Any]) -> list[Any]:
        answers = await self._call(program, rows)
        if not isinstance(answers, Stopped):
            return answers
        # One row is to blame, and it is told from the others by asking about each alone: halves
        # would meet the limit again and again. The clock is the wall's, so that a machine that
        # stood still could blame a row that was alone: it is asked again, too.
        return [await self._alone(program, row) for row in rows]

    async def _alone(self, program: Program, row: Any) -> Any:
        answers = await self._call(program, [row])
        return answers if isinstance(answers, Stopped) else answers[0]

    async def _call(self, program: Program, rows: Sequence[Any]) -> list[Any] | Stopped:
        try:
            return await self._try(program, rows)
        except SandboxError:
            # Whatever took the worker has nothing to do with the rows: a new one is asked, once.
            pass
        try:
            return await self._try(program, rows)
        except SandboxError as error:
            raise SandboxError(
                f"rules and expressions could not be evaluated, twice: {error}. "
                "That is no verdict on any unit: their replies are kept, go on when it is mended."
            ) from error

    async def _try(self, program: Program, rows: Sequence[Any]) -> list[Any] | Stopped:
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
            # The pool's watchdog kills a worker that does not look at its limit in time.
            crashed = isinstance(error, MontyCrashedError) and not error.timed_out
            # After a limit the worker's memory cannot be trusted, after a crash it is gone.
            at = await self._last_place()
            if crashed or not ready:
                raise SandboxError(str(error)) from error
            return Stopped(self._reason(error), at)
        except BaseException:
            await self._end_session()
            raise
        self._calls += 1
        return answers

    async def _last_place(self) -> int | None:
        """End the session; return what its program was at, if that can still be said."""
        from pydantic_monty import MontyError

        try:
            at = await self._session.feed_run("__at") if self._session else None
        except (MontyError, RuntimeError):  # RuntimeError: the worker is gone
            return None
        finally:
            await self._end_session()
        return at if isinstance(at, int) else None

    def _reason(self, error: MontyError) -> str:
        seconds, memory_bytes = self._limits
        inner = error.exception()
        if isinstance(inner, MemoryError):
            return f"it took more than {memory_bytes // 2**20} MB of memory"
        if isinstance(inner, TimeoutError) or getattr(error, "timed_out", False):
            return f"it took longer than {seconds:g} s"
        return str(error)

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
            self._pool = await self._exits.enter_async_context(
                AsyncMonty(feed_duration_limit_grace=GRACE_SECONDS)
            )
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
