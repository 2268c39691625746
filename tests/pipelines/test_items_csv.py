"""Rows of CSV and TSV become items: text as it was written, or one error with line and remedy."""

import csv
import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import PipelineError
from pipelines.item_file import MAX_LINE_BYTES
from pipelines.items import items


@pytest.fixture
def read(tmp_path):
    def read(content, name="items.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(items(path, None))

    return read


def values(found):
    return [item.value for item in found]


@pytest.mark.parametrize("cell", ["007", "1e5", "NA", "null", "true", "2024-01-02", "", " x "])
def test_a_cell_stays_the_text_it_was(read, cell):
    """A guess at its type that is wrong once in a million rows is found by nobody."""
    assert values(read(f"id,cell\n1,{cell}\n")) == [{"id": "1", "cell": cell}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("items.csv", b"id,text\n1,a\n2,b\n"),
        ("items.csv", b"\xef\xbb\xbfid,text\r\n1,a\r\n\r\n2,b"),
        ("items.csv", b'"id","text"\n"1","a"\n"2","b"\n'),
        ("items.tsv", b"id\ttext\n1\ta\n2\tb\n"),
        ("items.CSV.gz", gzip.compress(b"id,text\n1,a\n2,b\n", mtime=0)),
    ],
    ids=["plain", "excel", "quoted", "tabs", "packed"],
)
def test_tables_are_read_as_programs_write_them(read, name, content):
    """With or without a byte order mark, quotes, blank lines, Windows line ends, gzip."""
    assert values(read(content, name)) == [{"id": "1", "text": "a"}, {"id": "2", "text": "b"}]


def test_the_line_of_a_row_is_where_it_begins(read):
    """A quoted cell may span lines, and hold quotes and separators."""
    found = read('id,text\n1,"a\n\n""b"", c"\n2,d\n')
    assert [(item.line, item.number) for item in found] == [(2, 1), (5, 2)]
    assert found[0].value["text"] == 'a\n\n"b", c'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "items.csv: the file is empty: its first row names the columns"),
        ("id,text\n1,a\n2\n", "items.csv:3: the row has 1 cells and the header 2 columns: leave"),
        ("id,text\n1,a,b\n", "items.csv:2: the row has 3 cells and the header 2 columns: quote"),
        ('id,text\n1,"a\nb"\n2,"c\nd",e', "items.csv:4: the row has 3 cells"),
        ("id,text,id\n", "items.csv:1: columns 1 and 3 are all called 'id': rename all but one"),
        ("id,,text\n", "items.csv:1: column 2 has no name: name it, or remove the column"),
        ("id,text,\n1,a,\n", "items.csv:1: column 3 has no name"),
        ("id, text\n", "items.csv:1: column 2 is called ' text': remove the spaces around it"),
        ("id;text\n1;a\n", "items.csv:1: one column only, 'id;text': it seems separated by semi"),
        ("id\ttext\n1\ta\n", "separated by tabs; let its name end in .tsv, or save the file with"),
        ("id,text\n1,a\0b\n", "items.csv:2: holds a NUL character: save"),
        (b"id,text\n1,a\n2,\xe9t\xe9\n", "items.csv:3: not UTF-8 (invalid continuation byte)"),
        ("id,text\n".encode("utf-16"), "items.csv:1: not UTF-8"),
        ('id,text\n1,a\n2,"b\n3,c\n', "items.csv:3: a quoted cell of this row is never closed"),
        ('id,text\n1,"a"b\n', "items.csv:2: text follows a closing quote: double a quote"),
        ("id,text\r1,a\r2,b\r", "items.csv:1: a carriage return stands in an unquoted cell"),
    ],
)
def test_what_is_wrong_with_a_table_has_a_line_and_a_remedy(read, content, problem):
    with pytest.raises(PipelineError) as caught:
        read(content)
    assert problem in str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_comma_separated_file_is_not_taken_for_tabs(read):
    with pytest.raises(PipelineError, match=r"separated by commas; let its name end in \.csv"):
        read("id,text\n1,a\n", "items.tsv")


def test_a_single_column_is_no_mistake(read):
    assert values(read("name\nMaren\nTolk\n")) == [{"name": "Maren"}, {"name": "Tolk"}]


def test_a_cell_may_be_long_but_not_the_rest_of_the_file(read):
    """A closing quote that is missing would swallow gigabytes."""
    long = "x" * 200_000
    assert values(read(f"id,text\n1,{long}\n")) == [{"id": "1", "text": long}]
    lines = b"y" * 1_000_000 + b"\n"
    content = b'id,text\n1,"' + lines * (MAX_LINE_BYTES // len(lines) + 2)
    with pytest.raises(PipelineError, match=r"gz:2: a cell is longer than 10 MB: is a closing"):
        read(gzip.compress(content, 1), "items.csv.gz")
    with pytest.raises(PipelineError, match=r"items\.csv:2: longer than 10 MB"):
        read(b"id,text\n1," + b"y" * (MAX_LINE_BYTES + 1))


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=8))
def test_what_a_program_wrote_is_what_is_read(tmp_path_factory, table):
    """Any text survives the way through a file, in order, with a line for each row."""
    path = tmp_path_factory.mktemp("csv") / "items.csv"
    text = io.StringIO()
    csv.writer(text).writerows([("one", "two"), *table])
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    found = list(items(path, None))
    assert values(found) == [{"one": one, "two": two} for one, two in table]
    lines = text.getvalue().split("\n")
    assert all(item.line and lines[item.line - 1] for item in found)
