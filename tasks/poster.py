"""An asker that answers nobody: it puts questions into parcels, to travel in a batch."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from pipelines import PreparedStep, TemplateError
from providers.connect import wire
from runs import Attempt
from tasks.ask import Computed, Rehearse, request_of
from tasks.choose import Choice
from tasks.meter import Meter
from tasks.parcels import Pool, Takes
from tasks.policy import FailureClass
from tasks.work import Asking, Due

__all__ = ["MOST_JOURNEYS", "Poster", "journeys"]

MOST_JOURNEYS = 6
"""How often a question may come back unanswered (expired, lost, failed at its provider)."""


@dataclass(frozen=True, slots=True)
class Poster:
    """Puts the questions of one chunk into parcels; each stays open until its batch is over."""

    chunk: str
    step: PreparedStep
    choice: Choice
    meter: Meter
    pool: Pool
    rehearse: Rehearse | None
    computed: Computed
    journeys: Counter[tuple[str, int]]
    """How often the asking of a unit has come back unanswered so far."""

    async def __call__(self, asking: Asking) -> Attempt | None:
        unit_id = asking.unit["unit_id"]
        if self.journeys[unit_id, asking.attempt] >= MOST_JOURNEYS:
            message = f"it came back unanswered {MOST_JOURNEYS} times"
            return self._failed(asking, FailureClass.TRANSPORT, message)
        try:
            prompt = self.step.prompt(
                asking.unit, asking.exchanges, computed=self.computed.get(unit_id, {})
            )
        except TemplateError as error:
            return self._failed(asking, FailureClass.TEMPLATE, str(error))
        request = request_of(self.step, self.choice, unit_id, prompt, doublings=asking.doublings)
        sent = wire(self.choice.provider, request)
        if self.rehearse is not None:
            await self.rehearse(asking, self.computed.get(unit_id, {}), prompt, sent)
        takes = Takes(
            tokens=self.meter.prompt_tokens(len(sent)),
            most_usd=self.meter.most_usd(len(sent), request.max_tokens or self.choice.max_output),
        )
        self.pool.add(self.chunk, asking, sent, takes)
        return None

    def _failed(self, asking: Asking, failure: FailureClass, message: str) -> Attempt:
        return Attempt(
            unit_id=asking.unit["unit_id"],
            round=asking.round,
            attempt=asking.attempt,
            lane="batch",
            provider=self.choice.provider,
            model=self.choice.model,
            at=datetime.now(UTC),
            seconds=0.0,
            error={"class": failure.value, "status": None, "message": message},
        )


def journeys(due: Iterable[Due]) -> Counter[tuple[str, int]]:
    """Count how often each asking has come back unanswered."""
    return Counter((call.unit_id, call.attempt) for unit in due for call in unit.lost)
