"""Chunks on their way: where each stands, and all of them in order, as frozen values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import zip_longest
from typing import NamedTuple

from runs.counts import Counts, summed
from runs.paths import is_retry

__all__ = ["Chunk", "Chunks", "Detour", "Stage"]


class Stage(StrEnum):
    """Where a chunk stands at its step."""

    PENDING = "PENDING"
    """Its units wait for the step, or are in it."""
    SUBMITTED = "SUBMITTED"
    """Some of its units are in batches at a provider."""
    COMPLETE = "COMPLETE"
    """All that its batches brought is on disk, and not judged yet."""
    VALIDATED = "VALIDATED"
    """Every unit has a final verdict, and at least one passed."""
    FAILED = "FAILED"
    """No unit is left."""
    FANNED_OUT = "FANNED_OUT"
    """Every unit has failed or was made into the units of other chunks, its children."""


@dataclass(frozen=True, slots=True)
class Detour:
    """The way of units that were sent back: from an earlier step to the one that sent them."""

    step: str
    """Sent them back, and ends the detour."""
    to: str
    """They go through this step again, and through all between the two."""
    round: int
    """Of the units in it; 2 or more, no other detour of the chunk has the same."""
    sent: int
    """The round in which they were sent back."""
    passed: int
    """Units that `step` let pass so far; they wait."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A fixed group of units on its way through the steps."""

    name: str
    items: int
    first: str
    """The step at which its way begins."""
    step: str | None
    """None at the end of the way."""
    due: int
    """Units that are due at its step: all that are alive, but in a detour only those in it."""
    stage: Stage = Stage.PENDING
    counts: Mapping[str, Counts] = field(default_factory=dict[str, Counts])
    """Of the steps it has been at, in their order, over all rounds."""
    detours: tuple[Detour, ...] = ()
    """Those it is in, the innermost last: each ends at an earlier step than the one around it."""
    rounds: int = 1
    """The highest round so far."""
    moved: int = 0
    """Units that failed here and got another chance in chunks of their own."""

    @property
    def terminal(self) -> bool:
        """Return True when the chunk has no step left."""
        return self.step is None

    @property
    def round(self) -> int:
        """Return the round of the units that are due: 1, or that of the innermost detour."""
        return self.detours[-1].round if self.detours else 1

    @property
    def lost(self) -> int:
        """Return how many units have failed."""
        return sum(counts.lost for counts in self.counts.values())

    @property
    def alive(self) -> int:
        """Return how many units are here and have not failed."""
        return self.items - self.lost - self.moved

    @property
    def units(self) -> int:
        """Return how many units have their end here: what was fanned out ends in other chunks."""
        return self.lost if self.stage is Stage.FANNED_OUT else self.items - self.moved

    @property
    def valid(self) -> int:
        """Return how many units passed every step."""
        return self.alive if self.stage is Stage.VALIDATED else 0

    def knowing(self, counts: Counts) -> Counts:
        """Return the counts of its present round, saying whether these units came before."""
        begins_again = is_retry(self.name) and self.step == self.first
        return counts.repeated() if self.detours or begins_again else counts


class Family(NamedTuple):
    """A chunk and those that it was fanned out into."""

    chunk: Chunk
    children: "Chunks"


class Shelf(tuple[Family, ...]):  # noqa: SLOT001 - it keeps what it has counted
    """Some families in a row; a shelf that did not change is not counted twice."""

    @cached_property
    def counts(self) -> Mapping[str, Counts]:
        """Return what its chunks have counted, by step."""
        rows: dict[str, list[Counts]] = {}
        for family in self:
            for step, counts in (*family.chunk.counts.items(), *family.children.counted()):
                rows.setdefault(step, []).append(counts)
        return {step: summed(of_step) for step, of_step in rows.items()}


