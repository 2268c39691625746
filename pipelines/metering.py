"""Measure what rendering a template makes: so much text and data at most, for so long at most.

Whatever makes a value in a template says how large it is, what could make a huge one says so
before. Loops and calls are the only things that repeat, and look at the clock each time.
"""

import time
from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView
from contextvars import ContextVar
from typing import Any

from jinja2 import TemplateRuntimeError

__all__ = [
    "LARGEST",
    "MADE",
    "MAX_BITS",
    "SECONDS",
    "Excess",
    "Meter",
    "counted",
    "made",
    "spend",
    "weight",
]

SECONDS = 1.0
"""Of processor time that one rendering may take."""
LARGEST = 5_000_000
"""What one value may weigh: a text its characters."""
MADE = 40_000_000
"""What all values that one rendering makes may weigh together."""
MAX_BITS = 4096
STEPS = 50
"""Of loops between two looks at the clock."""

_ITEM, _TEXT, _SCALAR = 16, 50, 8
"""About what they take in memory beside their content."""
_COLLECTIONS = (list, tuple, set, frozenset, KeysView, ValuesView, ItemsView)


class Excess(TemplateRuntimeError):
    """A template makes too much, or takes too long."""


class Meter:
    """Limits what is made inside of a `with` block."""

    __slots__ = ("_token", "deadline", "made", "processor_deadline", "steps")

    def __init__(self) -> None:
        self.made = 0
        self.steps = 0
        self.deadline = time.monotonic() + SECONDS / 2
        self.processor_deadline: float | None = None

    def __enter__(self) -> None:
        self._token = _meter.set(self)

    def __exit__(self, *_: object) -> None:
        _meter.reset(self._token)

    def look(self) -> None:
        """Look at the clock."""
        if (now := time.monotonic()) < self.deadline:
            return
        # The clock on the wall is cheap to read, but goes on while the machine sleeps.
        if self.processor_deadline is None:
            self.processor_deadline = time.thread_time() + SECONDS / 2
            self.deadline = now + SECONDS / 2
        elif time.thread_time() > self.processor_deadline:
            raise Excess(f"takes longer than {SECONDS:g} s")


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)
"""None while a template is compiled, when Jinja computes what is constant."""


def spend(amount: int) -> None:
    """Count `amount` as made.

    Raises:
        Excess: it is too much at once or in all, or the time is up.
    """
    if amount > LARGEST:
        raise Excess(f"makes a value of more than {LARGEST:,} characters")
    if (meter := _meter.get()) is not None:
        meter.made += amount
        if meter.made > MADE:
            raise Excess(f"makes more than {MADE:,} characters in all")
        meter.look()


def counted(values: Iterable[Any]) -> Iterator[Any]:
    """Yield `values`, as many as there is time for."""
    meter = _meter.get() or Meter()
    for value in values:
        meter.steps += 1
        # What takes long in a loop's body looks for itself.
        if meter.steps % STEPS == 0:
            meter.look()
        yield value


def made(value: Any) -> Any:
    """Return `value`, counted."""
    spend(weight(value))
    return value


def weight(value: Any) -> int:
    """Return about how much memory `value` takes, or would if it shared nothing.

    Raises:
        Excess: it is too large to be weighed.
    """
    if isinstance(value, str):
        return len(value)
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise Excess(f"makes a number of more than {MAX_BITS} bits")
    total = 0
    ahead: list[Any] = [value]
    while ahead:
        part = ahead.pop()
        total += _SCALAR
        if isinstance(part, str):
            total += _TEXT + len(part)
        elif isinstance(part, dict):
            total += 2 * _ITEM * len(part)
            ahead += part.keys()
            ahead += part.values()
        elif isinstance(part, _COLLECTIONS):
            total += _ITEM * len(part)
            ahead.extend(part)
        if total > LARGEST:
            raise Excess(f"makes a value of more than {LARGEST:,} characters")
    return total
