"""Where a chunk goes when a round closes: on, back with some of its units, or to its end."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from runs.chunks import Chunk, Detour, Stage
from runs.counts import Counts
from runs.errors import IllegalMove, Unaccounted
from runs.paths import child_name
from runs.state import StepSpec

__all__ = ["FAN_OUT", "Retry", "children_of", "closed"]


class Retry(NamedTuple):
    """A chunk of units that failed in another, and begin again."""

    parent: str
    name: str
    first: str
    """The step at which it begins."""
    units: int
    failed: Mapping[str, Mapping[str, int]]
    """How many units had failed, by step and class."""


FAN_OUT = "fan_out"
"""The scope of a step that makes the units of a chunk into those of its children."""


def closed(chunk: Chunk, step: str, counts: Counts, steps: Sequence[StepSpec]) -> Chunk:
    """Return a chunk after the round it was in at `step`.

    Raises:
        IllegalMove: it does not stand there, or cannot go where its units are sent.
        Unaccounted: what came of the units does not add up to those that were due.
    """
    if chunk.step != step:
        raise IllegalMove(f"{chunk.name} cannot close {step!r}: it stands at {chunk.step!r}")
    if counts.entered != chunk.due or counts.open:
        raise Unaccounted(
            f"{chunk.name} closes {step!r} with {counts.passed} passed, {counts.lost} failed and "
            f"{counts.returned} sent back of {counts.entered}, but {chunk.due} units had entered"
        )
    so_far = chunk.counts.get(step, Counts()) + chunk.knowing(counts)
    counted = replace(chunk, counts={**chunk.counts, step: so_far})
    place = _place(step, steps)
    if counts.returned:
        return _back(counted, counts, place, steps)
    if steps[place].scope == FAN_OUT:
        return _fanned_out(counted, counts)
    return _on(counted, counts, place, steps)


def children_of(chunk: Chunk, sizes: Sequence[int], steps: Sequence[StepSpec]) -> list[Chunk]:
    """Return the chunks that a chunk at a fan-out is made into; others have none.

    Raises:
        IllegalMove: it is not at a fan-out with a step behind it.
    """
    if not sizes:
        return []
    place = next((i for i, spec in enumerate(steps[:-1]) if spec.name == chunk.step), None)
    if place is None or steps[place].scope != FAN_OUT:
        raise IllegalMove(f"{chunk.name} cannot be fanned out at {chunk.step!r}")
    first = steps[place + 1].name
    return [
        Chunk(child_name(chunk.name, index), size, first=first, step=first, due=size)
        for index, size in enumerate(sizes)
    ]


def _back(chunk: Chunk, counts: Counts, place: int, steps: Sequence[StepSpec]) -> Chunk:
    """Begin a detour; one that ends here is replaced by it."""
    to = steps[place].retry_step
    if to is None or not _place(chunk.first, steps) <= _place(to, steps) < place:
        raise IllegalMove(f"{chunk.name} cannot be sent from {chunk.step!r} back to {to!r}")
    around, passed = _ended(chunk, counts)
    detour = Detour(
        step=steps[place].name, to=to, round=chunk.rounds + 1, sent=chunk.round, passed=passed
    )
    return replace(
        chunk,
        step=to,
        due=counts.returned,
        detours=(*around, detour),
        rounds=detour.round,
    )


def _on(chunk: Chunk, counts: Counts, place: int, steps: Sequence[StepSpec]) -> Chunk:
    """Go to the next step, with those that wait here if a detour ends; or be at the end."""
    around, passed = _ended(chunk, counts)
    if not around and not passed:
        return _at_end(chunk, Stage.FAILED)
    if place + 1 == len(steps):
        return _at_end(chunk, Stage.VALIDATED)
    return replace(chunk, step=steps[place + 1].name, due=passed, detours=around)


def _fanned_out(chunk: Chunk, counts: Counts) -> Chunk:
    if chunk.detours:
        raise IllegalMove(f"{chunk.name} cannot be fanned out while units of it are sent back")
    return _at_end(chunk, Stage.FANNED_OUT if counts.passed else Stage.FAILED)


def _at_end(chunk: Chunk, stage: Stage) -> Chunk:
    return replace(chunk, step=None, due=0, stage=stage, detours=())


def _ended(chunk: Chunk, counts: Counts) -> tuple[tuple[Detour, ...], int]:
    """Return the detours around what ends here, and how many units passed this step in all."""
    if not chunk.detours or chunk.detours[-1].step != chunk.step:
        return chunk.detours, counts.passed
    *around, ending = chunk.detours
    return tuple(around), ending.passed + counts.passed


def _place(step: str, steps: Sequence[StepSpec]) -> int:
    return next(place for place, spec in enumerate(steps) if spec.name == step)
