"""The units of a pipeline: all of them or some, once or repeated, each with an id of its own."""

import hashlib
import heapq
from collections.abc import Iterator
from itertools import islice

from pipelines.distinct import Hashes, Repeated, key_of
from pipelines.errors import PipelineError, Problem
from pipelines.folder import CONFIG
from pipelines.making import Made, Maker, Making
from pipelines.model import Pipeline
from pipelines.seeds import repetition_seed
from pipelines.verdicts import Unit

__all__ = ["units"]


def units(
    pipeline: Pipeline,
    *,
    max_units: int | None = None,
    sample: int | None = None,
    repeat: int | None = None,
) -> Iterator[Unit]:
    """Yield the units of `pipeline`, in the order of its items.

    An id that is there twice is found when all have been made: whoever stops earlier hears nothing.

    Args:
        pipeline: A loaded pipeline.
        max_units: End after so many.
        sample: Take so many at random: the same ones each time, whatever their order.
        repeat: Make all units so many times; None for what the pipeline says.

    Raises:
        PipelineError: there are no items; or one cannot be read, has no usable id, or another's.
    """
    if pipeline.items is None:
        message = "names no items: add `items_source: FILE`, or say --items FILE"
        raise PipelineError([Problem(pipeline.folder / CONFIG, None, message)])
    maker = Maker(pipeline, pipeline.items)
    if sample is None:
        return _repeated(pipeline, maker, repeat, at_most=max_units)
    chosen = _sample(_repeated(pipeline, maker, repeat, at_most=None), sample)
    return islice(chosen, max_units)


def _repeated(
    pipeline: Pipeline, maker: Maker, repeat: int | None, *, at_most: int | None
) -> Iterator[Unit]:
    """Yield all units of the first repetition, then all of the next.

    Ids that are distinct in the first are so in all: what marks a repetition ends them.
    """
    making = maker.making()
    times = repeat or pipeline.units.repeat
    marked = max(times, pipeline.units.repeat) > 1  # one of many keeps the ids it has among them
    taken = 0
    for repetition in range(times):
        left = None if at_most is None else at_most - taken
        look = not (repetition or making.distinct)
        for unit in _once(maker, making, left, look=look):
            taken += 1
            yield _marked(unit, repetition, pipeline.units.seed) if marked else unit
        if taken in {0, at_most}:
            return


def _once(maker: Maker, making: Making, at_most: int | None, *, look: bool) -> Iterator[Unit]:
    """Yield the units once; with `look`, see at their end that no id was there twice."""
    if not look:
        for made in islice(making.make(), at_most):
            yield made.unit
        return
    with Hashes() as hashes:
        add = hashes.add
        for made in islice(making.make(), at_most):
            add(hash(key_of(made.unit["unit_id"])))
            yield made.unit
        again = hashes.repeated()
    if again.times:
        _refuse_twins(maker, islice(making.make(), at_most), again)


def _refuse_twins(maker: Maker, stream: Iterator[Made], again: Repeated) -> None:
    """Raise if two ids are the same, and not their hashes only."""
    first: dict[str, Made] = {}
    for made in stream:
        key = key_of(made.unit["unit_id"])
        if hash(key) not in again.hashes:
            continue
        earlier = first.setdefault(key, made)
        if earlier is not made:
            raise maker.taken(made, earlier, more=again.times - 1)


def _marked(unit: Unit, repetition: int, seed: int | None) -> Unit:
    unit_id = unit["unit_id"]
    return {
        **unit,
        "unit_id": f"{unit_id}__rep{repetition:04d}",
        "_repetition_id": repetition,
        "_repetition_seed": repetition_seed(unit_id, repetition, seed),
    }


def _sample(stream: Iterator[Unit], size: int) -> Iterator[Unit]:
    def lot(numbered: tuple[int, Unit]) -> bytes:
        return hashlib.sha256(numbered[1]["unit_id"].encode()).digest()

    chosen = heapq.nsmallest(size, enumerate(stream), key=lot)
    for _, unit in sorted(chosen, key=lambda numbered: numbered[0]):
        yield unit
