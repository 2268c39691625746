"""Three units of a large run go first, one by one: a mistake costs three calls, not a day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from pipelines import Error, Scope, Unit
from runs import Attempt, Results, attempts, read_jsonl
from tasks.first_wave import Broken
from tasks.session import Session
from tasks.work import Due, Invalid, Nowhere, Open, Outcome, Returned, Skipped, Valid

__all__ = ["canary"]

MANY_UNITS = 1000
"""Runs that have more send three units ahead."""


class _Bird(NamedTuple):
    """A unit that goes ahead."""

    chunk: str
    unit: Unit


async def canary(session: Session) -> None:
    """Ask three units of a run that has not begun once at each step; pause if none passes one.

    What they are answered stands in the histories of their chunks, and is not asked again. What
    comes after a fan-out is not tried.
    """
    run, birds = session.run, []
    if session.launch.skip_canary or run.state.units <= MANY_UNITS or _has_begun(session):
        return
    with session.pausing_on_outage():
        birds = list(_picked(session))
        for step in session.pipeline.unit_steps:
            if step.scope is Scope.FAN_OUT or session.brake.pulled:
                break
            outcomes = [await _ahead(session, step.name, bird) for bird in birds]
            passed = [
                _Bird(bird.chunk, outcome.unit)
                for bird, outcome in zip(birds, outcomes, strict=True)
                if isinstance(outcome, Valid | Skipped)
            ]
            run.log("canary", step=step.name, sent=len(birds), passed=len(passed))
            if session.brake.pulled:  # not every bird came to its end
                break
            if not passed:
                errors = [error for outcome in outcomes for error in _errors(outcome)]
                session.pause(
                    f"canary: none of {len(birds)} units that went ahead passes {step.name}: "
                    f"{Broken(errors)}"
                )
                # Who goes on with the run has read it.
                session.relaunch(skip_canary=True)
                break
            birds = passed


def _has_begun(session: Session) -> bool:
    state = session.run.state
    return bool(state.batches) or any(chunk.counts for chunk in state.chunks.values())


def _picked(session: Session) -> Iterator[_Bird]:
    """Yield the first unit, one from the middle, and the last."""
    run = session.run
    names, size = list(run.state.chunks), run.state.spec.chunk_size
    for place in (0, run.state.units // 2, run.state.units - 1):
        chunk = names[place // size]
        units = list(read_jsonl(run.paths.chunk(chunk).input))
        yield _Bird(chunk, units[place % size])


async def _ahead(session: Session, step: str, bird: _Bird) -> Outcome:
    """Take a unit through a step, asked once at most."""
    path = session.run.paths.chunk(bird.chunk).results(step)
    trace = partial(session.run.trace, step=step, chunk=bird.chunk)
    if session.pipeline.step(step).scope is not Scope.CHUNK:
        [outcome] = await session.desk.take(step, [Due(bird.unit)], Nowhere(), trace)
        return outcome
    known = attempts(path).get(bird.unit["unit_id"], ())
    due = Due(
        bird.unit,
        history=[one for one in known if not one.lost],
        lost=[one for one in known if one.lost],
    )
    async with Results(path) as results:
        [outcome] = await session.desk.take(step, [due], _Kept(results), trace, once=True)
    return outcome


def _errors(outcome: Outcome) -> Sequence[Error]:
    match outcome:
        case Invalid() | Returned():
            return [Error(**error) for error in outcome.record["errors"][:1]]
        case Open(asking) if asking.exchanges:
            return asking.exchanges[-1].errors[:1]
        case _:
            return [Error("", "cut_off", "its reply was cut off, or refused")]


@dataclass(frozen=True, slots=True)
class _Kept(Nowhere):
    """Answers go to the history of the chunk."""

    results: Results

    def keep(self, attempt: Attempt) -> None:
        self.results.keep(attempt)

    def lose(self, call: Attempt) -> None:
        self.results.keep(call)
