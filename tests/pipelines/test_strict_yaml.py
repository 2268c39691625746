"""YAML means what it looks like, and everything in it has a line."""

from pathlib import Path

import pytest

from pipelines.errors import PipelineError
from pipelines.strict_yaml import read_yaml

PATH = Path("x.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("True", "True"),
        ("true", True),
        ("~", None),
        ("", None),
        ("a:", {"a": None}),
        ("0123", "0123"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-11-22", "2026-11-22"),
        (".inf", ".inf"),
        ("-5", -5),
        ("1.5e3", 1500.0),
        ("'5'", "5"),
        ("[a, 1]", ["a", 1]),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("text: |\n  one\n  two\n", {"text": "one\ntwo\n"}),
    ],
)
def test_a_scalar_is_what_it_looks_like(text, value):
    assert read_yaml(PATH, text).value == value


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\na: 2", 2, "the key 'a' is here twice; first on line 1"),
        ("a:\n  - !!python/object:os.system x", 2, "is not allowed"),
        ("!!binary aGk=", 1, "is not allowed"),
        ("5: a", 1, "the key 5 must be text: write '5'"),
        ("? [a]\n: b", 1, "a key must be text"),
        ("a: [1\n", 2, "flow sequence"),
        ("a: b: c", 1, "mapping values"),
        ("!!int abc", 1, "'abc' is not a valid int"),
        ("a: 1\n---\nb: 2", 2, "document"),
        ("a: *x", 1, "alias"),
    ],
)
def test_what_is_refused_is_said_with_its_line(text, line, message):
    with pytest.raises(PipelineError, match=message) as caught:
        read_yaml(PATH, text)
    assert caught.value.problems[0].line == line


def test_all_mistakes_are_told_at_once():
    with pytest.raises(PipelineError) as caught:
        read_yaml(PATH, "a: 1\na: 2\n7: x\nb: !x y")
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4]


def test_bombs_and_towers_are_refused():
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(PipelineError, match="too large"):
        read_yaml(PATH, "\n".join(rows))
    with pytest.raises(PipelineError, match="too deep"):
        read_yaml(PATH, "[" * 200 + "]" * 200)
    with pytest.raises(PipelineError, match="too deep"):
        read_yaml(PATH, "&a [*a]")


def test_every_value_has_a_line():
    document = read_yaml(PATH, "a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n")
    assert document.line(("b", 1)) == 4
    assert document.line(("b", 1, "d")) == 5
    assert document.line(("b", 1, "d", "nowhere")) == 5
    assert document.line(("nowhere",)) == 1
