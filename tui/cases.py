"""The prompt of a unit as it was asked, and the whole case, to be pasted into an assistant."""

from pathlib import Path
from typing import NamedTuple

from pipelines import (
    PipelineError,
    SandboxError,
    Step,
    TemplateError,
    load_frozen,
    prepare,
)
from pipelines.prompts import Prompt
from tui.clean import clean
from tui.story import StepStory, Story, Verdict

__all__ = ["ShownPrompt", "case", "prompt_of"]


class ShownPrompt(NamedTuple):
    """What a model was told about a unit."""

    text: str | None
    """None if it cannot be rendered."""
    note: str | None
    """What is not shown, or why nothing is."""


def prompt_of(run_dir: Path, at: StepStory) -> ShownPrompt:
    """Return the first prompt of a unit at a step, from the run's own pipeline.

    What a model is shown when it is asked again is not kept: only the first can be rendered.
    """
    try:
        step = _step(run_dir, at.step)
        prepared = prepare(load_frozen(run_dir), step)
        if prepared.template is None:
            return ShownPrompt(None, "This step asks no model.")
        if at.entered is None:
            return ShownPrompt(None, "The unit has not come to this step.")
        prompt = prepared.prompt(dict(at.entered))
    except (PipelineError, TemplateError, SandboxError, StopIteration, OSError) as error:
        return ShownPrompt(None, clean(f"The prompt cannot be rendered here: {error}", lines=True))
    again = any((asking.round, asking.attempt) > (1, 1) for asking in at.askings)
    note = "This is the first prompt; askings after it also showed the reply and its errors."
    return ShownPrompt(clean(_told(prompt), lines=True), note if again else None)


def case(run_dir: Path, pipeline: str, story: Story, at: StepStory) -> str:
    """Return all that an assistant needs to say why a unit did not pass a step.

    Where the step itself asks no model, what a model said before it is told, too.
    """
    asked = _asked(story, at)
    steps = [at] if asked is None or asked is at else [asked, at]
    parts: dict[str, str] = {}
    for step in steps:
        parts[f"Step {step.step!r}, as configured"] = _configured(run_dir, step.step)
    if asked is not None:
        shown = prompt_of(run_dir, asked)
        parts[f"Prompt of {asked.step!r}"] = "\n\n".join(part for part in shown if part)
        parts[f"Reply to {asked.step!r}"] = _reply(asked)
    if asked is not at:
        parts[f"Reckoned by {at.step!r}"] = _reply(at)
    parts["Errors"] = "\n".join(map(_errors, at.verdicts)) or "none"
    how = "a model was asked" if asked is at else "what was said before it was put to rules"
    said = (
        f"This is unit {story.unit_id!r} of a run of the Octobatch pipeline {clean(pipeline)!r}, "
        f"at its step {at.step!r}: {how}, and the outcome was checked. Say why it does not pass, "
        "and what to change in the prompt, the schema or the rules."
    )
    return "\n\n".join([said, *(f"## {title}\n{text}" for title, text in parts.items())]) + "\n"


def _asked(story: Story, at: StepStory) -> StepStory | None:
    """Return the step at which a model was asked last, this one or one before it."""
    before = story.steps[: story.steps.index(at) + 1]
    return next((step for step in reversed(before) if step.askings), None)


def _step(run_dir: Path, name: str) -> Step:
    return next(step for step in load_frozen(run_dir).steps if step.name == name)


def _told(prompt: Prompt) -> str:
    turns = [f"[{who}]\n{text}" for who, text in prompt.turns]
    return "\n\n".join([f"[system]\n{prompt.system}", *turns] if prompt.system else turns)


def _configured(run_dir: Path, name: str) -> str:
    try:
        step = _step(run_dir, name)
        told = step.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    except (PipelineError, StopIteration, OSError) as error:
        return clean(f"cannot be read: {error}", lines=True)
    return clean("\n".join(f"{key}: {value}" for key, value in told.items()), lines=True)


def _reply(at: StepStory) -> str:
    last = at.askings[-1] if at.askings else None
    if last is None:
        return at.verdicts[-1].reply or "none" if at.verdicts else "none"
    return last.reply or last.body or last.error or "none"


def _errors(verdict: Verdict) -> str:
    went = f"sent back to {verdict.sent_back_to}" if verdict.sent_back_to else "failed"
    lines = (f"- {e.path} ({e.rule}): {e.message}" for e in verdict.errors)
    return "\n".join([f"Round {verdict.round}, {went}, {verdict.stage}:", *lines])
