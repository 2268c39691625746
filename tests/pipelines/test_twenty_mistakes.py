"""Twenty folders made wrong, one mistake each, and one with all twenty: read the messages aloud."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from pipelines import inspect

CONFIG = """\
name: Letters
items_source: letters.yaml
units: {strategy: cross_product, positions: {letter: letters, tone: tones}}
chunk_size: 10
max_retries: 3
global_context: {house: the old depot}
expressions:
  size: "len(letter.text)"
pipeline:
  - name: draft
    system: voice.jinja2
    template: draft.jinja2
    output_schema: draft.json
    max_tokens: 500
    rules:
      - {name: short, expr: "len(body) < 500", error: "{_computed} characters"}
  - name: weigh
    scope: expression
    init: {points: "0"}
    expressions:
      words: "len(body.split())"
      verdict: >-
        'long'
        if words > 100
        else 'short'
  - name: judge
    template: judge.jinja2
    output_schema: judge.json
    retry_step: draft
    ranges: {grade: [0, 10]}
    rules:
      - {name: good, expr: "grade >= 7", error: "only {grade}"}
  - name: split
    scope: fan_out
    field: remarks
    child_field: remark
  - name: answer
    template: answer.jinja2
    output_schema: answer.json
    when: "grade > 5"
post_process:
  - {name: Grades, group_by: tone, count: grade, output: grades.csv}
