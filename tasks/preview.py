"""What would be said to each model about one unit, step by step; nobody is asked."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

import pipelines
from pipelines import (
    Launch,
    Pipeline,
    PreparedStep,
    Prompt,
    Sandbox,
    Scope,
    Step,
    TemplateError,
    Unit,
)
from providers.connect import wire
from runs.jsonl import loads
from tasks.ask import request_of
from tasks.choose import choose, settle_choice
from tasks.compute import children, compute, fan_out, gate
from tasks.errors import NoProvider
from tasks.meter import USUAL_BYTES_PER_TOKEN
from tasks.rehearsal import Rehearsal, RehearsalJudge
from tasks.work import (
    Due,
    Invalid,
    Nowhere,
    Open,
    Outcome,
    Returned,
    Skipped,
    StepAtWork,
    Valid,
    advance,
)

__all__ = ["Shown", "Wording", "preview"]

_Fields: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wording:
    """A request as it would be sent."""

    provider: str
    model: str
    body: dict[str, Any]
    size_bytes: int

    @property
    def tokens(self) -> int:
        """Return about how many tokens it has."""
        return -(-self.size_bytes // USUAL_BYTES_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Shown:
    """One step, as it would be for one unit."""

    step: str
    scope: Scope
    unit_id: str
    prompt: Prompt | None = None
    """Of the first asking."""
    request: Wording | None = None
    note: str | None = None
    """How the fields came, or why they did not."""
    gained: _Fields = field(default_factory=dict[str, Any])
    """What the unit has after this step and had not before."""
    failed: bool = False
    """The unit does not pass; the note says why."""
    children: int = 1
    """What becomes of one unit at a fan-out."""


class _Look(NamedTuple):
    """A step, and the unit that goes on; None where its fields cannot be known."""

    shown: Shown
    unit: Unit | None


async def preview(pipeline: Pipeline, unit: Unit, launch: Launch) -> AsyncGenerator[Shown]:
    """Yield what each step would do with `unit`, until its fields cannot be known any more.

    Expressions are computed and verdicts given as in a run; in place of a model the rehearsal
    answers.

    Raises:
        UnknownProvider: `launch` or a step names one that there is not.
    """
    async with Sandbox() as sandbox:
        for step in pipeline.steps:
            shown, after = await _Previewed(pipeline, step, launch, sandbox).by(unit)
            yield shown
            if after is None:
                return
            unit = after


@dataclass(frozen=True, slots=True)
class _Previewed:
    """A step that is looked at."""

    pipeline: Pipeline
    step: Step
    launch: Launch
    sandbox: Sandbox

    async def by(self, unit: Unit) -> _Look:
        shown = Shown(self.step.name, self.step.scope, unit["unit_id"])
        if self.step.scope is Scope.RUN:
            note = f"a script over the whole run: {self.step.script}"
            return _Look(replace(shown, note=note), unit)
        prepared = pipelines.prepare(self.pipeline, self.step)
        work = self._work(prepared)
        gated = await gate([Due(unit)], prepared, work, self.sandbox)
        if gated.settled:
            return self._after(shown, unit, gated.settled[0])
        match self.step.scope:
            case Scope.EXPRESSION:
                [outcome] = await compute(gated.through, prepared, work, self.sandbox)
                return self._after(replace(shown, note="computed"), unit, outcome)
            case Scope.FAN_OUT:
                [outcome] = fan_out(gated.through, self.step, work)
                return self._fanned(shown, unit, outcome)
            case Scope.CHUNK:
                computed = gated.computed.get(unit["unit_id"], {})
                return await self._asked(shown, unit, prepared, computed)

    async def _asked(
        self, shown: Shown, unit: Unit, prepared: PreparedStep, computed: _Fields
    ) -> _Look:
        try:
            prompt = prepared.prompt(unit, computed=computed)
        except TemplateError as error:
            return _Look(replace(shown, note=str(error), failed=True), None)
        shown = self._worded(replace(shown, prompt=prompt), prepared)
        asker = Rehearsal(self.pipeline, prepared, computed)
        try:
            [outcome] = await advance([Due(unit)], self._work(prepared), asker, Nowhere())
        except TemplateError as error:
            note = f"the rehearsal cannot be rendered: {error}"
            return _Look(replace(shown, note=note, failed=True), None)
        return self._after(shown, unit, outcome)

    def _worded(self, shown: Shown, prepared: PreparedStep) -> Shown:
        """Return `shown` with its request, unless nobody says who is to be asked."""
        assert shown.prompt is not None
        try:
            asked = choose(self.pipeline, self.step, self.launch)
        except NoProvider:
            return shown
        now = datetime.now(UTC)
        choice = settle_choice(self.pipeline, self.step, asked, base_url=None, at=now)
        body = wire(choice.provider, request_of(prepared, choice, shown.unit_id, shown.prompt))
        return replace(shown, request=Wording(*asked, loads(body), len(body)))

    def _after(self, shown: Shown, unit: Unit, outcome: Outcome) -> _Look:
        match outcome:
            case Valid(unit=after, attempts=attempts):
                gained = {k: v for k, v in after.items() if k not in unit or unit[k] != v}
                note = shown.note or _rehearsed(len(attempts))
                return _Look(replace(shown, gained=gained, note=note), after)
            case Skipped():
                note = f"skipped: `when` is false for this unit: {self.step.when}"
                return _Look(replace(shown, note=note), unit)
            case Invalid(record=record):
                said = "; ".join(error["message"] for error in record["errors"])
                note = f"it does not pass ({record['failure_stage']}): {said}"
                return _Look(replace(shown, note=note, failed=True), None)
            case Open():
                note = (
                    f"what a model replies is not known: rehearsal/{self.step.name}.jinja2 "
                    "would stand in for it"
                )
                return _Look(replace(shown, note=note), None)
            case Returned():
                raise AssertionError("a preview sends nothing back")

    def _fanned(self, shown: Shown, unit: Unit, outcome: Outcome) -> _Look:
        if not isinstance(outcome, Valid):
            return self._after(shown, unit, outcome)
        first, *others = [*children([outcome], self.step)] or [None]
        if first is None:
            note = "the list is empty: it has no children"
            return _Look(replace(shown, note=note, children=0), None)
        note = f"{1 + len(others):,} children; the first of them is {first['unit_id']}"
        shown = replace(shown, note=note, children=1 + len(others))
        return self._after(shown, unit, Valid(first))

    def _work(self, prepared: PreparedStep) -> StepAtWork:
        asks = self.step.scope is Scope.CHUNK
        return StepAtWork(
            name=self.step.name,
            max_retries=self.pipeline.max_retries if asks else 0,
            max_returns=0 if self.step.retry_step else None,
            judge=RehearsalJudge(prepared, self.sandbox),
            merged=prepared.merged,
        )


def _rehearsed(askings: int) -> str:
    return "rehearsed" if askings == 1 else f"rehearsed, good at asking {askings}"
