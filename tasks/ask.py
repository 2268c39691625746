"""Ask a live model: render, word it for the vendor, wait for a turn, keep the bill."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

from pipelines import PreparedStep, Prompt, TemplateError
from providers.connect import codec, wire
from providers.errors import (
    Misconfigured,
    ProviderError,
    RequestRejected,
    Retryable,
    UnknownOutcome,
    Unreachable,
)
from providers.limit import Limiter
from providers.neutral import Request, Usage
from providers.preflight import answers
from providers.protocol import Answer, Provider
from runs import Attempt
from runs.attempts import LOST
from tasks.brake import Brake, Stopped
from tasks.choose import Choice
from tasks.errors import CapReached
from tasks.meter import Meter
from tasks.policy import FailureClass
from tasks.purse import Purse
from tasks.shared import Rates, SharedRate, requests, tokens
from tasks.work import Asking, Sink

__all__ = ["Computed", "LiveAsker", "Rehearse", "Trace", "request_of"]

Computed = Mapping[str, Mapping[str, Any]]
"""What the pipeline's expressions make of each unit, by its id; for templates only."""
Rehearse = Callable[[Asking, Mapping[str, Any], Prompt, bytes], Awaitable[None]]
"""Hands the emulator the reply that a pipeline rehearses for a request."""


class Trace(Protocol):
    """Takes one line per request for TRACE_LOG.txt: never a key, never a prompt."""

    def __call__(
        self,
        *,
        provider: str,
        model: str,
        unit: str,
        attempt: int,
        seconds: float,
        status: str,
        tokens_in: int | None = None,
        tokens_out: int | None = None,
    ) -> None: ...


