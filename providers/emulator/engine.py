"""One call from arrival to delivery, whichever vendor's format it speaks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeGuard

from providers.emulator.clock import Clock
from providers.emulator.home import Home
from providers.emulator.jsons import dumps
from providers.emulator.ledger import Charge, Ledger
from providers.emulator.limits import Gate, Limit
from providers.emulator.memory import Memory
from providers.emulator.model import answer
from providers.emulator.replies import Unsatisfied
from providers.emulator.script import Do, Rule
from providers.emulator.shelf import Shelf
from providers.emulator.vendors import BadRequest, Sent, Standing, Trouble, Vendor
from providers.emulator.works import Works

__all__ = ["KEY", "STRANGER", "Call", "Cut", "Delivery", "Engine", "Response", "Silence", "is_ours"]

KEY = "emulated"
"""The only key there is, alone or with a suffix (`emulated-b`) for a bill of its own."""
STRANGER = f"The only key here is {KEY!r}: real ones do not belong here."


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that arrives."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks: before a single byte, or after a part of the body."""

    response: Response | None = None
    body_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing comes, and nothing ends."""


Delivery = Response | Cut | Silence


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came in."""

    vendor: Vendor
    endpoint: str
    """Method and path."""
    sent: Sent
    ident: str


class Engine:
    """Holds an emulator's memory and ledger, and serves calls."""

    def __init__(
        self,
        home: Home,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        home.make()
        self.home = home
        self.memory = Memory(home.memory)
        self._ledger = Ledger(home.ledger)
        self._clock = clock
        pace = self.memory.pace()
        self.batch_clock = Clock(lambda: clock().timestamp(), pace, self.memory.keep_pace)
        self.shelf = Shelf(home)
        self.works = Works(self.shelf, self.memory, self._ledger, self.batch_clock)
        self._sleep = sleep
        self._gate = Gate(self.memory.limits, clock())

    async def serve(self, call: Call) -> Delivery:
        """Serve one call. What it costs is in the ledger before this waits for anything."""
        now = self._clock()
        key = call.vendor.key(call.sent.headers)
        if not is_ours(key):
            return self._refused(call, replace(call.vendor.BAD_KEY, message=STRANGER), now)
        body = call.sent.body
        request = sha256(body).digest()
        fault = self.memory.script.fault(call.endpoint, body, request, self.memory.matched)
        delivery = self._delivery(call, key, request, fault, now)
        wait = self.memory.latency_seconds + (fault.seconds if fault else 0)
        if wait:
            await self._sleep(wait)
        return delivery

    @property
    def charged_calls(self) -> int:
        return self._ledger.calls

    def limit(self, limits: tuple[Limit, ...]) -> None:
        """Hold callers to these limits from now on."""
        self.memory.limits = limits
        self._gate = Gate(limits, self._clock())

    def reset(self) -> None:
        """Forget everything."""
        self.works.stop()
        self.shelf.clear()
        self.memory.clear()
        self.batch_clock.reset()
        self.limit(())
        self._ledger.clear()

    def close(self) -> None:
        self.works.close()
        self.shelf.close()
        self.memory.close()
        self._ledger.close()

    def _delivery(
        self, call: Call, key: str, request: bytes, fault: Rule | None, now: datetime
    ) -> Delivery:
        if fault is not None and fault.do is Do.RESET_BEFORE:
            return Cut()
        if fault is not None and fault.do is Do.STATUS:
            return self._scripted(call, fault, now)
        try:
            asked = call.vendor.read(call.sent)
            said = answer(asked, request, rehearsed=self.memory.rehearsed(request), fault=fault)
        except BadRequest as error:
            return self._refused(call, error.trouble, now)
        except Unsatisfied as error:
            return self._refused(call, replace(call.vendor.BAD_SCHEMA, message=str(error)), now)
        passage = self._gate.admit(call.endpoint, asked.model, said.usage.total, now)
        if passage.trouble is not None:
            return _refused(call, passage.trouble, passage.standing, now)
        self._ledger.charge(Charge(key, call.endpoint, asked.model, request.hex(), said.usage, now))
        written = call.vendor.written(asked, said, ident=call.ident, at=int(now.timestamp()))
        return _spoilt(Response(200, _headers(call, passage.standing, now), dumps(written)), fault)

    def _scripted(self, call: Call, fault: Rule, now: datetime) -> Response:
        trouble = Trouble(
            fault.status or 500,
            "The emulator's script says so.",
            code=fault.code,
            retry_after=fault.retry_after,
        )
        response = self._refused(call, trouble, now)
        headers = {**response.headers, **fault.headers}
        if fault.body is None:
            return replace(response, headers=headers)
        body = fault.body.encode() if isinstance(fault.body, str) else dumps(fault.body)
        return replace(response, headers=headers, body=body)

    def _refused(self, call: Call, trouble: Trouble, now: datetime) -> Response:
        return _refused(call, trouble, self._gate.untold, now)


def is_ours(key: str | None) -> TypeGuard[str]:
    return key is not None and (key == KEY or key.startswith(f"{KEY}-"))


def _refused(call: Call, trouble: Trouble, standing: Standing | None, now: datetime) -> Response:
    """Return an error in the vendor's own form."""
    headers = _headers(call, standing, now)
    if trouble.retry_after is not None:
        headers = {**headers, **call.vendor.patience(trouble.retry_after)}
    body = dumps(call.vendor.error(trouble, ident=call.ident))
    return Response(trouble.status, headers, body)


def _headers(call: Call, standing: Standing | None, now: datetime) -> Mapping[str, str]:
    return {**call.vendor.headers(call.ident), **call.vendor.rates(standing, now)}


def _spoilt(response: Response, fault: Rule | None) -> Delivery:
    """Return what a fault of the network leaves of a response."""
    match fault.do if fault else None:
        case Do.RESET_AFTER:
            return Cut()
        case Do.CUT if fault:
            return Cut(response, fault.body_bytes)
        case Do.STALL:
            return Silence()
        case Do.MALFORMED:
            return replace(response, body=response.body[: len(response.body) // 2])
        case _:
            return response
