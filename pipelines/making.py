"""Make units of items by the pipeline's strategy, each with the items that it was made of."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import permutations, product
from pathlib import Path
from typing import Any, NamedTuple, assert_never

from pipelines.distinct import key_of
from pipelines.errors import PipelineError, Problem
from pipelines.item_file import Item
from pipelines.items import groups, items
from pipelines.model import Pipeline, Strategy
from pipelines.nearest import did_you_mean
from pipelines.verdicts import Unit

__all__ = ["Made", "Maker", "Making"]

MAX_ID = 200
MOST_LISTED = 10


class Made(NamedTuple):
    """A unit and the items that it was made of."""

    unit: Unit
    source: tuple[Item, ...]

    @property
    def place(self) -> str:
        """Where to look for the items."""
        return _place(self.source)


class Making(NamedTuple):
    """A way to make all units, as often as they are needed."""

    make: Callable[[], Iterator[Made]]
    distinct: bool
    """Whether their ids are known to be distinct before any is made."""


class _Named(NamedTuple):
    """An item with what it is called in ids."""

    name: str
    item: Item


class Maker:
    """Makes the units of one pipeline."""

    def __init__(self, pipeline: Pipeline, path: Path) -> None:
        self._path = path
        self._key = pipeline.items_key
        self._rules = pipeline.units

    def making(self) -> Making:
        """Return how the units are made.

        Raises:
            PipelineError: the lists that are combined cannot be read, or a list has a name twice.
        """
        match self._rules.strategy:
            case Strategy.DIRECT:
                return Making(self._direct, distinct=False)
            case Strategy.CROSS_PRODUCT:
                lists = self._groups()
                return Making(partial(self._joined, product, lists), _never_alike(lists))
            case Strategy.PERMUTATION:
                pool, places = self._pool(), len(self._rules.positions)
                choose = partial(permutations, r=places)
                return Making(partial(self._joined, choose, [pool]), _never_alike([pool] * places))
            case _:
                assert_never(self._rules.strategy)

    def taken(self, made: Made, earlier: Made, *, more: int) -> PipelineError:
        """Return the error of an id that is there twice, and of how many more there are."""
        names = made.unit["unit_id"], earlier.unit["unit_id"]
        return self._taken(made.source, *names, earlier.place, more=more)

    def _direct(self) -> Iterator[Made]:
        for item in items(self._path, self._key):
            if not isinstance(item.value, dict):
                raise self._wrong(item, "an item must be a mapping of fields")
            unit_id = {"unit_id": self._name(item)}
            yield Made({**unit_id, **item.value, **unit_id}, (item,))  # it stands first, and wins

    def _joined(
        self, combine: Callable[..., Iterable[tuple[_Named, ...]]], lists: list[list[_Named]]
    ) -> Iterator[Made]:
        positions = tuple(self._rules.positions)
        for combination in combine(*lists):
            unit: Unit = {"unit_id": "-".join([name for name, _ in combination])}
            for position, (_, item) in zip(positions, combination, strict=True):
                unit[position] = item.value
            yield Made(unit, tuple([item for _, item in combination]))

    def _groups(self) -> list[list[_Named]]:
        keys = tuple(key or "" for key in self._rules.positions.values())
        return [self._named(group) for group in groups(self._path, keys)]

    def _pool(self) -> list[_Named]:
        """Return the one list that all positions choose from."""
        key = next((key for key in self._rules.positions.values() if key), self._key)
        pool = self._named(items(self._path, key))
        if len(pool) < len(self._rules.positions):
            message = f"{len(self._rules.positions)} positions need as many items, of {len(pool)}"
            raise PipelineError([Problem(self._path, None, message)])
        return pool

    def _named(self, group: Iterable[Item]) -> list[_Named]:
        """Return the items of a list with their names, each name once."""
        places: dict[str, _Named] = {}
        for item in group:
            named = _Named(self._name(item), item)
            earlier = places.setdefault(key_of(named.name), named)
            if earlier is not named:
                raise self._taken((item,), named.name, earlier.name, earlier.item.place)
        return list(places.values())

    def _name(self, item: Item) -> str:
        value = item.value
        if isinstance(value, dict):
            for field in self._rules.id_field:
                if field in value:
                    value = value[field]
                    break
            else:
                raise self._wrong(item, _nameless(self._rules.id_field, value))
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise self._wrong(item, f"{value!r} cannot name an item: use text or a whole number")
        name = str(value).replace(" ", "_").replace("/", "-")
        if not name.isprintable() or not 0 < len(name) <= MAX_ID:
            raise self._wrong(
                item, f"{value!r} cannot name an item: 1 to {MAX_ID} visible characters"
            )
        return name

    def _taken(
        self, source: Sequence[Item], unit_id: str, earlier: str, place: str, *, more: int = 0
    ) -> PipelineError:
        where = f" of {_place(source)}" if len(source) > 1 else ""
        same = "" if earlier == unit_id else f" as {earlier!r}, which looks the same"
        also = f" ({more} more are taken, too)" if more else ""
        return self._wrong(
            source[0],
            f"the id {unit_id!r}{where} is taken: {place} has it too{same}; rename one{also}",
        )

    def _wrong(self, item: Item, message: str) -> PipelineError:
        said = message if item.line is not None else f"{item.place}: {message}"
        return PipelineError([Problem(self._path, item.line, said)])


def _place(source: Sequence[Item]) -> str:
    return " with ".join(item.place for item in source)


def _never_alike(lists: list[list[_Named]]) -> bool:
    """Say whether joined names are distinct since each can be taken apart in one way only.

    That is so if all names of a list hold equally many hyphens, in all lists but one. Names beyond
    ASCII are left to the general way: in Unicode what stands beside a letter may change it.
    """
    varying = 0
    for group in lists:
        if not all(name.isascii() for name, _ in group):
            return False
        varying += len({name.count("-") for name, _ in group}) > 1
    return varying <= 1


def _nameless(wanted: Sequence[str], item: Mapping[str, Any]) -> str:
    """Say that an item has none of the fields that could name it, and what to do."""
    there = list(item)
    near = next(filter(None, (did_you_mean(name, there) for name in wanted)), "")
    listed = ", ".join(there[:MOST_LISTED]) + (", …" if len(there) > MOST_LISTED else "")
    return (
        f"the item has no field {' or '.join(wanted)} to name it{near}; it has: {listed}. "
        "Say which one names it with `units: {id_field: …}`"
    )
