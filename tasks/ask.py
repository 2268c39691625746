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
from providers.errors import Misconfigured, ProviderError, RequestRejected, Unreachable
from providers.limit import Limiter
from providers.neutral import Request, Usage
from providers.protocol import Answer, Provider
from runs import Attempt
from tasks.brake import Brake, Stopped
from tasks.choose import Choice
from tasks.policy import FailureClass
from tasks.work import Asking

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
    trace: Trace
    brake: Brake
    rehearse: Rehearse | None = None
    computed: Computed = field(default_factory=dict[str, Mapping[str, Any]])
    unreachable: bool = False

    async def __call__(self, asking: Asking) -> Attempt | None:
        """Return the answer, or None when the run stops first.

        Raises:
            Misconfigured: key, permission, quota or model: asking on is pointless.
            Unreachable: the limiter has tried long enough.
        """
        if self.brake.pulled:
            return None
        try:
            prompt = self.step.prompt(
                asking.unit, asking.exchanges, computed=self._computed(asking)
            )
        except TemplateError as error:
            return self._attempt(asking, error=_fault(FailureClass.TEMPLATE, str(error)))
        try:
            with self.brake.asking():
                answer = await self.limiter.call(lambda: self._send(asking, prompt))
        except Stopped:
            return None
        except RequestRejected as error:
            fault = _fault(FailureClass.REJECTED, str(error), status=error.status)
            return self._attempt(asking, error=fault)
        except Misconfigured:
            self.brake.pull()  # nobody's question will be answered
            raise
        except Unreachable:
            self.unreachable = True
            raise
        return self._answered(asking, answer)

    async def _send(self, asking: Asking, prompt: Prompt) -> Answer:
        """Send one request once; each leaves a line in the trace, however it ends."""
        self.brake.check()  # it may have waited long for its turn
        if self.unreachable:
            raise Stopped
        unit_id = asking.unit["unit_id"]
        request = request_of(self.step, self.choice, unit_id, prompt, doublings=asking.doublings)
        sent = wire(self.choice.provider, request)
        if self.rehearse is not None:
            await self.rehearse(asking, self._computed(asking), prompt, sent)
        began = time.perf_counter()
        try:
            return await self.provider.ask(sent, timeout_seconds=self.choice.timeout_seconds)
        except asyncio.CancelledError:
            self._trace(asking, time.perf_counter() - began, "cut", None)
            raise
        except ProviderError as error:
            status = getattr(error, "status", None) or type(error).__name__
            self._trace(asking, time.perf_counter() - began, status, None)
            raise

    def _computed(self, asking: Asking) -> Mapping[str, Any]:
        return self.computed.get(asking.unit["unit_id"], {})

    def _answered(self, asking: Asking, answer: Answer) -> Attempt:
        usage = codec(self.choice.provider).from_wire(answer.body).usage
        self._trace(asking, answer.seconds, answer.status, usage)
        rate = self.choice.rate
        return self._attempt(
            asking,
            seconds=answer.seconds,
            usage=usage.as_dict() if usage else None,
            cost_usd=rate.cost(usage) if rate and usage else None,
            raw=answer.raw,
        )

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

    def _attempt(
        self,
        asking: Asking,
        *,
        seconds: float = 0.0,
        usage: dict[str, int] | None = None,
        cost_usd: Decimal | None = None,
        raw: bytes | None = None,
        error: dict[str, Any] | None = None,
    ) -> Attempt:
        return Attempt(
            unit_id=asking.unit["unit_id"],
            round=asking.round,
            attempt=asking.attempt,
            lane="realtime",
            provider=self.choice.provider,
            model=self.choice.model,
            at=datetime.now(UTC),
            seconds=round(seconds, 3),
            usage=usage,
            cost_usd=cost_usd,
            raw=raw,
            error=error,
        )


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
