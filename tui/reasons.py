"""Why the units of an open run fail, while it runs: read from its chunks, a few at a time."""

from collections import Counter
from typing import NamedTuple

from runs import Chunk, Chunks, RunPaths, RunState, read_jsonl
from tui.again import begun_again
from tui.clean import clean
from tui.snapshot import Reason
from tui.stamps import UNREADABLE, Stamp, stamp_of

__all__ = ["Reasons"]

TOP = 12
BYTES = 2_000_000
"""As much is read in one look, and one file more; the rest waits for the next."""


class _Rule(NamedTuple):
    step: str
    failure: str
    rule: str


class _Place(NamedTuple):
    chunk: str
    step: str


class _Seen(NamedTuple):
    stamp: Stamp
    moved: int
    """How many units of the chunk have begun again."""


class Reasons:
    """The rules that units of one run broke first, counted."""

    def __init__(self, run: RunPaths) -> None:
        """Take a run; nothing is read yet."""
        self._run = run
        self._chunks = Chunks(())
        self._due: dict[_Place, None] = {}
        self._seen: dict[_Place, _Seen] = {}
        self._found: dict[_Place, Counter[_Rule]] = {}
        self._units: Counter[_Rule] = Counter()
        self._messages: dict[_Rule, str] = {}
        self._shown: tuple[Reason, ...] = ()

    def look(self, state: RunState) -> tuple[Reason, ...]:
        """Return the most frequent reasons as far as they are read; the same object if none new."""
        for _, chunk in state.chunks.differing(self._chunks):
            self._due.update(dict.fromkeys(_failing(chunk)))
        self._chunks = state.chunks
        left, changed = BYTES, False
        while self._due and left > 0:
            place = next(iter(self._due))
            del self._due[place]
            chunk = state.chunks[place.chunk]
            stamp = stamp_of(self._run.chunk(place.chunk).failures(place.step))
            if stamp is None or (seen := _Seen(stamp, chunk.moved)) == self._seen.get(place):
                continue
            self._seen[place] = seen
            left -= stamp.size
            self._count(place, state.chunks, chunk)
            changed = True
        if changed:
            self._shown = tuple(
                Reason(*rule, self._messages[rule], n) for rule, n in self._units.most_common(TOP)
            )
        return self._shown

    def _count(self, place: _Place, chunks: Chunks, chunk: Chunk) -> None:
        """Count the failures of a chunk at a step anew, in the place of what was counted before.

        Units that have begun again have not failed; if they do, that is told where they do.
        """
        units: Counter[_Rule] = Counter()
        try:
            again = begun_again(self._run, chunks, chunk)
            for record in read_jsonl(self._run.chunk(place.chunk).failures(place.step)):
                if record["unit_id"] in again:
                    continue
                error = next(iter(record["errors"]), {"rule": "", "message": ""})
                rule = _Rule(
                    clean(place.step), clean(record["failure_stage"]), clean(error["rule"])
                )
                units[rule] += 1
                self._messages.setdefault(rule, clean(str(error["message"])))
        except UNREADABLE:
            del self._seen[place]  # torn, or gone: what was counted before stays
            return
        self._units.subtract(self._found.get(place, Counter()))
        self._units.update(units)
        self._units = +self._units
        self._found[place] = units


def _failing(chunk: Chunk) -> list[_Place]:
    """Return where units of a chunk have failed, in rounds that are closed."""
    return [
        _Place(chunk.name, step)
        for step, counts in chunk.counts.items()
        if counts.lost or chunk.moved
    ]
