"""Tables of results: groups, counted values, and cells that no spreadsheet computes."""

import csv
import json
from io import StringIO

import pytest

from tasks import tables
from tasks.tables import NoTable, table


def rows_of(units, group_by: str = "npc", count: str | None = "tone"):
    text = table(units, group_by=group_by, count=count).decode()
    return list(csv.reader(StringIO(text, newline="")))


def test_groups_are_rows_and_values_are_columns():
    """Groups come in the order of the results, values sorted, with the number of units first."""
    units = [
        {"npc": "Maren", "tone": "wry"},
        {"npc": "Osk", "tone": "warm"},
        {"npc": "Maren", "tone": "blunt"},
        {"npc": "Maren", "tone": "wry"},
    ]
    assert rows_of(units) == [
        ["npc", "n", "blunt", "warm", "wry"],
        ["Maren", "3", "1", "0", "2"],
        ["Osk", "1", "0", "1", "0"],
    ]


def test_a_group_without_a_field_to_count_has_its_size():
    """Without `count` the table says how many there are of each."""
    assert rows_of([{"npc": "Osk"}, {"npc": "Osk"}], count=None) == [["npc", "n"], ["Osk", "2"]]


def test_dotted_names_reach_into_objects():
    """A field that is really called so comes first."""
    units = [{"npc": {"name": "Maren"}}, {"npc": {"name": "Osk"}, "npc.name": "Brother Osk"}]
    assert rows_of(units, "npc.name", None)[1:] == [["Maren", "1"], ["Brother Osk", "1"]]


def test_an_object_is_known_by_its_name_or_id_else_as_json():
    """Characters are objects; people want to read who they are."""
    units = [{"npc": {"name": "Maren", "id": 7}}, {"npc": {"id": 7}}, {"npc": {"age": 7}}]
    assert [row[0] for row in rows_of(units, count=None)[1:]] == ["Maren", "7", '{"age":7}']


def test_numbers_sort_as_numbers_and_what_is_missing_comes_last():
    """Ten comes after nine; a reply without the field is counted, too."""
    units = [{"npc": "Osk", "tone": tone} for tone in (10, 9, None, 2.5, "x")] + [{"npc": "Osk"}]
    assert rows_of(units)[0] == ["npc", "n", "2.5", "9", "10", "x", "(none)"]
    assert rows_of(units)[1] == ["Osk", "6", "1", "1", "1", "1", "2"]


def test_truth_is_not_the_number_one():
    """True and 1 are equal to Python only."""
    units = [{"npc": True}, {"npc": 1}, {"npc": False}]
    assert [row[0] for row in rows_of(units, count=None)[1:]] == ["true", "1", "false"]


def test_a_value_that_is_called_as_a_column_keeps_its_own():
    """Answers of y and n would make two columns `n`."""
    assert rows_of([{"npc": "Osk", "tone": "n"}])[0] == ["npc", "n", "tone=n"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_text_is_never_a_formula(text):
    """Rows and headings alike; what a model says may be opened in a spreadsheet."""
    heading, row = rows_of([{"npc": text, "tone": text}])
    assert heading[2] == row[0] == f"'{text}"


def test_numbers_below_zero_stay_numbers():
    """Only texts are guarded."""
    assert rows_of([{"npc": -3, "tone": -0.5}]) == [["npc", "n", "-0.5"], ["-3", "1", "1"]]


def test_a_field_that_no_result_has_is_told():
    """A typo would else be one group called (none)."""
    with pytest.raises(NoTable, match="no result has a field 'tonne'"):
        rows_of([{"npc": "Osk"}], count="tonne")


def test_no_results_make_an_empty_table():
    """A run in which every unit failed still ends well."""
    assert rows_of([]) == [["npc", "n"]]


def test_a_text_is_not_counted_as_if_it_were_a_kind():
    """A column for each reply would be as large as the results."""
    units = ({"npc": "Osk", "tone": f"t{n}"} for n in range(tables.MOST_VALUES + 1))
    with pytest.raises(NoTable, match="'tone' has more than 1,000 different values"):
        rows_of(units)


def test_half_a_surrogate_pair_can_be_written():
    """Models send them, escaped."""
    [_, row] = rows_of([{"npc": json.loads('"\\ud800"')}], count=None)
    assert row == ["\\ud800", "1"]
