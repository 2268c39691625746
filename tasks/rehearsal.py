"""A rehearsal in this process: an asker that answers as the pipeline rehearses, and its judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pipelines
from pipelines import Passed, Pipeline, PreparedStep, Sandbox, Unit
from runs import Attempt
from tasks.policy import FailureClass
from tasks.work import Asking, Failed

__all__ = ["Rehearsal", "RehearsalJudge"]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Answers as the pipeline rehearses."""

    pipeline: Pipeline
    prepared: PreparedStep
    computed: Mapping[str, Any]

    async def __call__(self, asking: Asking) -> Attempt | None:
        reply = pipelines.rehearse(
            self.pipeline,
            self.prepared.step,
            asking.unit,
            prompt=self.prepared.prompt(asking.unit, asking.exchanges, computed=self.computed),
            attempt=asking.attempt,
            round_number=asking.round,
            computed=self.computed,
        )
        if reply is None:
            return None
        return Attempt(
            unit_id=asking.unit["unit_id"],
            round=asking.round,
            attempt=asking.attempt,
            lane="rehearsal",
            provider="rehearsal",
            model="rehearsal",
            at=datetime.now(UTC),
            seconds=0.0,
            raw=reply.encode(errors="surrogatepass"),
        )


@dataclass(frozen=True, slots=True)
class RehearsalJudge:
    """Judges a rehearsed reply, which no vendor has wrapped up."""

    prepared: PreparedStep
    sandbox: Sandbox

    async def __call__(self, asked: Sequence[tuple[Unit, Attempt]]) -> list[Passed | Failed]:
        replies = [(attempt.raw or b"").decode(errors="surrogatepass") for _, attempt in asked]
        said = [(unit, reply) for (unit, _), reply in zip(asked, replies, strict=True)]
        verdicts = await pipelines.judge(self.prepared, said, self.sandbox)
        return [
            verdict
            if isinstance(verdict, Passed)
            else Failed(FailureClass(verdict.stage.value), verdict.errors, reply)
            for verdict, reply in zip(verdicts, replies, strict=True)
        ]
