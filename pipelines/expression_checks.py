"""Check expressions without running them: that they can be read, and that names mean something."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pipelines.expressions import ExpressionError, parse
from pipelines.fields import Field, Names, unknown
from pipelines.model import Step
from pipelines.nearest import did_you_mean
from pipelines.readings import read
from pipelines.report import Report
from pipelines.rules import COMPUTED, PLACEHOLDER
from pipelines.strict_yaml import Keys

__all__ = ["Made", "check_condition", "check_expressions", "check_rules"]


_FURTHER_DOWN = "is made further down: expressions are computed in order"


class Made(NamedTuple):
    """What expressions make."""

    names: frozenset[str]
    needed: frozenset[str]
    """The fields that they read of the unit."""


@dataclass(frozen=True, slots=True)
class _Text:
    """An expression in config.yaml."""

    source: str
    keys: Keys
    of: str
    """What names it in messages."""

    def check(self, names: Names, report: Report, *, doubts: bool = True) -> None:
        """Report what is wrong with it."""
        try:
            expression = parse(self.source)
        except ExpressionError as error:
            self.not_read(error, report)
            return
        self.names(expression.names, names, report, doubts=doubts)

    def not_read(self, error: ExpressionError, report: Report) -> None:
        offset = None
        if error.column is not None:
            offset = _offset(self.source, error.line or 1, error.column)
        report.wrong_within(self.keys, self.source, offset, f"{self.of}{error.message}")

    def names(
        self, used: Iterable[str], names: Names, report: Report, *, doubts: bool = True
    ) -> None:
        if names.known is None:
            return
        for name in sorted(used):
            field = names.known.get(name)
            if field is None:
                message = f"{self.of}{unknown(name, names.known, names.others)}"
                report.wrong_within(self.keys, self.source, _first(name, self.source), message)
            elif doubts and field.lacking:
                message = f"{name!r} may be missing: {field.lacking}; a unit without it fails here."
                remedy = "Add `when`, or see that all have it"
                report.doubtful(self.keys, f"{self.of}{message} {remedy}")


def check_expressions(
    expressions: Mapping[str, str],
    names: Names,
    report: Report,
    *,
    init: Mapping[str, str] | None = None,
    loop_until: str | None = None,
    doubts: bool = True,
) -> Made:
    """Report what is wrong with expressions that are computed in order; return what they make."""
    sources = {"init": init or {}, "expressions": expressions}
    made, needed = dict[str, Field](), set[str]()
    further_down = dict.fromkeys((*(init or ()), *expressions), _FURTHER_DOWN)
    for part, name, expression, needs in read(expressions, init=init, loop_until=loop_until):
        here = Names(
            None if names.known is None else {**names.known, **made},
            {**names.others, **further_down},
        )
        if part == "loop_until":
            text = _Text(loop_until or "", (part,), f"{part}: ")
        else:
            text = _Text(sources[part][name], (part, name), f"{part} {name!r}: ")
            made[name] = Field("this step")
        if isinstance(expression, ExpressionError):
            text.not_read(expression, report)
        text.names(needs, here, report, doubts=doubts)
        needed |= needs
    return Made(frozenset(made), frozenset(needed))


def check_condition(step: Step, names: Names, report: Report) -> None:
    """Report what is wrong with the step's `when`."""
    if step.when is not None:
        _Text(step.when, ("when",), "when: ").check(names, report)


def check_rules(step: Step, names: Names, report: Report) -> None:
    """Report what is wrong with the step's rules."""
    first: dict[str, int] = {}
    for place, rule in enumerate(step.rules):
        keys, of = ("rules", place), f"rule {rule.name!r}: "
        if first.setdefault(rule.name, place) != place:
            report.doubtful(
                (*keys, "name"), f"{of}there is a rule of this name already: rename one"
            )
        if rule.when is not None:
            _Text(rule.when, (*keys, "when"), of).check(names, report, doubts=False)
        # Whoever says `when` will have thought of units that lack a field.
        sure = rule.when is None and step.when is None
        _Text(rule.expr, (*keys, "expr"), of).check(names, report, doubts=sure)
        for name in _shown(rule.error, names):
            message = f"{of}its error shows {{{name}}} as it stands: there is no such field"
            near = did_you_mean(name, names.known or ())
            report.doubtful((*keys, "error"), f"{message}{near}")


def _shown(error: str | None, names: Names) -> list[str]:
    """Return the fields that the error of a rule wants to show and that nothing has."""
    if error is None or names.known is None:
        return []
    return [
        name for name in PLACEHOLDER.findall(error) if name not in names.known and name != COMPUTED
    ]


def _first(name: str, source: str) -> int | None:
    found = re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", source)
    return found.start() if found else None


def _offset(source: str, line: int, column: int) -> int:
    """Return which character of an expression is at a place that is counted without its margins."""
    margin = len(source) - len(source.lstrip())
    before = source.strip().split("\n")[: line - 1]
    return margin + sum(len(text) + 1 for text in before) + column - 1
