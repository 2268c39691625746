"""Judge replies by a step's rules: all units of a batch in one call into the sandbox."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from pipelines.expressions import UNIT, Expression, parse
from pipelines.model import Level, Rule
from pipelines.sandbox import Program, Sandbox, Stopped
from pipelines.verdicts import Error, Unit

__all__ = ["Judged", "Rules"]

MAX_SHOWN = 200

_Compiled: TypeAlias = tuple[Expression, Expression | None]
"""A rule's `expr` and `when`."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Judged(NamedTuple):
    """What the rules say of one unit."""

    errors: tuple[Error, ...]
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
            return Judged((Error("$", "rules", f"the rules were stopped: {answer.reason}"),), ())
        errors: list[Error] = []
        notes: list[str] = []
        for rule, outcome in zip(self.rules, answer, strict=True):
            if outcome is None:
                continue
            kind, detail = _Outcome(*outcome)
            if kind == "unclear":
                notes.append(f"{rule.name}: not applied, since `when` failed: {detail}")
                continue
            message = _message(rule, unit, kind, detail)
            if rule.level is Level.WARNING:
                notes.append(f"{rule.name}: {message}")
            else:
                errors.append(Error("$", rule.name, message))
        return Judged(tuple(errors), tuple(notes))


def _message(rule: Rule, unit: Mapping[str, Any], kind: str, detail: str) -> str:
    values = {**unit, "_computed": detail} if kind == "broken" else unit
    template = rule.error or f"does not hold: {rule.expr}"
    message = _PLACEHOLDER.sub(
        lambda found: str(values[found[1]])[:MAX_SHOWN] if found[1] in values else found[0],
        template,
    )
    return f"{message} (expression error: {detail})" if kind == "fault" else message


def _program(compiled: Sequence[_Compiled]) -> Program:
    digest = hashlib.sha256(repr(compiled).encode()).hexdigest()[:16]
    entry = f"judge_{digest}"
    functions = "".join(
        _function(f"{entry}_{place}", expr, when) for place, (expr, when) in enumerate(compiled)
    )
    calls = ", ".join(f"{entry}_{place}({UNIT})" for place in range(len(compiled)))
    return Program(f"{functions}def {entry}({UNIT}):\n    return [{calls}]\n", entry)


def _function(name: str, expr: Expression, when: Expression | None) -> str:
    """Return a function that answers None when its rule holds or does not apply."""
    applies = _guarded(f"if not ({when.code}): return None", "unclear") if when else ""
    holds = _guarded(f"if {expr.code}: return None", "fault")
    compared = f"""\
    try:
        return ['broken', str({expr.left or "''"})[:{MAX_SHOWN}]]
    except Exception:
        return ['broken', '']
"""
    return f"def {name}({UNIT}):\n{applies}{holds}{compared}"


def _guarded(statement: str, kind: str) -> str:
    return f"""\
    try:
        {statement}
    except KeyError as error:
        return ['{kind}', f'there is no {{error}}']
    except Exception as error:
        return ['{kind}', f'{{type(error).__name__}}: {{error}}']
"""
