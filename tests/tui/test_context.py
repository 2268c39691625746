"""What is copied of a step holds all that an assistant needs."""

from pathlib import Path

import pytest

from pipelines import inspect
from tests.tui.shelf import HERE, change, put
from tui.context import context
from tui.folders import look

CONFIG = """\
# for people
name: Letters
description: Letters, written and judged.
items_source: letters.yaml
api: {provider: openai, model: gpt-6-luna}
pipeline:
  # It is asked again until it fits.
  - name: write
    template: write.jinja2
    output_schema: letter.json
  - name: count
    scope: expression
    expressions: {words: "len(body.split())"}
"""
GOLDEN = """\
This is the step 'write' of the pipeline 'Letters' of Octobatch.
Octobatch takes many units of data through several steps; most steps ask a language model about
each unit, check its reply, and ask again where it does not pass. A pipeline is a folder:
config.yaml says which steps there are, templates/ holds their prompts (Jinja2), schemas/ what
replies must look like (JSON Schema), rehearsal/ replies to try it with.

Its folder is FOLDER: change files there. Then check it with

    octobatch check FOLDER

which tells everything that is wrong or doubtful by file and line, asks no model, and costs
nothing; and try it, without a key and free of charge, with

    octobatch run FOLDER --emulate --max-units 5 --yes

Its steps: write (openai/gpt-6-luna) -> count (computes).

## The step 'write' in config.yaml, from line 7
```yaml
  # It is asked again until it fits.
  - name: write
    template: write.jinja2
    output_schema: letter.json
```

## What config.yaml says of all steps
```yaml
# for people
name: Letters
description: Letters, written and judged.
items_source: letters.yaml
api: {provider: openai, model: gpt-6-luna}
```

## templates/write.jinja2
````jinja
Write a letter to {{ who }}, like this:
```
Dear {{ who }}
```
{% include 'end.jinja2' %}
````

## templates/end.jinja2
```jinja
Be brief.
```

## schemas/letter.json
```json
{"type": "object", "properties": {"body": {"type": "string"}},
 "required": ["body"], "additionalProperties": false}
```
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "Letters"
    files = {
        "config.yaml": CONFIG,
        "letters.yaml": "- {id: a, who: Ann}\n",
        "templates/write.jinja2": (
            "Write a letter to {{ who }}, like this:\n```\nDear {{ who }}\n```\n"
            "{% include 'end.jinja2' %}\n"
        ),
        "templates/end.jinja2": "Be brief.",
        "schemas/letter.json": (
            '{"type": "object", "properties": {"body": {"type": "string"}},\n'
            ' "required": ["body"], "additionalProperties": false}\n'
        ),
        "rehearsal/write.jinja2": '{"body": "Dear {{ who }}"}\n',
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    assert not inspect(folder).problems
    return folder


def test_a_step_is_told_whole(folder):
    assert context(look(folder), 1) == GOLDEN.replace("FOLDER", str(folder))


def test_what_a_check_says_is_told_with_it(folder):
    change(folder, "{{ who }}", "{{ whom }}", "templates/write.jinja2")
    told = context(look(folder), 1)
    assert "## What the check says of it now\n- templates/write.jinja2:1: 'whom' is" in told
    assert "whom" not in context(look(folder), 2)


def test_the_whole_is_told_with_all_of_its_configuration(folder):
    told = context(look(folder), 0)
    assert "This is the pipeline 'Letters'" in told
    assert CONFIG in told


def test_a_path_that_a_shell_would_read_otherwise_is_quoted(tmp_path):
    folder = put(tmp_path / "my pipelines; rm -rf")
    assert f"    octobatch check '{folder}'\n" in context(look(folder), 1)


def test_of_what_cannot_be_read_all_lines_are_told(tmp_path):
    folder = put(tmp_path)
    change(folder, "retry_step: generate", "retry_step: [generate")
    told = context(look(folder), 0)
    assert "- config.yaml:39: while parsing" in told
    assert "retry_step: [generate" in told


def test_a_step_in_the_original_s_form_is_told_with_the_whole_file():
    ferry = look(HERE.parent / "tests" / "pipelines" / "long_form" / "Ferry")
    place = [section.name for section in ferry.sections].index("tell")
    told = context(ferry, place)
    assert ferry.config.text in told
    assert "## templates/tell.jinja2" in told


def test_a_run_s_own_copy_is_not_to_be_changed(folder):
    told = context(look(folder, frozen=True), 1)
    assert "never to be changed" in told
    assert "octobatch check" not in told


def test_it_can_be_pasted_anywhere(folder):
    """No control character of a file is in it."""
    Path(folder, "templates", "end.jinja2").write_bytes(b"\x1b]52;c;eA==\x07 \xff")
    told = context(look(folder), 1)
    assert not any(ord(char) < 32 and char != "\n" for char in told)
