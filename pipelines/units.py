"""Make units of items: one each, or one per combination; every unit with an id of its own."""

import hashlib
import heapq
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, assert_never

from pipelines.errors import PipelineError, Problem
from pipelines.items import Item, groups, items
from pipelines.model import Pipeline, Strategy
from pipelines.verdicts import Unit

__all__ = ["units"]

ID_FIELDS = ("unit_id", "id", "name")
MAX_ID = 200


class _Made(NamedTuple):
    """A unit and the items that it was made of."""

    unit: Unit
    source: tuple[Item, ...]

    @property
    def place(self) -> str:
        return " with ".join(item.place for item in self.source)


def units(
    pipeline: Pipeline, *, max_units: int | None = None, sample: int | None = None
) -> Iterator[Unit]:
    """Yield the units of `pipeline`, in the order of its items.

    Args:
        pipeline: A loaded pipeline.
        max_units: End after so many.
        sample: Take so many at random: the same ones each time, whatever their order.

    Raises:
        PipelineError: an item cannot be read, has no usable id, or one that was there before.
    """
    stream = _distinct(pipeline, lambda: _made(pipeline))
    return itertools.islice(stream if sample is None else _sample(stream, sample), max_units)


def _made(pipeline: Pipeline) -> Iterator[_Made]:
    match pipeline.units.strategy:
        case Strategy.DIRECT:
            return _direct(pipeline)
        case Strategy.CROSS_PRODUCT:
            return _cross_product(pipeline)
        case Strategy.PERMUTATION:
            raise AssertionError("loading refuses it")
        case _:
            assert_never(pipeline.units.strategy)


def _direct(pipeline: Pipeline) -> Iterator[_Made]:
    for item in items(pipeline.folder / pipeline.items_source, pipeline.items_key):
        if not isinstance(item.value, dict):
            raise _wrong(pipeline, item, "an item must be a mapping of fields")
        unit_id = {"unit_id": _id(pipeline, item)}
        yield _Made({**unit_id, **item.value, **unit_id}, (item,))  # it stands first, and wins


def _cross_product(pipeline: Pipeline) -> Iterator[_Made]:
    positions = pipeline.units.positions
    lists = groups(pipeline.folder / pipeline.items_source, tuple(positions.values()))
    named = [[(_id(pipeline, item), item) for item in group] for group in lists]
    for combination in itertools.product(*named):
        unit: Unit = {"unit_id": "-".join(name for name, _ in combination)}
        for position, (_, item) in zip(positions, combination, strict=True):
            unit[position] = item.value
        yield _Made(unit, tuple(item for _, item in combination))


def _id(pipeline: Pipeline, item: Item) -> str:
    value = item.value
    if isinstance(value, dict):
        wanted = (pipeline.units.id_field,) if pipeline.units.id_field else ID_FIELDS
        field = next((name for name in wanted if name in value), None)
        if field is None:
            raise _wrong(pipeline, item, f"the item has no field {' or '.join(wanted)} to name it")
        value = value[field]
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise _wrong(pipeline, item, f"{value!r} cannot name an item: use text or a whole number")
    name = str(value).replace(" ", "_").replace("/", "-")
    if not name.isprintable() or not 0 < len(name) <= MAX_ID:
        raise _wrong(
            pipeline, item, f"{value!r} cannot name an item: 1 to {MAX_ID} visible characters"
        )
    return name


def _distinct(pipeline: Pipeline, make: Callable[[], Iterator[_Made]]) -> Iterator[Unit]:
    """Yield the units, each id once; what is remembered of an id is its hash, a few bytes."""
    seen: set[int] = set()
    for number, made in enumerate(make()):
        unit_id = made.unit["unit_id"]
        key = hash(unit_id)
        if key in seen:
            for earlier in itertools.islice(make(), number):
                if earlier.unit["unit_id"] == unit_id:
                    message = f"the id {unit_id!r} is taken: {earlier.place} has it too"
                    raise _wrong(pipeline, made.source[0], message)
        seen.add(key)
        yield made.unit


def _sample(stream: Iterator[Unit], size: int) -> Iterator[Unit]:
    def lot(numbered: tuple[int, Unit]) -> bytes:
        return hashlib.sha256(numbered[1]["unit_id"].encode()).digest()

    chosen = heapq.nsmallest(size, enumerate(stream), key=lot)
    for _, unit in sorted(chosen, key=lambda numbered: numbered[0]):
        yield unit


def _wrong(pipeline: Pipeline, item: Item, message: str) -> PipelineError:
    said: Any = message if item.line is not None else f"{item.place}: {message}"
    return PipelineError([Problem(pipeline.folder / pipeline.items_source, item.line, said)])
