"""Compute fields of units by a pipeline's expressions: many units in one call into the sandbox."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipelines.expressions import PREFIX, Expression, ExpressionError, parse
from pipelines.programs import PRELUDE, catches, entry_name, indented, loads
from pipelines.readings import Reading, read
from pipelines.sandbox import Program, Sandbox, Stopped
from pipelines.values import Unfit, clean
from pipelines.verdicts import Unit

__all__ = ["Computation", "Computed", "Fault"]

CONDITION = "when"
SURELY_64_BITS = 19
"""Digits that an integer must have to be beyond them."""
TOGETHER = "expressions"
"""Named in a fault that cannot be laid at the door of one expression."""


class Computed(NamedTuple):
    """What was made of one unit."""

    fields: dict[str, Any]
    iterations: int | None
    """None: no loop."""
    timed_out: bool
    """Whether the loop ended because it had gone round often enough."""


class Fault(NamedTuple):
    """Why nothing could be made of one unit."""

    expression: str
    """Its name."""
    reason: str


@dataclass(frozen=True)
class Computation:
    """Expressions, compiled."""

    names: frozenset[str]
    """The fields that they need from the unit."""
    makes: tuple[str, ...]
    """The fields that they give it."""
    program: Program
    places: tuple[str, ...]
    """What the program is at, by number: an expression, or afterwards a field."""

    @classmethod
    def compile(
        cls,
        expressions: Mapping[str, str],
        *,
        init: Mapping[str, str] | None = None,
        loop_until: str | None = None,
        max_iterations: int = 1000,
    ) -> "Computation":
        """Compile expressions; with `loop_until` they are evaluated again until it is true.

        Raises:
            ExpressionError: one of them is not in the language.
        """
        readings = read(expressions, init=init, loop_until=loop_until)
        for reading in readings:
            if isinstance(reading.expression, ExpressionError):
                raise reading.expression
        return _compiled(readings, max_iterations if loop_until is not None else None)

    @classmethod
    def condition(cls, source: str) -> "Computation":
        """Compile a `when`: it computes the field `when`, true or false, and draws no lots.

        Raises:
            ExpressionError: it is not in the language.
        """
        condition = parse(source)
        decided = Expression(
            source, condition.names, f"bool({condition.code})", None, shuffles=False
        )
        reading = Reading("expressions", CONDITION, decided, condition.names)
        return _compiled([reading], None)

    async def run(
        self, units: Sequence[tuple[Unit, int]], sandbox: Sandbox
    ) -> list[Computed | Fault]:
        """Return what is made of each (unit, seed), in order.

        Raises:
            SandboxError: nothing can be said of the units.
        """
        rows = [
            ({name: unit[name] for name in self.names if name in unit}, seed)
            for unit, seed in units
        ]
        return [self._result(answer) for answer in await sandbox.run(self.program, rows)]

    def _result(self, answer: Any) -> Computed | Fault:
        if isinstance(answer, Stopped):
            return Fault(self._place(answer.at), answer.reason)
        if not isinstance(answer, str):
            place, reason = answer
            return Fault(self.places[place], reason)
        try:
            *values, iterations, timed_out = _DECODER.decode(answer)
        except Unfit as unfit:
            return self._unfit(answer, unfit)
        return Computed(dict(zip(self.makes, values, strict=True)), iterations, timed_out)

    def _place(self, at: int | None) -> str:
        if at is None:
            return self.makes[0] if len(self.makes) == 1 else TOGETHER
        return self.places[at]

    def _unfit(self, answer: str, unfit: Unfit) -> Fault:
        for name, value in zip(self.makes, json.loads(answer), strict=False):
            try:
                clean(value)
            except Unfit:
                return Fault(name, unfit.message)
        return Fault(TOGETHER, unfit.message)


def _kept_integer(digits: str) -> int:
    value = int(digits)
    return value if len(digits) < SURELY_64_BITS else clean(value).value


# Other parsers make a float of an integer beyond 64 bits, without a word.
_DECODER = json.JSONDecoder(parse_int=_kept_integer)


def _compiled(readings: Sequence[Reading], max_iterations: int | None) -> Computation:
    named = [reading for reading in readings if reading.part != "loop_until"]
    makes = tuple(dict.fromkeys(reading.name for reading in named))
    needs = frozenset[str]().union(*(reading.needs for reading in readings))
    lines = _function(readings, needs, makes, max_iterations)
    entry = entry_name("compute", lines)
    source = "\n".join((PRELUDE, f"def {entry}(__row):", *indented(lines), ""))
    places = (*(reading.name for reading in readings), TOGETHER, *makes)
    return Computation(needs, makes, Program(source, entry), places)


def _function(
    readings: Sequence[Reading],
    needs: frozenset[str],
    makes: Sequence[str],
    max_iterations: int | None,
) -> list[str]:
    """Return the inside of a function that computes the fields of a row of unit and seed."""
    return [
        "global __at",
        # The sandbox can unset only the first 256 variables, as `except` does to its own.
        "__at = error = 0",
        "__unit, __seed = __row",
        "random.seed(__seed)",
        # Units may share a list, and `shuffle` changes it.
        *(["__unit = json.loads(json.dumps(__unit))"] if _shuffles(readings) else []),
        *loads(needs, "__unit"),
        "try:",
        *indented(_evaluated(readings, max_iterations)),
        *indented([_returned(makes, len(readings), loops=max_iterations is not None)]),
        *catches("return [__at, reason]"),
    ]


def _evaluated(readings: Sequence[Reading], max_iterations: int | None) -> Iterator[str]:
    looped: list[str] = []
    for place, reading in enumerate(readings):
        assert isinstance(reading.expression, Expression)
        code = reading.expression.code
        once = max_iterations is None or reading.part == "init"
        if reading.part == "loop_until":
            looped += [f"__at = {place}", f"if {code}:", "    __timed_out = False", "    break"]
        elif once:
            yield from (f"__at = {place}", f"{PREFIX}{reading.name} = {code}")
        else:
            looped += [f"__at = {place}", f"{PREFIX}{reading.name} = {code}"]
    if max_iterations is not None:
        yield from ("__timed_out = True", f"for __n in range(1, {max_iterations} + 1):")
        yield from indented(looped)


def _returned(makes: Sequence[str], place: int, *, loops: bool) -> str:
    ends = ["__n", "__timed_out"] if loops else ["None", "False"]
    values = ", ".join([*(f"{PREFIX}{name}" for name in makes), *ends])
    return f"return __packed([{values}], {place})"


def _shuffles(readings: Sequence[Reading]) -> bool:
    return any(
        isinstance(reading.expression, Expression) and reading.expression.shuffles
        for reading in readings
    )
