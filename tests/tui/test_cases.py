"""A case tells an assistant what was asked, what was said, and what is wrong with it."""

from contextlib import closing
from pathlib import Path

import pytest

import runs
from runs import Run, RunPaths
from tui.cases import case, prompt_of
from tui.story import Story, story


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
    for part in ("## Prompt of 'judge'", "## Reply to 'judge'", "$.tone (kind): not kind"):
        assert part in text
    assert "'write'" not in text
    assert "\x1b" not in text


def test_a_step_that_asks_nobody_is_told_with_the_one_before_it(told: tuple[Path, Story]):
    """What it checks is what a model said there."""
    folder, unit = told
    write, judge = unit.steps
    quiet = judge.__class__(judge.step, (), judge.verdicts, judge.entered, None)
    text = case(folder, "Letters", Story("u0", "chunk_000", (write, quiet)), quiet)
    for part in ("## Step 'write'", "## Step 'judge'", "## Reply to 'write'\nabout u0"):
        assert part in text
    assert "## Reckoned by 'judge'\n{}" in text


def test_a_prompt_that_cannot_be_rendered_says_why(told: tuple[Path, Story]):
    folder, unit = told
    shown = prompt_of(folder, unit.steps[0])
    assert shown.text is None
    assert shown.note is not None
    assert shown.note.startswith("The prompt cannot be rendered here: ")
    assert runs.is_run(folder)
