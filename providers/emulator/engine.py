"""One call from arrival to delivery, whichever vendor's format it speaks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from providers.emulator.home import Home
from providers.emulator.jsons import dumps
from providers.emulator.ledger import Charge, Ledger
from providers.emulator.memory import Memory
from providers.emulator.model import answer
from providers.emulator.replies import Unsatisfied
from providers.emulator.script import Do, Rule
from providers.emulator.vendors import BadRequest, Vendor

__all__ = ["KEY", "Call", "Cut", "Delivery", "Engine", "Response", "Silence"]

KEY = "emulated"
"""The only key there is, alone or with a suffix (`emulated-b`) for a bill of its own."""


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
    key: str | None
    body: bytes
    ident: str

    def refused(self, status: int, message: str, **details: str | None) -> Response:
        """Return an error in the vendor's own form."""
        return self.answered(status, self.vendor.error(status, message, **details))

    def answered(self, status: int, body: object) -> Response:
        content = body.encode() if isinstance(body, str) else dumps(body)
        return Response(status, self.vendor.headers(self.ident), content)


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
        self._sleep = sleep

    async def serve(self, call: Call) -> Delivery:
        """Serve one call. What it costs is in the ledger before this waits for anything."""
        if not _is_ours(call.key):
            return call.refused(401, f"The only key here is {KEY!r}: real ones do not belong here.")
        request = sha256(call.body).digest()
        fault = self.memory.script.fault(call.endpoint, call.body, request, self.memory.matched)
        delivery = self._delivery(call, request, fault)
        wait = self.memory.latency_seconds + (fault.seconds if fault else 0)
        if wait:
            await self._sleep(wait)
        return delivery

    @property
    def charged_calls(self) -> int:
        return self._ledger.calls

    def reset(self) -> None:
        """Forget everything."""
        self.memory.clear()
        self._ledger.clear()

    def close(self) -> None:
        self.memory.close()
        self._ledger.close()

    def _delivery(self, call: Call, request: bytes, fault: Rule | None) -> Delivery:
        if fault is not None and fault.do is Do.RESET_BEFORE:
            return Cut()
        if fault is not None and fault.do is Do.STATUS:
            return _scripted(call, fault)
        try:
            asked = call.vendor.read(call.body)
            said = answer(asked, request, rehearsed=self.memory.rehearsed(request), fault=fault)
        except BadRequest as error:
            return call.refused(400, str(error), code=error.code, param=error.param)
        except Unsatisfied as error:
            return call.refused(400, str(error), code="invalid_json_schema")
        now = self._clock()
        self._ledger.charge(
            Charge(call.key or "", call.endpoint, asked.model, request.hex(), said.usage, now)
        )
        written = call.vendor.written(asked, said, ident=call.ident, at=int(now.timestamp()))
        response = call.answered(200, written)
        return _spoilt(response, fault)


def _is_ours(key: str | None) -> bool:
    return key is not None and (key == KEY or key.startswith(f"{KEY}-"))


def _scripted(call: Call, fault: Rule) -> Response:
    status = fault.status or 500
    if fault.body is None:
        plain = call.refused(status, "The emulator's script says so.", code=fault.code)
    else:
        plain = call.answered(status, fault.body)
    return replace(plain, headers={**plain.headers, **fault.headers})


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
