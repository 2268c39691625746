"""The emulator's own addresses, from `/_rehearse` to `/_reset`."""

import asyncio
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from providers.emulator.clock import Move
from providers.emulator.engine import Engine
from providers.emulator.jsons import dumps, loads
from providers.emulator.ledger import summary
from providers.emulator.limits import LIMITS
from providers.emulator.mischief import Batching
from providers.emulator.script import Script

__all__ = ["Control"]


class Control:
    """Knows how busy the emulator is, and serves those who steer it."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._clock = clock
        self._in_flight = 0
        self._last_seen = clock()

    @contextmanager
    def at_work(self) -> Generator[None]:
        """Count a call as in flight."""
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
            self._last_seen = self._clock()

    @property
    def idle_seconds(self) -> float:
        """Seconds for which nobody wanted anything; looking at the status is not wanting."""
        return 0.0 if self._in_flight else self._clock() - self._last_seen

    def routes(self) -> list[Route]:
        return [
            Route("/_status", self._status),
            Route("/_ledger", self._ledger),
            Route("/_rehearse", self._rehearse, methods=["POST"]),
            Route("/_script", self._script, methods=["POST"]),
            Route("/_latency", self._latency, methods=["POST"]),
            Route("/_limits", self._limits, methods=["POST"]),
            Route("/_batches", self._batches, methods=["POST"]),
            Route("/_clock", self._clock_moved, methods=["POST"]),
            Route("/_reset", self._reset, methods=["POST"]),
        ]

    async def _status(self, _: Request) -> Response:
        memory = self._engine.memory
        return _json(
            {
                "dir": str(self._engine.home.dir),
                "pid": os.getpid(),
                "in_flight": self._in_flight,
                "charged_calls": self._engine.charged_calls,
                "rehearsed_replies": memory.rehearsed_count(),
                "rules": len(memory.script.rules),
                "latency_seconds": memory.latency_seconds,
                "limits": len(memory.limits),
                "batches_at_work": self._engine.shelf.count_at_work(),
                "clock_seconds": self._engine.batch_clock.now(),
                "clock_rate": self._engine.batch_clock.rate,
                "idle_seconds": round(self.idle_seconds, 1),
            }
        )

    async def _ledger(self, _: Request) -> Response:
        with self.at_work():
            charged = await asyncio.to_thread(summary, self._engine.home.ledger)
            return _json({**charged, "batches": self._engine.shelf.created()})

    async def _rehearse(self, request: Request) -> Response:
        def keep(replies: dict[str, str]) -> object:
            self._engine.memory.rehearse({bytes.fromhex(k): v for k, v in replies.items()})
            return {"rehearsed": len(replies)}

        return await self._obeyed(request, keep)

    async def _script(self, request: Request) -> Response:
        def play(script: object) -> object:
            self._engine.memory.script = Script.model_validate(script)
            return {"rules": len(self._engine.memory.script.rules)}

        return await self._obeyed(request, play)

    async def _latency(self, request: Request) -> Response:
        def slow_down(seconds: float) -> object:
            self._engine.memory.latency_seconds = max(0.0, float(seconds))
            return {"latency_seconds": self._engine.memory.latency_seconds}

        return await self._obeyed(request, slow_down)

    async def _limits(self, request: Request) -> Response:
        def hold_back(limits: object) -> object:
            self._engine.limit(LIMITS.validate_python(limits))
            return {"limits": len(self._engine.memory.limits)}

        return await self._obeyed(request, hold_back)

    async def _batches(self, request: Request) -> Response:
        def take(batching: object) -> object:
            self._engine.memory.batching = Batching.model_validate(batching)
            return {"rules": len(self._engine.memory.batching.rules)}

        return await self._obeyed(request, take)

    async def _clock_moved(self, request: Request) -> Response:
        def move(how: object) -> object:
            moved = Move.model_validate(how)
            clock = self._engine.batch_clock
            clock.move(step=moved.step, rate=moved.rate)
            return {"clock_seconds": clock.now(), "clock_rate": clock.rate}

        response = await self._obeyed(request, move)
        if response.status_code == HTTPStatus.OK:
            with self.at_work():
                await self._engine.works.all_catch_up(self._engine.shelf.at_work())
        return response

    async def _reset(self, request: Request) -> Response:
        def forget(_: object) -> object:
            self._engine.reset()
            return {}

        return await self._obeyed(request, forget)

    async def _obeyed(self, request: Request, order: Callable[[Any], object]) -> Response:
        with self.at_work():
            try:
                return _json(order(loads(await request.body())))
            except (AttributeError, TypeError, ValueError) as error:
                return _json({"error": str(error)}, status=400)


def _json(value: object, status: int = 200) -> Response:
    return Response(dumps(value), status, media_type="application/json")
