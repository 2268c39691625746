"""Read a step's expressions in the order of evaluation: what each needs, or what is wrong."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipelines.expressions import Expression, ExpressionError, parse
from pipelines.language import RESERVED

__all__ = ["Reading", "read"]

MAX_CHARS = 30_000
"""Of all expressions of a step: the sandbox cannot jump over a loop's body that is much longer."""


class Reading(NamedTuple):
    """One of a step's expressions, read in its place among the others."""

    part: str
    """`init`, `expressions` or `loop_until`."""
    name: str
    expression: Expression | ExpressionError
    needs: frozenset[str]
    """The names it reads that none before it has made: fields of the unit."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Where it stands in its step: `("init", "total")`, `("loop_until",)`."""
        return (self.part,) if self.part == "loop_until" else (self.part, self.name)


def read(
    expressions: Mapping[str, str],
    *,
    init: Mapping[str, str] | None = None,
    loop_until: str | None = None,
) -> list[Reading]:
    """Return each expression, in the order of evaluation; what is wrong with one is a value."""
    readings: list[Reading] = []
    made: set[str] = set()
    chars = 0
    for part, name, source in _in_order(expressions, init or {}, loop_until):
        chars += len(source)
        expression = _read(source) if part == "loop_until" else _named(name, source)
        if chars > MAX_CHARS:
            expression = ExpressionError(f"the step's expressions exceed {MAX_CHARS:,} characters")
        needs = expression.names - made if isinstance(expression, Expression) else frozenset[str]()
        readings.append(Reading(part, name, expression, needs))
        made.add(name)
    return readings


def _in_order(
    expressions: Mapping[str, str], init: Mapping[str, str], loop_until: str | None
) -> Iterator[tuple[str, str, str]]:
    yield from (("init", name, source) for name, source in init.items())
    yield from (("expressions", name, source) for name, source in expressions.items())
    if loop_until is not None:
        yield "loop_until", "loop_until", loop_until


def _read(source: str) -> Expression | ExpressionError:
    try:
        return parse(source, random=True)
    except ExpressionError as error:
        return error


def _named(name: str, source: str) -> Expression | ExpressionError:
    as_field = _read(name)
    if isinstance(as_field, ExpressionError) or as_field.names != frozenset({name}):
        said = f"{name!r} is no name: letters, digits and _, but not __ at the start"
        return ExpressionError(said)
    if name in RESERVED:
        return ExpressionError(f"the name {name!r} is taken; call it something else")
    return _read(source)
