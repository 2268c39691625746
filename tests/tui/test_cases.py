"""A case tells an assistant what was asked, what was said, and what is wrong with it."""

from contextlib import closing
from pathlib import Path

import pytest

import runs
from runs import Run, RunPaths
from tui.cases import case, prompt_of
from tui.story import Story, story

CONFIG = """
name: Letters
pipeline:
  - {name: write, template: write.jinja2}
  - {name: judge, template: write.jinja2, retry_step: write}
"""


@pytest.fixture
def told(make_run, take):
    """The story of a unit that failed at the second step."""
    folder = make_run()
    with closing(Run.open(folder)) as run:
        take(run, "chunk_000", "write")
        take(run, "chunk_000", "judge", failing=1)
        return folder, story(RunPaths(folder), run.state, "chunk_000", "u0")


def test_the_step_that_asked_is_told(told: tuple[Path, Story]):
    folder, unit = told
    text = case(folder, "Letters", unit, unit.steps[1])
    assert text.startswith("This is unit 'u0' of a run of the Octobatch pipeline 'Letters', at its")
    for part in (
        "which does not accept a model's reply",
        "## Prompt of 'judge' (openai/gpt-6-luna)",
        "## Last reply to 'judge'\nabout u0",
        "$.tone (kind): not kind",
        '"mood": "sad"',
    ):
        assert part in text
    assert "'write'" not in text
    assert "\x1b" not in text


def test_a_step_that_asks_nobody_is_told_with_the_one_before_it(told: tuple[Path, Story]):
    """What it checks is what a model said there."""
    folder, unit = told
    write, judge = unit.steps
    quiet = judge.__class__(judge.step, (), judge.verdicts, judge.entered, None)
    text = case(folder, "Letters", Story("u0", "chunk_000", (write, quiet)), quiet)
    for part in ("## Step 'write'", "## Step 'judge'", "## Last reply to 'write'\nabout u0"):
        assert part in text
    assert "## Reckoned by 'judge'\n{}" in text


def test_a_step_that_was_content_is_told_with_who_was_not(make_run, take):
    """And its files are there, as they are written."""
    folder = make_run()
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "templates").mkdir()
    (folder / "templates" / "write.jinja2").write_text("Write of {{ mood }}.")
    with closing(Run.open(folder)) as run:
        take(run, "chunk_000", "write")
        take(run, "chunk_000", "judge", back=1)
        unit = story(RunPaths(folder), run.state, "chunk_000", "u0")
    text = case(folder, "Letters", unit, unit.steps[0])
    assert "which accepted a model's reply, but later steps sent it back" in text
    assert "## Sent back to 'write' by later steps" in text
    assert "name: write" in text
    assert "### templates/write.jinja2\nWrite of {{ mood }}." in text


def test_a_prompt_that_cannot_be_rendered_says_why(told: tuple[Path, Story]):
    folder, unit = told
    shown = prompt_of(folder, unit.steps[0])
    assert shown.text is None
    assert shown.note is not None
    assert shown.note.startswith("The prompt cannot be rendered here: ")
    assert runs.is_run(folder)