"""


def schema(**properties):
    said = {"type": "object", "properties": properties, "required": [*properties]}
    return json.dumps({**said, "additionalProperties": False})


FILES = {
    "config.yaml": CONFIG,
    "letters.yaml": "letters: [{name: lamp, text: It flickers.}]\ntones: [warm, dry]\n",
    "templates/voice.jinja2": "You speak for {{ house }}.\n",
    "templates/draft.jinja2": "A letter, {{ size }} long:\n{{ letter.text }}\nBe {{ tone }}.\n",
    "templates/judge.jinja2": "{{ verdict }}: {{ body }} ({{ points }})\n",
    "templates/answer.jinja2": "{% if grade %}\n{{ letter.text }}\n{% endif %}\n",
    "schemas/draft.json": schema(body={"type": "string"}),
    "schemas/judge.json": schema(grade={"type": "integer"}, remarks={"type": "array"}),
    "schemas/answer.json": schema(answer={"type": "string"}),
}


class Mistake(NamedTuple):
    """One edit of the good folder, and the one thing that is to be said of it."""

    file: str
    old: str
    new: str
    said: str


MISTAKES = {
    "a key misspelt": Mistake(
        "config.yaml",
        "chunk_size: 10",
        "chunksize: 10",
        "config.yaml:4: unknown key 'chunksize'; did you mean 'chunk_size'?",
    ),
    "a word for a number": Mistake(
        "config.yaml",
        "max_retries: 3",
        "max_retries: many",
        "config.yaml:5: 'max_retries' should be a whole number, not 'many'",
    ),
    "another name than the folder's": Mistake(
        "config.yaml",
        "name: Letters",
        "name: Leters",
        "config.yaml:1: the name 'Leters' is not the folder's: write `name: Letters`",
    ),
    "a template misspelt": Mistake(
        "config.yaml",
        "template: judge.jinja2",
        "template: juge.jinja2",
        "config.yaml:27: step 'judge': template 'juge.jinja2' is not in templates/; "
        "did you mean 'judge.jinja2'?",
    ),
    "a template from elsewhere": Mistake(
        "config.yaml",
        "system: voice.jinja2",
        "system: ../../voice.jinja2",
        "config.yaml:11: step 'draft': system '../../voice.jinja2' is not in templates/; "
        "it cannot be elsewhere: put a copy there",
    ),
    "a template with a block that is not closed": Mistake(
        "templates/answer.jinja2",
        "{% endif %}\n",
        "",
        "templates/answer.jinja2:2: not a template: Unexpected end of template. Jinja was "
        "looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that "
        "needs to be closed is 'if'.",
    ),
    "a field misspelt in a template": Mistake(
        "templates/draft.jinja2",
        "{{ tone }}",
        "{{ tune }}",
        "templates/draft.jinja2:3: 'tune' is no field of the units here; did you mean 'tone'?",
    ),
    "a schema that is no JSON": Mistake(
        "schemas/answer.json",
        '"required": [',
        '\n"required": [,',
        "schemas/answer.json:2: not JSON: unexpected character, expected a JSON value",
    ),
    "a bracket that is not closed": Mistake(
        "config.yaml",
        "len(body) < 500",
        "len(body < 500",
        "config.yaml:16:33: step 'draft': rule 'short': not an expression: '(' was never closed",
    ),
    "a field misspelt in a folded expression": Mistake(
        "config.yaml",
        "if words > 100",
        "if wrods > 100",
        "config.yaml:24:12: step 'weigh': expressions 'verdict': 'wrods' is no field of the "
        "units here; did you mean 'words'?",
    ),
    "a function that there is not": Mistake(
        "config.yaml",
        'init: {points: "0"}',
        "init: {points: \"open('x')\"}",
        "config.yaml:19:21: step 'weigh': init 'points': 'open' is not a function here",
    ),
    "units sent back to a step misspelt": Mistake(
        "config.yaml",
        "retry_step: draft",
        "retry_step: daft",
        "config.yaml:29: step 'judge': retry_step: 'daft' is no step; did you mean 'draft'?",
    ),
    "a range for what no reply has": Mistake(
        "config.yaml",
        "ranges: {grade: [0, 10]}",
        "ranges: {grades: [0, 10]}",
        "config.yaml:30: step 'judge': ranges: the schema has no 'grades'; did you mean 'grade'?",
    ),
    "children of what no step makes": Mistake(
        "config.yaml",
        "field: remarks",
        "field: remark",
        "config.yaml:35: step 'split': field: 'remark' is no field of the units here; "
        "did you mean 'remarks'?",
    ),
    "a condition by lot": Mistake(
        "config.yaml",
        'when: "grade > 5"',
        'when: "random.random() > 0.5"',
        "config.yaml:40:12: step 'answer': when: random is not allowed here: what is decided "
        "must not be drawn by lot",
    ),
    "a scope misspelt": Mistake(
        "config.yaml",
        "scope: fan_out",
        "scope: fanout",
        "config.yaml:34: step 'split': 'scope' should be 'chunk', 'expression', 'fan_out' or "
        "'run', not 'fanout'; did you mean 'fan_out'?",
    ),
    "a name twice": Mistake(
        "config.yaml",
        "name: answer",
        "name: judge",
        "config.yaml:37: there is a step 'judge' already, on line 26: rename one",
    ),
    "a key where it does nothing": Mistake(
        "config.yaml",
        "child_field: remark",
        "into: remark",
        "config.yaml:36: step 'split': 'into' does nothing at a step of scope `fan_out`: "
        "it belongs to scope `chunk` or `expression`",
    ),
    "a setting misspelt": Mistake(
        "config.yaml",
        "max_tokens: 500",
        "max_token: 500",
        "config.yaml:14: step 'draft': unknown key 'max_token'; did you mean 'max_tokens'?",
    ),
    "a table in another folder": Mistake(
        "config.yaml",
        "output: grades.csv",
        "output: ../grades.csv",
        "config.yaml:42: post_process 'Grades': output '../grades.csv' leads out of outputs/: "
        "give a file's name",
    ),
}


@pytest.fixture
def letters(tmp_path: Path) -> Callable[..., list[str]]:
    """Return what is said of the good folder with some mistakes made in it."""

    def said(*mistakes: Mistake) -> list[str]:
        files = dict(FILES)
        for mistake in mistakes:
            assert files[mistake.file].count(mistake.old) == 1, mistake
            files[mistake.file] = files[mistake.file].replace(mistake.old, mistake.new)
        folder = tmp_path / "Letters"
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
        found = inspect(folder)
        assert (found.pipeline is None) == bool(mistakes)
        return [str(problem).removeprefix(f"{folder}/") for problem in found.problems]

    return said


def test_the_good_folder_is_good(letters):
    assert letters() == []


@pytest.mark.parametrize("what", MISTAKES)
def test_one_mistake_is_told_with_its_place_and_its_remedy(letters, what):
    assert letters(MISTAKES[what]) == [MISTAKES[what].said]


def test_all_twenty_are_told_at_once(letters):
    """In the order of the files; the step that has another's name is called by it."""
    assert len(MISTAKES) == 20
    said = [
        mistake.said.replace("'answer': when", "'judge': when") for mistake in MISTAKES.values()
    ]
    found = letters(*MISTAKES.values())
    assert sorted(found) == sorted(said)
    lines = [int(line.split(":")[1]) for line in found if line.startswith("config.yaml")]
    assert lines == sorted(lines)
