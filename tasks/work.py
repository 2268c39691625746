"""The engine: take units through one step, whoever answers and wherever the outcomes go."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, TypeAlias

from pipelines import Error, Exchange, Passed, Unit
from runs import Attempt
from tasks.policy import Again, Back, FailureClass, treatment

__all__ = ["Asker", "Asking", "Due", "Failed", "Invalid", "Judge", "Nowhere", "Open", "Outcome"]
__all__ += ["Returned", "Sink", "Skipped", "StepAtWork", "Valid", "advance", "settled"]


@dataclass(frozen=True, slots=True)
class Due:
    """A unit that is due at a step, and what is known of its time there."""

    unit: Unit
    round: int = 1
    """1 until a later step sends the unit back."""
    history: Sequence[Attempt] = ()
    """What it has been answered in this round so far, oldest first."""
    lost: Sequence[Attempt] = ()
    """Calls for it in this round that were sent and never answered."""
    exchange: Exchange | None = None
    """Why a later step has sent it back here."""
    sent_back: int = 0
    """How often this step has sent it back."""

    @property
    def unit_id(self) -> str:
        return self.unit["unit_id"]


@dataclass(frozen=True, slots=True)
class Asking:
    """One question that is due: a unit, for the n-th time."""

    unit: Unit
    round: int
    attempt: int
    exchanges: tuple[Exchange, ...]
    """Replies that were not taken, which the model is to see; none to ask afresh."""
    doublings: int
    """How often an answer was cut off: each doubles max_tokens."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What is wrong with one attempt."""

    failure: FailureClass
    errors: tuple[Error, ...]
    reply: str | None
    """The model's text, if there was any; what was computed, as JSON."""


@dataclass(frozen=True, slots=True)
class Valid:
    """A unit that passed, with the reply's fields merged in."""

    unit: Unit
    attempts: Sequence[Attempt] = ()

    @property
    def unit_id(self) -> str:
        return self.unit["unit_id"]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A unit that the step is not for: it goes on as it came."""

    unit: Unit
    attempts: Sequence[Attempt] = ()

    @property
    def unit_id(self) -> str:
        return self.unit["unit_id"]


@dataclass(frozen=True, slots=True)
class Invalid:
    """A unit that did not pass and will not be asked again, and its record for people."""

    record: Mapping[str, Any]
    failure: FailureClass
    attempts: Sequence[Attempt] = ()

    @property
    def unit_id(self) -> str:
        return self.record["unit_id"]


@dataclass(frozen=True, slots=True)
class Returned:
    """A unit that did not pass and goes back to an earlier step, and the record of why."""

    record: Mapping[str, Any]
    attempts: Sequence[Attempt] = ()

    @property
    def unit_id(self) -> str:
        return self.record["unit_id"]


@dataclass(frozen=True, slots=True)
class Open:
    """A unit whose next answer is still to come."""

    asking: Asking
    attempts: Sequence[Attempt]

    @property
    def unit_id(self) -> str:
        return self.asking.unit["unit_id"]


Outcome: TypeAlias = Valid | Skipped | Invalid | Returned | Open


class Asker(Protocol):
    """Answers questions: a live model, a batch, a memory."""

    async def __call__(self, asking: Asking) -> Attempt | None:
        """Return the answer, or None when none is to be had now: the unit stays open."""
        ...


class Judge(Protocol):
    """Says what attempts are worth."""

    async def __call__(self, asked: Sequence[tuple[Unit, Attempt]]) -> list[Passed | Failed]:
        """Return the verdict on each unit's attempt, in order."""
        ...


class Sink(Protocol):
    """Where answers and outcomes go: files, standard output, memory."""

    def keep(self, attempt: Attempt) -> None:
        """Take an answer the moment it is there."""
        ...

    def lose(self, call: Attempt) -> None:
        """Take a call that was sent and not answered: it may be on the bill."""
        ...

    def judged(self, due: Due, number: int, verdict: Passed | Failed) -> None:
        """Take what the n-th answer of a unit in its round is worth."""
        ...

    def done(self, outcome: Outcome) -> None:
        """Take a unit's outcome at this step."""
        ...


class Nowhere:
    """A sink for those who need only what the engine returns."""

    def keep(self, attempt: Attempt) -> None:
        """Let it go."""

    def lose(self, call: Attempt) -> None:
        """Let it go."""

    def judged(self, due: Due, number: int, verdict: Passed | Failed) -> None:
        """Let it go."""

    def done(self, outcome: Outcome) -> None:
        """Let it go."""


