"""The engine: take units through one step, whoever answers and wherever the outcomes go."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeAlias

from pipelines import Error, Passed, Previous, Unit
from runs import Attempt
from tasks.policy import Again, FailureClass, treatment

__all__ = ["Asker", "Asking", "Failed", "History", "Invalid", "Judge", "Open", "Outcome", "Sink"]
__all__ += ["StepAtWork", "Valid", "advance"]

History: TypeAlias = Mapping[str, Sequence[Attempt]]
"""What each unit has been answered at this step so far, oldest first."""


@dataclass(frozen=True, slots=True)
class Asking:
    """One question that is due: a unit, for the n-th time."""

    unit: Unit
    attempt: int
    previous: Previous | None
    """What to tell the model about its last reply; None to ask afresh."""
    doublings: int
    """How often an answer was cut off: each doubles max_tokens."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What is wrong with one attempt."""

    failure: FailureClass
    errors: tuple[Error, ...]
    reply: str | None
    """The model's text, if there was any."""


@dataclass(frozen=True, slots=True)
class Valid:
    """A unit that passed, with the reply's fields merged in."""

    unit: Unit
    attempts: Sequence[Attempt]


@dataclass(frozen=True, slots=True)
class Invalid:
    """A unit that did not pass and will not be asked again, and its record for people."""

    record: Mapping[str, Any]
    failure: FailureClass
    attempts: Sequence[Attempt]


@dataclass(frozen=True, slots=True)
class Open:
    """A unit whose next answer is still to come."""

    asking: Asking
    attempts: Sequence[Attempt]


Outcome: TypeAlias = Valid | Invalid | Open


class Asker(Protocol):
    """Answers questions: a live model, a batch, a memory."""

    async def __call__(self, asking: Asking) -> Attempt | None:
        """Return the answer, or None when none is to be had now: the unit stays open."""
        ...


class Judge(Protocol):
    """Says what an attempt is worth."""

    async def __call__(self, unit: Unit, attempt: Attempt) -> Passed | Failed: ...


class Sink(Protocol):
    """Where answers and outcomes go: files, standard output, memory."""

    def keep(self, attempt: Attempt) -> None:
        """Take an answer the moment it is there."""
        ...

    def done(self, outcome: Outcome) -> None:
        """Take a unit's outcome at this step."""
        ...


@dataclass(frozen=True, slots=True)
class StepAtWork:
    """What the engine needs to know of a step."""

    name: str
    max_retries: int
    judge: Judge


async def advance(
    units: Iterable[Unit],
    step: StepAtWork,
    asker: Asker,
    sink: Sink,
    *,
    history: History | None = None,
) -> list[Outcome]:
    """Take each unit to its outcome at `step`; outcomes are in the order of `units`.

    Answers in `history` are judged again instead of asked for, so that going on with a run is
    the same path as running it.

    Raises:
        Exception: whatever the asker raised first, after all other units came to rest: no answer
            that is already paid for is thrown away.
    """
    past = history or {}
    outcomes = await asyncio.gather(
        *(_carry(unit, past.get(unit["unit_id"], ()), step, asker, sink) for unit in units),
        return_exceptions=True,
    )
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]


async def _carry(
    unit: Unit, past: Sequence[Attempt], step: StepAtWork, asker: Asker, sink: Sink
) -> Outcome:
    attempts: list[Attempt] = []
    asking = Asking(unit, attempt=1, previous=None, doublings=0)
    while True:
        if len(attempts) < len(past):
            attempt = past[len(attempts)]
        elif (attempt := await asker(asking)) is not None:
            sink.keep(attempt)
        else:
            outcome = Open(asking, attempts)
            break
        attempts.append(attempt)
        verdict = await step.judge(unit, attempt)
        if isinstance(verdict, Passed):
            outcome = Valid({**unit, **verdict.fields}, attempts)
            break
        follows = treatment(verdict.failure, len(attempts), max_retries=step.max_retries)
        if not isinstance(follows, Again):
            outcome = Invalid(
                _record(step, unit, verdict, len(attempts)), verdict.failure, attempts
            )
            break
        asking = Asking(
            unit,
            attempt=len(attempts) + 1,
            previous=Previous(len(attempts), verdict.reply or "", verdict.errors)
            if follows.feedback
            else None,
            doublings=asking.doublings + follows.more_tokens,
        )
    sink.done(outcome)
    return outcome


def _record(step: StepAtWork, unit: Unit, failed: Failed, attempt: int) -> dict[str, Any]:
    return {
        "unit_id": unit["unit_id"],
        "step": step.name,
        "failure_stage": failed.failure.value,
        "errors": [asdict(error) for error in failed.errors],
        "attempt": attempt,
        "raw_response": failed.reply,
        "input": unit,
    }
