"""Judge replies by a step's rules: all units of a batch in one call into the sandbox."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import orjson

from pipelines.expressions import Expression, parse
from pipelines.model import Level, Rule
from pipelines.programs import PRELUDE, catches, entry_name, indented, loads
from pipelines.sandbox import Program, Sandbox, Stopped
from pipelines.verdicts import Error, Unit

__all__ = ["COMPUTED", "PLACEHOLDER", "Judged", "Rules"]

MAX_SHOWN = 200

_Compiled: TypeAlias = tuple[Expression, Expression | None]
"""A rule's `expr` and `when`."""
PLACEHOLDER = re.compile(r"\{(\w+)\}")
"""What stands for a field in the error of a rule."""
COMPUTED = "_computed"
"""Stands there for what the rule compared."""


class Judged(NamedTuple):
    """What the rules say of one unit."""

    errors: tuple[Error, ...]
    warnings: tuple[Error, ...]
    """The rules of level `warning` that do not hold."""
    notes: tuple[str, ...]


class _Outcome(NamedTuple):
    """One rule's answer, as it comes out of the sandbox."""

    kind: str
    """`broken`, `fault` (of the expression) or `unclear` (a fault of `when`)."""
    detail: str
    """What was compared, or the fault."""


@dataclass(frozen=True)
class Rules:
    """A step's rules, compiled."""

    rules: tuple[Rule, ...]
    names: frozenset[str]
    """The fields they read."""
    program: Program

    @classmethod
    def compile(cls, rules: Sequence[Rule]) -> "Rules":
        """Compile `rules`, which are known to be in the language."""
        compiled = [(parse(rule.expr), parse(rule.when) if rule.when else None) for rule in rules]
        read = (part.names for pair in compiled for part in pair if part)
        return cls(tuple(rules), frozenset[str]().union(*read), _program(compiled))

    async def judge(self, units: Iterable[Unit], sandbox: Sandbox) -> list[Judged]:
        """Return what the rules say of each of `units`, with their replies' fields merged in."""
        merged = list(units)
        rows = [{name: unit[name] for name in self.names if name in unit} for unit in merged]
        answers = await sandbox.run(self.program, rows)
        return [self._judged(unit, answer) for unit, answer in zip(merged, answers, strict=True)]

    def _judged(self, unit: Unit, answer: Any) -> Judged:
        if isinstance(answer, Stopped):
            name = "rules" if answer.at is None else self.rules[answer.at].name
            return Judged((Error("$", name, f"the rules were stopped: {answer.reason}"),), (), ())
        errors: list[Error] = []
        warnings: list[Error] = []
        notes: list[str] = []
        for rule, outcome in zip(self.rules, orjson.loads(answer), strict=True):
            if outcome is None:
                continue
            kind, detail = _Outcome(*outcome)
            if kind == "unclear":
                notes.append(f"{rule.name}: not applied, since `when` failed: {detail}")
                continue
            broken = Error("$", rule.name, _message(rule, unit, kind, detail))
            (warnings if rule.level is Level.WARNING else errors).append(broken)
        return Judged(tuple(errors), tuple(warnings), tuple(notes))


def _message(rule: Rule, unit: Mapping[str, Any], kind: str, detail: str) -> str:
    values = {**unit, COMPUTED: detail} if kind == "broken" else unit
    template = rule.error or f"does not hold: {rule.expr}"
    message = PLACEHOLDER.sub(
        lambda found: str(values[found[1]])[:MAX_SHOWN] if found[1] in values else found[0],
        template,
    )
    return f"{message} (expression error: {detail})" if kind == "fault" else message


def _program(compiled: Sequence[_Compiled]) -> Program:
    rules = [_function(expr, when) for expr, when in compiled]
    entry = entry_name("judge", (line for rule in rules for line in rule))
    lines = [PRELUDE]
    for place, rule in enumerate(rules):
        lines += [f"def {entry}_{place}(__unit):", *indented(rule)]
    asked = (
        f"__at = {place}; __said.append({entry}_{place}(__unit))" for place in range(len(rules))
    )
    # Writing JSON looks at the clock: text that was cut short for want of time is no verdict.
    body = ["global __at", "__said = []", *asked, "return json.dumps(__said)"]
    return Program("\n".join([*lines, f"def {entry}(__unit):", *indented(body), ""]), entry)


def _function(expr: Expression, when: Expression | None) -> list[str]:
    """Return the inside of a function that answers None when its rule holds or does not apply."""
    names = expr.names | (when.names if when else frozenset())
    compared = expr.left or "''"
    applies = _guarded(f"if not ({when.code}): return None", "unclear") if when else ()
    return [
        *loads(names, "__unit"),
        *applies,
        *_guarded(f"if {expr.code}: return None", "fault"),
        "try:",
        f"    return ['broken', str({compared})[:{MAX_SHOWN}]]",
        "except Exception:",
        "    return ['broken', '']",
    ]


def _guarded(statement: str, kind: str) -> list[str]:
    return ["try:", f"    {statement}", *catches(f"return ['{kind}', reason]")]