@dataclass(frozen=True, slots=True)
class StepAtWork:
    """What the engine needs to know of a step."""

    name: str
    max_retries: int
    """Askings of a unit after the first, in a round; 0 where asking again changes nothing."""
    max_returns: int | None
    """How often a unit that fails here goes back to an earlier step; None: it does not."""
    judge: Judge
    merged: Callable[[Unit, Passed], Unit]
    """Makes the unit that goes on."""


async def advance(due: Iterable[Due], step: StepAtWork, asker: Asker, sink: Sink) -> list[Outcome]:
    """Take each unit to its outcome at `step`; outcomes are in the order of `due`.

    Answers in a unit's history are judged again instead of asked for, so that going on with a run
    is the same path as running it.

    Raises:
        Exception: whatever the asker raised first, after all other units came to rest: no answer
            that is already paid for is thrown away.
    """
    ways = [_Way(unit, step, sink) for unit in due]
    await _retrace(ways, step.judge)
    asked = (way.ask(asker) for way in ways if way.outcome is None)
    for ended in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended
    return [way.outcome for way in ways if way.outcome is not None]


async def _retrace(ways: Iterable["_Way"], judge: Judge) -> None:
    """Take units as far as they have been answered: the n-th answers of all are judged together."""
    while known := [(way, found) for way in ways if (found := way.known) is not None]:
        verdicts = await judge([(way.due.unit, attempt) for way, attempt in known])
        for (way, attempt), verdict in zip(known, verdicts, strict=True):
            way.take(attempt, verdict)


@dataclass(slots=True)
class _Way:
    """A unit's way through a step."""

    due: Due
    step: StepAtWork
    sink: Sink
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    own: Exchange | None = None
    """Its last answer, if the model is to see it and why it was not taken."""
    doublings: int = 0
    outcome: Outcome | None = None

    @property
    def known(self) -> Attempt | None:
        """Return the next answer in its history that is not judged yet."""
        number, history = len(self.attempts), self.due.history
        return history[number] if self.outcome is None and number < len(history) else None

    async def ask(self, asker: Asker) -> None:
        """Ask until there is an outcome."""
        while self.outcome is None:
            asking = self._asking()
            attempt = await asker(asking)
            if attempt is None:
                self._end(Open(asking, self.attempts))
                return
            self.sink.keep(attempt)
            [verdict] = await self.step.judge([(self.due.unit, attempt)])
            self.take(attempt, verdict)

    def take(self, attempt: Attempt, verdict: Passed | Failed) -> None:
        """Take an answer, and what it is worth."""
        self.attempts.append(attempt)
        self.sink.judged(self.due, len(self.attempts), verdict)
        follows = settled(self.due, self.step, verdict, self.attempts)
        if not isinstance(follows, Again):
            self._end(follows)
            return
        assert isinstance(verdict, Failed), "only what failed is asked again"
        own = Exchange(len(self.attempts), verdict.reply or "", verdict.errors)
        self.own = own if follows.feedback else None
        self.doublings += follows.more_tokens

    def _asking(self) -> Asking:
        return Asking(
            self.due.unit,
            self.due.round,
            attempt=len(self.attempts) + 1,
            exchanges=tuple(one for one in (self.due.exchange, self.own) if one is not None),
            doublings=self.doublings,
        )

    def _end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.sink.done(outcome)


def settled(
    due: Due, step: StepAtWork, verdict: Passed | Failed, attempts: Sequence[Attempt] = ()
) -> Valid | Invalid | Returned | Again:
    """Return what the verdict on a unit's last attempt means for it."""
    if isinstance(verdict, Passed):
        return Valid(step.merged(due.unit, verdict), attempts)
    asked = max(1, len(attempts))
    left = None if step.max_returns is None else step.max_returns - due.sent_back
    follows = treatment(verdict.failure, asked, max_retries=step.max_retries, returns_left=left)
    match follows:
        case Again():
            return follows
        case Back():
            return Returned(_record(step, due, verdict, asked), attempts)
        case _:
            return Invalid(_record(step, due, verdict, asked), verdict.failure, attempts)


def _record(step: StepAtWork, due: Due, failed: Failed, attempt: int) -> dict[str, Any]:
    return {
        "unit_id": due.unit_id,
        "step": step.name,
        "failure_stage": failed.failure.value,
        "errors": [asdict(error) for error in failed.errors],
        "round": due.round,
        "attempt": attempt,
        "raw_response": failed.reply,
        "input": due.unit,
    }