class Chunks(Mapping[str, Chunk]):
    """All chunks of a run by name, in order, children right behind their parent; never changed.

    `changed` gives a new value that shares all but one shelf with the old one, so that a transition
    costs the same at ten chunks and at ten thousand.
    """

    SHELF = 128

    __slots__ = ("_places", "_shelves", "_size")

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        """Take chunks in their order; one whose name begins with another's descends from it."""
        own: list[Chunk] = []
        descendants: list[list[Chunk]] = []
        for chunk in chunks:
            if own and chunk.name.startswith(f"{own[-1].name}_"):
                descendants[-1].append(chunk)
            else:
                own.append(chunk)
                descendants.append([])
        row = tuple(
            Family(chunk, Chunks(kin) if kin else _NONE)
            for chunk, kin in zip(own, descendants, strict=True)
        )
        self._places = {chunk.name: place for place, chunk in enumerate(own)}
        self._shelves = tuple(
            Shelf(row[i : i + self.SHELF]) for i in range(0, len(row), self.SHELF)
        )
        self._size = len(own) + sum(map(len, descendants))

    def __getitem__(self, name: str) -> Chunk:
        return self.family(name).chunk

    def __iter__(self) -> Iterator[str]:
        for family in self.families():
            yield family.chunk.name
            yield from family.children

    def __len__(self) -> int:
        return self._size

    def family(self, name: str) -> Family:
        """Return a chunk with its children."""
        at, place = divmod(self._place(name), self.SHELF)
        family = self._shelves[at][place]
        return family if family.chunk.name == name else family.children.family(name)

    def families(self) -> Iterator[Family]:
        """Yield the chunks that have no parent here, in order."""
        for shelf in self._shelves:
            yield from shelf

    def children(self, name: str) -> list[str]:
        """Return the chunks that a chunk was fanned out into directly, in order."""
        return [family.chunk.name for family in self.family(name).children.families()]

    def changed(self, chunk: Chunk, children: Iterable[Chunk] = ()) -> "Chunks":
        """Return these chunks with `chunk` in the place of the one of its name.

        `children` come right behind it.
        """
        at, place = divmod(self._place(chunk.name), self.SHELF)
        shelf = self._shelves[at]
        old = shelf[place]
        if old.chunk.name == chunk.name:
            added = tuple(children)
            kin = Chunks([*old.children.values(), *added]) if added else old.children
            family = Family(chunk, kin)
        else:
            family = Family(old.chunk, old.children.changed(chunk, children))
        new = object.__new__(Chunks)
        new._places = self._places
        new._size = self._size + len(family.children) - len(old.children)
        new._shelves = (
            *self._shelves[:at],
            Shelf((*shelf[:place], family, *shelf[place + 1 :])),
            *self._shelves[at + 1 :],
        )
        return new

    @property
    def shelves(self) -> Sequence[tuple[Family, ...]]:
        """Return the families in groups, of which those without a change are shared."""
        return self._shelves

    def counted(self) -> Iterator[tuple[str, Counts]]:
        """Yield what all chunks have counted: steps, each as often as there are shelves."""
        for shelf in self._shelves:
            yield from shelf.counts.items()

    def differing(self, before: "Chunks") -> Iterator[tuple[Chunk | None, Chunk]]:
        """Yield the chunks that are not the same object as in `before`, each with what it was.

        Shelves that both share are not looked at.
        """
        for shelf, old in zip_longest(self.shelves, before.shelves, fillvalue=()):
            if shelf is old:
                continue
            for place, family in enumerate(shelf):
                was = old[place] if place < len(old) else None
                if family is was:
                    continue
                if was is None or was.chunk.name != family.chunk.name:
                    was = None
                if was is None or was.chunk is not family.chunk:
                    yield was and was.chunk, family.chunk
                yield from family.children.differing(was.children if was else _NONE)

    def _place(self, name: str) -> int:
        """Return the place of the chunk of this name, or of the one it descends from."""
        ancestor = name
        while ancestor not in self._places:
            ancestor = ancestor.rpartition("_")[0]
            if not ancestor:
                raise KeyError(name)
        return self._places[ancestor]


_NONE = Chunks(())
