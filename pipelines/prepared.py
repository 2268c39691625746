"""A step with everything compiled that asking and judging need."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Template

from pipelines.model import Pipeline, Step
from pipelines.prompts import Previous, Prompt, asked_again
from pipelines.rules import Rules
from pipelines.schemas import Schema, parse_schema
from pipelines.templates import environment, mentions, render
from pipelines.verdicts import Unit

__all__ = ["PreparedStep", "prepare"]


@dataclass(frozen=True)
class PreparedStep:
    """A step, ready for units."""

    step: Step
    template: Template
    system: Template | None
    context: Mapping[str, Any]
    """What every template knows beside the unit."""
    feedback: bool
    """Whether a model that is asked again is shown what was wrong."""
    validator: Schema | None
    rules: Rules | None

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The JSON Schema of the reply."""
        return self.validator.document if self.validator else None

    def prompt(self, unit: Unit, previous: Previous | None = None) -> Prompt:
        """Return what to tell the model about `unit`.

        Raises:
            TemplateError: a template cannot be rendered for this unit.
        """
        context = {
            **unit,
            **self.context,
            "previous": previous.as_context() if previous else None,
        }
        question = render(self.template, context)
        system = render(self.system, context) if self.system else None
        if previous is None or not self.feedback:
            return Prompt(system, (("user", question),))
        return Prompt(system, asked_again(question, previous))


def prepare(pipeline: Pipeline, step: Step) -> PreparedStep:
    """Return `step` of a loaded pipeline with its templates, schema and rules compiled."""
    assert step.template is not None, "a loaded step has a template"
    templates = environment(pipeline.folder / "templates")
    schema = pipeline.folder / "schemas" / step.output_schema if step.output_schema else None
    return PreparedStep(
        step=step,
        template=templates.get_template(step.template),
        system=templates.get_template(step.system) if step.system else None,
        context=pipeline.global_context,
        feedback=pipeline.retry_feedback and not mentions(templates, step.template, "previous"),
        validator=parse_schema(schema.read_bytes()) if schema else None,
        rules=Rules.compile(step.rules) if step.rules else None,
    )
