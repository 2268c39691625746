"""What a run will cost, told before it is paid for: from a few units, worded as they would be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from statistics import fmean

from pipelines import Launch, Pipeline, Step, Unit
from providers.neutral import Usage
from providers.prices import Rate
from runs import total_usd
from runs.jsonl import dumps
from tasks.choose import Choice, choose, settle_choice
from tasks.meter import USUAL_BYTES_PER_TOKEN, USUAL_REPLY_TOKENS
from tasks.preview import Shown, preview

__all__ = ["SAMPLE", "Estimate", "StepEstimate", "estimate"]

SAMPLE = 5
"""Units that are looked at."""


@dataclass(frozen=True, slots=True)
class StepEstimate:
    """What asking at one step will take; each unit once, without asking again."""

    step: str
    provider: str
    model: str
    requests: int
    input_tokens: int
    """Of one request."""
    output_tokens: int
    """Of one reply, as a rule."""
    max_tokens: int
    rate: Rate | None
    guessed: bool
    """Its prompts or replies depend on replies that nobody knows yet: they are assumed."""

    @property
    def about_usd(self) -> Decimal | None:
        """Return what it will cost as a rule; None when the price is unknown."""
        return self._cost(self.output_tokens)

    @property
    def most_usd(self) -> Decimal | None:
        """Return what it costs when every reply is as long as it may be."""
        return self._cost(self.max_tokens)

    def _cost(self, output_tokens: int) -> Decimal | None:
        if self.rate is None:
            return None
        usage = Usage(self.input_tokens, 0, 0, output_tokens, 0)
        return self.rate.cost(usage) * self.requests


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take, step by step."""

    units: int
    steps: tuple[StepEstimate, ...]

    @property
    def requests(self) -> int:
        return sum(step.requests for step in self.steps)

    @property
    def about_usd(self) -> Decimal | None:
        """Return what the run will cost as a rule; None when a price is unknown."""
        return total_usd(step.about_usd for step in self.steps)

    @property
    def most_usd(self) -> Decimal | None:
        """Return what it costs when every reply is as long as it may be."""
        return total_usd(step.most_usd for step in self.steps)


async def estimate(
    pipeline: Pipeline, launch: Launch, sample: Sequence[Unit], *, units: int
) -> Estimate:
    """Return what `units` units will take, by what a few of them would be asked.

    Replies that a pipeline rehearses stand in for those of a model; where there are none, what
    comes later is assumed to be of the size of what came before.
    """
    seen = [
        {shown.step: shown async for shown in preview(pipeline, unit, launch)} for unit in sample
    ]
    steps: list[StepEstimate] = []
    each = 1.0  # a fan-out makes more of a unit
    for step in pipeline.unit_steps:
        looks = [looked[step.name] for looked in seen if step.name in looked]
        if step in pipeline.asking:
            choice = _choice(pipeline, step, launch)
            one = _step(step, choice, looks, round(units * each), steps)
            steps.append(replace(one, rate=choice.rate_in(launch.mode)))
        each *= fmean([look.children for look in looks] or [1])
    return Estimate(units, tuple(steps))


def _choice(pipeline: Pipeline, step: Step, launch: Launch) -> Choice:
    asked = choose(pipeline, step, launch)
    return settle_choice(pipeline, step, asked, base_url=None, at=datetime.now(UTC))


def _step(
    step: Step,
    choice: Choice,
    looks: Sequence[Shown],
    units: int,
    before: Sequence[StepEstimate],
) -> StepEstimate:
    sizes = [look.request.tokens for look in looks if look.request]
    replies = [
        len(dumps(look.gained)) // USUAL_BYTES_PER_TOKEN
        for look in looks
        if look.request and look.gained
    ]
    # Those that the step is not for are seen without a request.
    share = len(sizes) / len(looks) if looks and (sizes or step.when) else 1.0
    assumed = [one.input_tokens for one in before] or [USUAL_REPLY_TOKENS]
    return StepEstimate(
        step=step.name,
        provider=choice.provider,
        model=choice.model,
        requests=round(units * share),
        input_tokens=round(fmean(sizes or assumed)),
        output_tokens=round(fmean(replies or [min(USUAL_REPLY_TOKENS, choice.max_tokens)])),
        max_tokens=choice.max_tokens,
        rate=choice.rate,
        guessed=not (sizes and replies),
    )
