"""What other readers of YAML take for something else is told, and nothing else is."""

import json
import time

import pytest

from pipelines import inspect
from pipelines.yaml_traps import traps


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("no", "'no' is text here, and to most readers of YAML true or false"),
        ("Yes", "true or false"),
        ("on", "true or false"),
        ("True", "true or false"),
        ("NULL", "nothing"),
        ("0123", "a number"),
        ("0x1F", "a number"),
        ("1_000", "a number"),
        ("12:30", "a number"),
        (".5", "a number"),
        (".inf", "a number"),
        ("2026-11-22", "a date"),
        ("1e3", "1e3 is the number 1000 here, and to most readers of YAML text: write it out"),
        ("{<<: {a: 1}}", "'<<' is text here, and to most readers of YAML an order to merge"),
        ("{on: 1}", "'on' is text here"),
    ],
)
def test_a_word_that_is_not_read_alike_is_told_with_its_line(written, said):
    (trap,) = traps(f"# a comment\na: {written}\n")
    assert trap.line == 2
    assert said in trap.message


@pytest.mark.parametrize(
    "written",
    [
        "'no'",
        '"0123"',
        "!!str no",
        "12",
        "-1.5",
        "1.5e+3",
        "true",
        "null",
        "~",
        "",
        "north",
        "|\n  no",
    ],
)
def test_what_everybody_reads_alike_is_not_told(written):
    assert list(traps(f"a: {written}\n")) == []


def test_traps_in_items_are_told_and_many_are_counted(make_folder):
    items = "".join(f"- {{name: 0{n}, topic: no}}\n" for n in range(1000, 1040))
    doubts = inspect(make_folder({"items.yaml": items})).doubts
    assert len(doubts) == 10
    assert {doubt.path.name for doubt in doubts} == {"items.yaml"}
    (often,) = (doubt for doubt in doubts if "'no'" in doubt.message)
    assert often.line == 1
    assert often.message.endswith(" (and on 39 more lines)")


def test_a_large_file_of_items_costs_no_more_than_its_beginning():
    text = "".join(json.dumps({"name": n, "answer": "no"}) + "\n---\n" for n in range(200_000))
    began = time.process_time()
    assert list(traps(text)) == []
    assert time.process_time() - began < 2


def test_what_is_no_yaml_ends_the_search():
    assert [trap.line for trap in traps("a: no\nb: [")] == [1]