@dataclass(slots=True)
class LiveAsker:
    """Asks the chosen model of one step, for the units of one chunk.

    The first outage ends its asking: what waits for a turn is not sent any more, and stays open.
    """

    step: PreparedStep
    choice: Choice
    provider: Provider
    limiter: Limiter
    meter: Meter
    purse: Purse
    sink: Sink
    trace: Trace
    brake: Brake
    rehearse: Rehearse | None = None
    computed: Computed = field(default_factory=dict[str, Mapping[str, Any]])
    rates: Rates = field(default_factory=dict[str, SharedRate])
    """Those that are shared with other machines."""
    once: bool = False
    """Whether a unit is asked once at most; what is to be asked again stays open."""
    unreachable: bool = False

    async def __call__(self, asking: Asking) -> Attempt | None:
        """Return the answer, or None when the run stops first.

        Raises:
            Misconfigured: key, permission, quota or model: asking on is pointless.
            CapReached: the run may not spend what the call might cost.
            Unreachable: the limiter has tried long enough, and nothing else is answered either.
        """
        if self.brake.pulled or (self.once and asking.attempt > 1):
            return None
        try:
            call = self._call(asking)
        except TemplateError as error:
            return self._attempt(asking, error=_fault(FailureClass.TEMPLATE, str(error)))
        try:
            with self.brake.asking():
                answer = await self._insist(call)
        except Stopped:
            return None
        except RequestRejected as error:
            fault = _fault(FailureClass.REJECTED, str(error), status=error.status)
            return self._attempt(asking, error=fault)
        except _Unanswerable as error:
            return self._attempt(asking, error=_fault(FailureClass.TRANSPORT, str(error)))
        except (Misconfigured, CapReached):
            self.brake.pull()  # nobody's question will be answered
            raise
        except Unreachable:
            self.unreachable = True
            raise
        return self._attempt(
            asking,
            seconds=answer.seconds,
            usage=call.usage.as_dict() if call.usage else None,
            cost_usd=call.cost_usd,
            raw=answer.raw,
        )

    def _call(self, asking: Asking) -> "_Call":
        prompt = self.step.prompt(asking.unit, asking.exchanges, computed=self._computed(asking))
        unit_id = asking.unit["unit_id"]
        request = request_of(self.step, self.choice, unit_id, prompt, doublings=asking.doublings)
        sent = wire(self.choice.provider, request)
        most = self.meter.most_usd(len(sent), request.max_tokens or self.choice.max_output)
        return _Call(asking, prompt, sent, request.max_tokens or 0, most)

    async def _insist(self, call: "_Call") -> Answer:
        """Ask as long as the limiter does; a request that alone gets no answer is at fault itself.

        Without this one poisonous prompt would pause its run for ever, as if there were an outage.
        """
        tokens = self.meter.expected_tokens(len(call.wire), call.max_tokens)
        try:
            return await self.limiter.call(lambda: self._send(call), tokens=tokens)
        except Unreachable as error:
            if error.outage or not await answers(self.provider, self.choice.model):
                raise
            try:
                # The provider may have come back this very moment: once more, so that no unit
                # fails for its sins.
                return await self._send(call)
            except (Retryable, UnknownOutcome) as again:
                raise _Unanswerable(f"{error}; others are answered") from again

    async def _send(self, call: "_Call") -> Answer:
        """Send one request once; each leaves a line in the trace, however it ends."""
        self.brake.check()  # it may have waited long for its turn
        if self.unreachable:
            raise Stopped
        if self.rehearse is not None:
            await self.rehearse(call.asking, self._computed(call.asking), call.prompt, call.wire)
        if self.rates:
            await self.brake.unless_pulled(self._permits(call))
        most_usd = call.most_usd or Decimal(0)
        await self.purse.reserve(most_usd)
        spent_usd = Decimal(0)
        began = time.perf_counter()
        try:
            self.brake.check()
            answer = await self.provider.ask(
                call.wire, model=self.choice.model, timeout_seconds=self.choice.timeout_seconds
            )
            spent_usd = self._billed(call, answer)
        except (UnknownOutcome, asyncio.CancelledError) as error:
            spent_usd = most_usd
            self._lost(call, error, time.perf_counter() - began)
            raise
        except ProviderError as error:
            status = getattr(error, "status", None) or type(error).__name__
            self._trace(call.asking, time.perf_counter() - began, status, None)
            raise
        finally:
            self.purse.settle(most_usd, spent_usd)
        return answer

    async def _permits(self, call: "_Call") -> None:
        """Wait until other machines leave room for the call."""
        who = self.choice.provider, self.choice.model
        if (rate := self.rates.get(requests(*who))) is not None:
            await rate.permit()
        if (rate := self.rates.get(tokens(*who))) is not None:
            await rate.permit(self.meter.expected_tokens(len(call.wire), call.max_tokens))

    def _billed(self, call: "_Call", answer: Answer) -> Decimal:
        """Read the bill off an answer; return what it takes from the purse."""
        call.usage = codec(self.choice.provider).from_wire(answer.body).usage
        self._trace(call.asking, answer.seconds, answer.status, call.usage)
        if call.usage is not None:
            self.meter.learn(len(call.wire), call.usage)
            call.cost_usd = self.choice.rate.cost(call.usage) if self.choice.rate else None
        # An answer that does not say what it took may have taken all that it could.
        return call.cost_usd if call.cost_usd is not None else call.most_usd or Decimal(0)

    def _lost(self, call: "_Call", error: BaseException, seconds: float) -> None:
        cut = isinstance(error, asyncio.CancelledError)
        self._trace(call.asking, seconds, "cut" if cut else type(error).__name__, None)
        fault = {"class": LOST, "status": None, "message": str(error) or "the run stopped"}
        self.sink.lose(
            self._attempt(call.asking, seconds=seconds, error=fault, possible_usd=call.most_usd)
        )

    def _computed(self, asking: Asking) -> Mapping[str, Any]:
        return self.computed.get(asking.unit["unit_id"], {})

    def _trace(
        self, asking: Asking, seconds: float, status: int | str, usage: Usage | None
    ) -> None:
        self.trace(
            provider=self.choice.provider,
            model=self.choice.model,
            unit=asking.unit["unit_id"],
            attempt=asking.attempt,
            seconds=seconds,
            status=str(status),
            tokens_in=usage.input if usage else None,
            tokens_out=usage.output if usage else None,
        )

    def _attempt(self, asking: Asking, *, seconds: float = 0.0, **came: Any) -> Attempt:
        return Attempt(
            unit_id=asking.unit["unit_id"],
            round=asking.round,
            attempt=asking.attempt,
            lane="realtime",
            provider=self.choice.provider,
            model=self.choice.model,
            at=datetime.now(UTC),
            seconds=round(seconds, 3),
            **came,
        )


class _Unanswerable(Exception):
    """Only this request is not answered."""


@dataclass(slots=True)
class _Call:
    """A question, worded for its vendor."""

    asking: Asking
    prompt: Prompt
    wire: bytes
    max_tokens: int
    most_usd: Decimal | None
    """The most that it can cost; None when the price is unknown."""
    usage: Usage | None = None
    cost_usd: Decimal | None = None


def request_of(
    prepared: PreparedStep, choice: Choice, unit_id: str, prompt: Prompt, *, doublings: int = 0
) -> Request:
    """Return what is asked, in words that no vendor knows yet."""
    step = prepared.step
    return Request(
        key=unit_id,
        model=choice.model,
        system=prompt.system,
        turns=prompt.turns,
        max_tokens=min(choice.max_tokens << doublings, choice.max_output),
        temperature=step.temperature,
        reasoning=step.reasoning,
        seed=step.seed,
        schema=prepared.schema,
        schema_name=step.name,
        timeout_seconds=choice.timeout_seconds,
    )


def _fault(failure: FailureClass, message: str, *, status: int | None = None) -> dict[str, Any]:
    return {"class": failure.value, "status": status, "message": message}
