"""Check one step in its place, knowing what its units have, and say what they have after it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.expression_checks import check_condition, check_expressions, check_rules
from pipelines.fields import Field, Fields, Names, unknown
from pipelines.model import Level, Pipeline, Scope, Step
from pipelines.report import Report
from pipelines.schema_checks import check_constraints, check_schema
from pipelines.schemas import Schema
from pipelines.scope_checks import check_scope
from pipelines.strict_yaml import Document
from pipelines.template_checks import check_templates

__all__ = ["StepCheck", "made_by"]


@dataclass(frozen=True, slots=True)
class StepCheck:
    """The check of one step."""

    pipeline: Pipeline
    step: Step
    others: Mapping[str, str]
    """Names that are no fields at the step, with what to say of each."""
    report: Report
    used: set[Path]
    """Templates and rehearsals that some step uses."""

    def fields(self, known: Fields) -> Fields:
        """Report what is wrong, knowing the fields before the step; return those after it."""
        check_scope(self.step, self.report)
        names = Names(known, self.others)
        check_condition(self.step, names, self.report)
        match self.step.scope:
            case Scope.CHUNK:
                return self._asked(names)
            case Scope.EXPRESSION:
                return self._computed(names)
            case Scope.FAN_OUT:
                return self._fanned_out(known)
            case Scope.RUN:
                return known

    def _asked(self, names: Names) -> Fields:
        self.used.update(check_templates(self.pipeline, self.step, names, self.report))
        schema = check_schema(self.pipeline, self.step, self.report)
        replied = schema.fields if schema else None
        check_constraints(self.step, schema, replied, self.report)
        return self._judged(names, self._replied(schema), read=frozenset())

    def _replied(self, schema: Schema | None) -> dict[str, Field] | None:
        """Return the fields of a reply."""
        if schema is None or schema.fields is None:
            return None
        sure = schema.required | {*self.step.required}
        own = (name for name in schema.fields if name != "unit_id" and not name.startswith("_"))
        lacking = f"the schema of step {self.step.name!r} does not require it"
        return {name: self._made(None if name in sure else lacking) for name in own}

    def _computed(self, names: Names) -> Fields:
        step = self.step
        made, needed = check_expressions(
            step.expressions,
            names,
            self.report,
            init=step.init,
            loop_until=step.loop_until,
            doubts=step.when is None,
        )
        schema = check_schema(self.pipeline, step, self.report)
        check_constraints(step, schema, made, self.report)
        looping = {"_metadata"} if step.loop_until is not None else set[str]()
        fields = dict.fromkeys(made | looping, self._made())
        # What is computed from its old value is overwritten on purpose.
        return self._judged(names, fields, read=needed | {"_metadata"})

    def _judged(
        self, names: Names, made: Mapping[str, Field] | None, *, read: frozenset[str]
    ) -> Fields:
        """Check the rules of what was made; return the fields that units have then."""
        into = self.step.into
        kept = made if into is None else {into: self._made()}
        if names.known is None or made is None:
            check_rules(self.step, Names(None, self.others), self.report)
        else:
            merged = {**names.known, **made, **(kept or {})}
            check_rules(self.step, Names(merged, self.others), self.report)
        if names.known is None or kept is None:
            return None
        self._overwritten(names.known, kept.keys() - read)
        return {**names.known, **self._after(names.known, kept), **self._warnings(names.known)}

    def _after(self, known: Mapping[str, Field], made: Mapping[str, Field]) -> dict[str, Field]:
        """Return what is made, as it is known behind the step: units that it skips lack it."""
        if self.step.when is None:
            return {**made}
        skipped = self._made(f"step {self.step.name!r} skips units by its `when`")
        return {name: known.get(name, skipped) for name in made}

    def _warnings(self, known: Mapping[str, Field]) -> dict[str, Field]:
        if "_warnings" in known or not any(r.level is Level.WARNING for r in self.step.rules):
            return {}
        return {"_warnings": self._made("only units with a warning have it")}

    def _overwritten(self, known: Mapping[str, Field], made: Iterable[str]) -> None:
        for name in sorted(known.keys() & made):
            if self.step.into is not None:
                remedy = "take another name"
            elif self.step.scope is Scope.CHUNK:
                remedy = "with `into: NAME` the whole reply is kept under a name of its own"
            else:
                remedy = "call it otherwise to keep both"
            message = f"overwrites {name!r}, which units have from {known[name].maker}; {remedy}"
            self.report.doubtful(self._key(name), message)

    def _key(self, name: str) -> tuple[str, ...]:
        if self.step.into is not None:
            return ("into",)
        if self.step.scope is Scope.CHUNK:
            return ("output_schema",)
        return ("init" if name in self.step.init else "expressions", name)

    def _fanned_out(self, known: Fields) -> Fields:
        field, child = self.step.field, self.step.child_field
        if known is None:
            return None
        if field is not None and field not in known:
            others = {name: said for name, said in self.others.items() if name != child}
            self.report.wrong(("field",), f"field: {unknown(field, known, others)}")
        if child is not None and child != field:
            self._fan_out_overwrites(child, known)
        made = {"_fan_parent_id", "_fan_index", *filter(None, [child or field])}
        return {**known, **dict.fromkeys(made, self._made())}

    def _fan_out_overwrites(self, child: str, known: Mapping[str, Field]) -> None:
        if child in known:
            message = f"overwrites {child!r}, which units have from {known[child].maker}"
            self.report.doubtful(("child_field",), f"{message}; call it otherwise to keep both")

    def _made(self, lacking: str | None = None) -> Field:
        return Field(f"step {self.step.name!r}", lacking)


def made_by(pipeline: Pipeline, step: Step) -> frozenset[str]:
    """Return the fields that a step makes, as far as it says."""
    match step.scope:
        case Scope.CHUNK | Scope.EXPRESSION if step.into is not None:
            return frozenset({step.into})
        case Scope.CHUNK if step.output_schema is not None:
            schema = check_schema(pipeline, step, Report(pipeline.folder, Document(None, {})))
            return (schema.fields if schema else None) or frozenset()
        case Scope.EXPRESSION:
            return frozenset({*step.init, *step.expressions})
        case Scope.FAN_OUT if step.child_field is not None:
            return frozenset({step.child_field})
        case _:
            return frozenset()
