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
from runs import dumps
from tui.clean import clean
from tui.folders import look
from tui.sections import REHEARSAL
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
    note = (
        "Askings after the first may also have shown the reply before and what was wrong with it; "
        "that is not kept."
    )
    return ShownPrompt(clean(_told(prompt), lines=True), note if again else None)


def case(run_dir: Path, pipeline: str, story: Story, at: StepStory) -> str:
    """Return all that an assistant needs to say why a unit did not pass a step.

    Where the step itself asks no model, what a model said before it is told, too.
    """
    asked = _asked(story, at)
    parts: dict[str, str] = {"Errors": "\n".join(map(_errors, at.verdicts)) or "none"}
    if later := _sent_back(story, at):
        parts[f"Sent back to {at.step!r} by later steps"] = "\n".join(map(_errors, later))
    if asked is not at:
        parts[f"Reckoned by {at.step!r}"] = _reply(at)
    if asked is not None:
        shown = prompt_of(run_dir, asked)
        who = f" ({asked.askings[-1].provider}/{asked.askings[-1].model})" if asked.askings else ""
        parts[f"Prompt of {asked.step!r}{who}"] = "\n\n".join(part for part in shown if part)
        parts[f"Last reply to {asked.step!r}"] = _reply(asked)
    came = (
        dumps(dict(at.entered), pretty=True).decode() if at.entered is not None else "It did not."
    )
    parts[f"The unit as it came to {at.step!r}"] = clean(came, lines=True)
    for step in [at] if asked is None or asked is at else [asked, at]:
        parts[f"Step {step.step!r}, as configured"] = _configured(run_dir, step.step)
    said = (
        f"This is unit {story.unit_id!r} of a run of the Octobatch pipeline {clean(pipeline)!r}, "
        f"at its step {at.step!r}, {_how(at, later, asked)}. Say why, and what to change in the "
        f"prompt, the schema or the rules. The run's files are in {clean(str(run_dir))}."
    )
    return "\n\n".join([said, *(f"## {title}\n{text}" for title, text in parts.items())]) + "\n"


def _how(at: StepStory, later: list[Verdict], asked: StepStory | None) -> str:
    """Return what came of a unit at a step."""
    what = "a model's reply" if asked is at else "what was said before"
    if at.left is None:
        return f"which does not accept {what}" if at.verdicts else "which has no verdict on it yet"
    return f"which accepted {what}, but later steps sent it back" if later else "which it passed"


def _sent_back(story: Story, at: StepStory) -> list[Verdict]:
    """Return why later steps sent a unit back to this one."""
    behind = story.steps[story.steps.index(at) + 1 :]
    return [v for step in behind for v in step.verdicts if v.sent_back_to == at.step]


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
    """Return a step as it is written, with its templates and its schema."""
    folder = look(run_dir, frozen=True)
    section = next((one for one in folder.steps if one.name == name), None)
    if section is None:
        return "cannot be read"
    named = (one for one in section.files if not one.startswith(REHEARSAL))
    return "\n\n".join([section.yaml, *(f"### {one}\n{folder.files[one].text}" for one in named)])


def _reply(at: StepStory) -> str:
    last = at.askings[-1] if at.askings else None
    if last is None:
        return at.verdicts[-1].reply or "none" if at.verdicts else "none"
    return last.reply or last.body or last.error or "none"


def _errors(verdict: Verdict) -> str:
    went = f"sent back to {verdict.sent_back_to}" if verdict.sent_back_to else "failed"
    lines = (f"- {e.path} ({e.rule}): {e.message}" for e in verdict.errors)
    return "\n".join([f"Round {verdict.round}, {went}, {verdict.stage}:", *lines])
