"""Units by what one types: `state:failed step:score text`, `!text`; in an order of choice."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import compress

from tui.units import UnitIndex, UnitState

__all__ = ["Order", "Selection", "select"]

NOT = "!"
LEAST_LETTERS = 3
"""Of a word that is to name a state: fewer stand in many ids."""


class Order(StrEnum):
    """In which order units are shown."""

    INPUT = "input"
    STATE = "state"
    """Those that failed first."""
    ID = "id"


@dataclass(frozen=True, slots=True)
class Selection:
    """Units, by their numbers in the index."""

    units: Sequence[int]
    order: Order = Order.INPUT

    def next(self, unit: int) -> int | None:
        """Return the unit behind this one; None at the end."""
        return self._beside(unit, 1)

    def previous(self, unit: int) -> int | None:
        """Return the unit before this one; None at the beginning."""
        return self._beside(unit, -1)

    def place(self, unit: int) -> int | None:
        """Return where a unit stands; None if it is not among them."""
        if self.order is Order.INPUT:
            place = bisect_left(self.units, unit)
            return place if place < len(self.units) and self.units[place] == unit else None
        with suppress(ValueError):
            return self.units.index(unit)
        return None

    def _beside(self, unit: int, way: int) -> int | None:
        """Return the neighbour; where a unit has left the selection, that of its old place."""
        here = self.place(unit)
        if here is not None:
            place = here + way
        else:
            place = bisect_left(self.units, unit) if self.order is Order.INPUT else 0
            place -= way < 0
        return self.units[place] if 0 <= place < len(self.units) else None


def select(index: UnitIndex, text: str = "", order: Order = Order.INPUT) -> Selection:
    """Return the units that every word of `text` is true of.

    `state:` and `step:` take the beginning of a word; a state holds at the step that is named, or
    at any. `chunk:` takes a chunk's name, or a part of the names of several; any other word is a
    part of an id, or the beginning of a state. `!` before a word turns it round.
    """
    words = text.lower().split()
    n = len(index)
    ids = [unit_id.lower() for unit_id in index.ids()] if _names_ids(words) else []
    steps = [step for step in index.steps if _at(step, words)]
    chosen = _ALL * n
    for word in words:
        if word.startswith("step:") and any(w.lstrip(NOT).startswith("state:") for w in words):
            continue
        mask = _mask(index, word.removeprefix(NOT), steps, ids)
        if word.startswith(NOT):
            mask = mask.translate(_TURNED)
        chosen = _both(chosen, mask[:n])
    units = array("I", compress(range(n), chosen))
    match order:
        case Order.INPUT:
            return Selection(units)
        case Order.ID:
            every = index.ids()
            return Selection(array("I", sorted(units, key=every.__getitem__)), order)
        case Order.STATE:
            worst = _worst(index, index.steps)
            return Selection(array("I", sorted(units, key=lambda u: -worst[u])), order)


_ALL = b"\1"
_TURNED = bytes([1, 0]) + bytes(254)


def _mask(index: UnitIndex, word: str, steps: Sequence[str], ids: Sequence[bytes]) -> bytes:
    """Return a byte for each unit: 1 if the word is true of it."""
    kind, found, value = word.partition(":")
    if found and kind == "state":
        return _stand(index, value, steps)
    if found and kind == "step":
        here = bytes([0]) + bytes([1]) * 255
        return _any([index.column(step).translate(here) for step in steps], len(index))
    if found and kind == "chunk":
        chunks = list(index.chunks())
        named = any(name == value for name, *_ in chunks)  # chunk_100, and not chunk_1000
        pieces = (
            bytes([name == value if named else value in name]) * (end - begin)
            for name, begin, end in chunks
        )
        return b"".join(pieces)
    part = word.encode("utf-8", "replace")
    named = bytes([part in unit_id for unit_id in ids])
    if len(word) < LEAST_LETTERS:
        return named
    return _any([named, _stand(index, word, steps)], len(index))


def _stand(index: UnitIndex, word: str, steps: Sequence[str]) -> bytes:
    """Return where units stand, at one of the steps, as a word says or begins to say."""
    wanted = bytes(_is(code, word) for code in range(256))
    return _any([index.column(step).translate(wanted) for step in steps], len(index))


def _is(code: int, value: str) -> bool:
    """Say whether a state goes by a word that begins so."""
    if code >= len(UnitState):
        return False
    return UnitState(code).word.replace(" ", "_").startswith(value.replace("-", "_"))


def _at(step: str, words: Sequence[str]) -> bool:
    named = [word.partition(":")[2] for word in words if word.startswith("step:")]
    return all(step.lower().startswith(name) for name in named)


def _names_ids(words: Sequence[str]) -> bool:
    kinds = ("state:", "step:", "chunk:")
    return any(not word.removeprefix(NOT).startswith(kinds) for word in words)


def _worst(index: UnitIndex, steps: Sequence[str]) -> bytes:
    """Return the highest state of each unit: that it failed, or was sent back, or passed."""
    return bytes(map(max, *(index.column(step) for step in steps), bytes(len(index))))


def _both(one: bytes, other: bytes) -> bytes:
    """Return where both are 1; as whole numbers, which is a hundred times faster than by byte."""
    both = int.from_bytes(one, "little") & int.from_bytes(other, "little")
    return both.to_bytes(len(one), "little")


def _any(masks: Sequence[bytes], n: int) -> bytes:
    found = 0
    for mask in masks:
        found |= int.from_bytes(mask, "little")
    return found.to_bytes(n, "little")
