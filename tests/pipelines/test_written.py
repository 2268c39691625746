"""A character of a text is found in the file, however YAML lets it be written there."""

from pathlib import Path

import pytest

from pipelines.strict_yaml import read_yaml
from pipelines.written import Place


@pytest.mark.parametrize(
    ("written", "text", "place"),
    [
        ("a: x + y", "x + y", (1, 8)),
        ('a: "x + y"', "x + y", (1, 9)),
        ("a: 'it''s + y'", "it's + y", (1, 13)),
        ("a: \"'' == y\"", "'' == y", (1, 11)),
        ('a: "\\"b\\" + y"', '"b" + y', (1, 13)),
        ("a: x +\n  y", "x + y", (2, 3)),
        ("a: >-\n  x +\n  y", "x + y", (3, 3)),
        ("a: |\n\n  x +\n    y\n", "\nx +\n  y\n", (4, 5)),
        ("ä: {b: é+  y}", "é+  y", (1, 12)),
    ],
)
def test_the_y_is_found(written, text, place):
    document = read_yaml(Path("x.yaml"), written, texts=True)
    (found,) = (keys for keys in document.texts if keys)
    value = document.value
    for key in found:
        value = value[key]
    assert value == text
    assert document.texts[found].find(text, text.rindex("y")) == Place(*place)


def test_what_is_written_by_its_number_is_not_looked_for():
    """The line is told then, and no column that might be wrong."""
    document = read_yaml(Path("x.yaml"), 'a: "\\x41 + y"', texts=True)
    assert document.texts["a",].find("A + y", 4) is None


def test_texts_are_remembered_only_if_that_is_asked_for():
    assert not read_yaml(Path("x.yaml"), "a: b").texts
