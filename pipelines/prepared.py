"""A step with everything compiled that asking, computing and judging need."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Template

from pipelines.computing import Computation
from pipelines.model import Pipeline, Scope, Step
from pipelines.prompts import Exchange, Prompt, conversation
from pipelines.rules import Rules
from pipelines.schemas import Schema, parse_schema
from pipelines.template_names import mentions
from pipelines.templates import environment, render
from pipelines.verdicts import Passed, Unit

__all__ = ["MAX_ITERATIONS", "PreparedStep", "prepare"]

MAX_ITERATIONS = 1000
"""Of a loop whose step does not say."""


@dataclass(frozen=True)
class PreparedStep:
    """A step, ready for units."""

    step: Step
    template: Template | None
    """None at a step that asks no model."""
    system: Template | None
    context: Mapping[str, Any]
    """What every template knows beside the unit."""
    feedback: bool
    """Whether a model that is asked again is shown what was wrong."""
    validator: Schema | None
    rules: Rules | None
    when: Computation | None
    """Computes `when`: which units the step is for."""
    computation: Computation | None
    """What an expression step computes."""
    computed: Computation | None
    """What is computed of each unit for the templates of this step only."""
    seed: int | None
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What a template knows by names that nothing else has."""

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The JSON Schema of the reply."""
        return self.validator.document if self.validator else None

    def prompt(
        self,
        unit: Unit,
        exchanges: Sequence[Exchange] = (),
        *,
        computed: Mapping[str, Any] | None = None,
    ) -> Prompt:
        """Return what to tell the model about `unit`.

        Args:
            unit: What is asked about.
            exchanges: Its earlier replies that were not taken, oldest first.
            computed: What the pipeline's expressions make of the unit.

        Raises:
            TemplateError: a template cannot be rendered for this unit.
        """
        assert self.template is not None, "only a step with a template asks"
        context = {
            **self.defaults,
            **unit,
            **(computed or {}),
            **self.context,
            "previous": exchanges[-1].as_context() if exchanges else None,
        }
        question = render(self.template, context)
        system = render(self.system, context) if self.system else None
        return Prompt(system, conversation(question, exchanges if self.feedback else ()))

    def merged(self, unit: Unit, passed: Passed) -> Unit:
        """Return `unit` with what a valid reply adds to it."""
        into = self.step.into
        merged = {**unit, **({into: passed.fields} if into else passed.fields)}
        if passed.warnings:
            said = [{"step": self.step.name, **asdict(warning)} for warning in passed.warnings]
            merged["_warnings"] = [*unit.get("_warnings", ()), *said]
        return merged


def prepare(pipeline: Pipeline, step: Step) -> PreparedStep:
    """Return `step` of a loaded pipeline with its templates, schema and expressions compiled."""
    asks = step.scope is Scope.CHUNK
    templates = environment(pipeline.folder / "templates")
    template = step.template if asks else None
    return PreparedStep(
        step=step,
        template=templates.get_template(template) if template else None,
        system=templates.get_template(step.system) if asks and step.system else None,
        context=pipeline.global_context,
        feedback=pipeline.retry_feedback
        and not (template and mentions(templates, template, "previous")),
        validator=_validator(pipeline.folder, step),
        rules=Rules.compile(step.rules) if step.rules else None,
        when=Computation.condition(step.when) if step.when else None,
        computation=_computation(step) if step.scope is Scope.EXPRESSION else None,
        computed=Computation.compile(pipeline.expressions)
        if asks and pipeline.expressions
        else None,
        seed=pipeline.units.seed,
        defaults=pipeline.defaults,
    )


def _validator(folder: Path, step: Step) -> Schema | None:
    if step.output_schema is None:
        return None
    return parse_schema((folder / "schemas" / step.output_schema).read_bytes())


def _computation(step: Step) -> Computation:
    return Computation.compile(
        step.expressions,
        init=step.init,
        loop_until=step.loop_until,
        max_iterations=step.max_iterations or MAX_ITERATIONS,
    )
