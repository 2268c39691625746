"""Say what an attempt is worth: the vendor's body to a reply, replies to verdicts together."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines import Error, Passed, PreparedStep, Rejected, Sandbox, Unit, judge
from providers.answers import parse
from providers.connect import codec
from providers.neutral import Reply, Stop
from runs import Attempt
from tasks.policy import FailureClass
from tasks.work import Failed

__all__ = ["MicroBatchJudge", "reply_of"]

GATHER_SECONDS = 0.025
"""How long a verdict may wait for company: one call into the sandbox then judges many."""
MOST = 200


@dataclass(eq=False)
class _Batch:
    """Replies on their way into the sandbox together."""

    asked: list[tuple[Unit, str]] = field(default_factory=list)
    full: asyncio.Event = field(default_factory=asyncio.Event)
    verdicts: asyncio.Task[list[Passed | Rejected]] | None = None


@dataclass
class MicroBatchJudge:
    """Judges what arrives within a moment together; shared by all chunks of a step."""

    step: PreparedStep
    sandbox: Sandbox
    _open: _Batch | None = None

    async def __call__(self, asked: Sequence[tuple[Unit, Attempt]]) -> list[Passed | Failed]:
        """Return the verdict on each attempt; what is wrong with the data is a `Failed`."""
        read = [_read(attempt) for _, attempt in asked]
        said = [
            (unit, reply.text)
            for (unit, _), reply in zip(asked, read, strict=True)
            if isinstance(reply, Reply)
        ]
        verdicts = iter(await self._verdicts(said))
        return [
            reply if isinstance(reply, Failed) else _worth(reply, next(verdicts)) for reply in read
        ]

    async def _verdicts(self, said: Sequence[tuple[Unit, str]]) -> list[Passed | Rejected]:
        """Return the verdicts on replies; one that comes alone waits for company."""
        if len(said) == 1:
            return [await self._together(*said[0])]
        parts = (said[first : first + MOST] for first in range(0, len(said), MOST))
        return [verdict for part in parts for verdict in await judge(self.step, part, self.sandbox)]

    async def _together(self, unit: Unit, text: str) -> Passed | Rejected:
        batch = self._open
        if batch is None:
            batch = self._open = _Batch()
            batch.verdicts = asyncio.create_task(self._judge(batch))
        place = len(batch.asked)
        batch.asked.append((unit, text))
        if len(batch.asked) == MOST:
            self._open = None
            batch.full.set()
        assert batch.verdicts is not None
        # One waiter that is cancelled must not take the verdict from the others.
        return (await asyncio.shield(batch.verdicts))[place]

    async def _judge(self, batch: _Batch) -> list[Passed | Rejected]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                await batch.full.wait()
        if self._open is batch:
            self._open = None
        return await judge(self.step, batch.asked, self.sandbox)


def reply_of(attempt: Attempt) -> Reply:
    """Read the model's answer out of the vendor's body, which is kept as it came."""
    return codec(attempt.provider).from_wire(parse(attempt.raw or b"") or {})


def _read(attempt: Attempt) -> Reply | Failed:
    """Return what a model has said to the end, or why there is no such thing."""
    if attempt.error is not None:
        failure = FailureClass(attempt.error["class"])
        return _failed(failure, failure.value, str(attempt.error["message"]), None)
    reply = reply_of(attempt)
    match reply.stop:
        case Stop.TRUNCATED:
            return _failed(
                FailureClass.TRUNCATED, "max_tokens", "the reply was cut off", reply.text
            )
        case Stop.REFUSED | Stop.BLOCKED:
            message = reply.text or f"the model's answer was {reply.stop.value}"
            return _failed(FailureClass.REFUSED, reply.stop.value, message, reply.text)
        case Stop.DONE:
            return reply


def _worth(reply: Reply, verdict: Passed | Rejected) -> Passed | Failed:
    if isinstance(verdict, Passed):
        return verdict
    return Failed(FailureClass(verdict.stage.value), verdict.errors, reply.text)


def _failed(failure: FailureClass, rule: str, message: str, reply: str | None) -> Failed:
    return Failed(failure, (Error(path="$", rule=rule, message=message),), reply)
