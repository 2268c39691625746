"""Rows of Parquet become items: values as JSON says them, or a refusal by name."""

import datetime as dt
import decimal
import gzip
import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from pipelines import PipelineError
from pipelines.items import items


@pytest.fixture
def write(tmp_path):
    def write(columns, schema=None, **how):
        path = tmp_path / "items.parquet"
        parquet.write_table(pa.table(columns, schema=schema), path, **how)
        return path

    return write


def values(path):
    return [item.value for item in items(path, None)]


PLAIN = {
    "id": ["a", "b"],
    "n": [1, None],
    "big": pa.array([2**64 - 1, 0], pa.uint64()),
    "share": [0.5, None],
    "good": [True, False],
    "tags": [["x", None], []],
    "where": [{"x": 1, "y": None}, None],
    "kind": pa.array(["k", "k"]).dictionary_encode(),
}


def test_what_json_can_say_is_taken_as_it_is(write):
    assert values(write(PLAIN)) == [
        {
            "id": "a", "n": 1, "big": 2**64 - 1, "share": 0.5, "good": True,
            "tags": ["x", None], "where": {"x": 1, "y": None}, "kind": "k",
        },
        {
            "id": "b", "n": None, "big": 0, "share": None, "good": False,
            "tags": [], "where": None, "kind": "k",
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pa.array([dt.date(2024, 1, 31)]), "2024-01-31"),
        (pa.array([dt.datetime(2024, 1, 31, 12, 5)]), "2024-01-31T12:05:00"),
        (
            pa.array([dt.datetime(2024, 1, 31, 12, 5, tzinfo=dt.UTC)]),
            "2024-01-31T12:05:00+00:00",
        ),
        (pa.array([1_000_000_000], pa.timestamp("ns")), "1970-01-01T00:00:01"),
        (pa.array([dt.time(12, 5)]), "12:05:00"),
        (pa.array([decimal.Decimal("12.30")]), "12.30"),
        (pa.array([decimal.Decimal(5_000_000)], pa.decimal128(10, 0)), "5000000"),
    ],
)
def test_dates_times_and_decimals_are_text_to_the_digit(write, column, text):
    """Also inside lists and records."""
    path = write({"x": column, "list": pa.array([column.to_pylist()], pa.list_(column.type))})
    assert values(path) == [{"x": text, "list": [text]}]
    record = pa.StructArray.from_arrays([column, pa.array([1])], ["at", "n"])
    assert values(write({"x": record})) == [{"x": {"at": text, "n": 1}}]


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"id": ["a"], "photo": [b"\0"]}, "the column 'photo' holds binary, which no unit can"),
        ({"for": [dt.timedelta(1)]}, "the column 'for' holds duration[us], which no unit can"),
        ({"x": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8()))}, "'x' holds map<string"),
        ({"x": [[{"y": b""}]]}, "the column 'x'.y holds binary"),
        (
            {"x": pa.array([2**62], pa.timestamp("us"))},
            "'x' holds what no unit can: date value out",
        ),
        ({"x": pa.array([0], pa.timestamp("us", "Mars/Base"))}, "what no unit can: 'Mars/Base'"),
        ({"x": pa.array([b"\xff"]).view(pa.string())}, "'x' holds what no unit can: 'utf-8' codec"),
        ({"x": [1.0, float("nan")]}, "the column 'x' holds what no unit can: nan is not a finite"),
    ],
)
def test_what_json_cannot_say_is_refused_by_name(write, columns, problem):
    with pytest.raises(PipelineError) as caught:
        values(write(columns))
    assert problem in str(caught.value)


def test_the_message_installs_what_the_package_asks_for():
    root = Path(__file__).parents[2]
    wanted = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert wanted["optional-dependencies"]["parquet"] == ["pyarrow>=26,<27"]


def test_two_columns_of_one_name_are_refused(tmp_path):
    path = tmp_path / "items.parquet"
    parquet.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"]), path)
    with pytest.raises(PipelineError, match=r"2 columns are called 'x': rename"):
        values(path)


def test_rows_stream_in_order_whatever_the_row_groups(write):
    path = write({"id": list(range(5000))}, row_group_size=700)
    found = list(items(path, None))
    assert [item.value["id"] for item in found] == list(range(5000))
    assert (found[-1].place, found[-1].number) == ("item 5000", 5000)


def test_a_packed_file_is_unpacked_aside(write):
    path = write(PLAIN)
    packed = path.with_name("items.parquet.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert values(packed) == values(path)
    assert set(path.parent.glob("items*")) == {path, packed}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet", b"PAR1" + b"\0" * 100 + b"PAR1"])
def test_what_is_no_parquet_is_said(tmp_path, content):
    path = tmp_path / "items.parquet"
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"items\.parquet: cannot be read"):
        values(path)


def test_a_damaged_page_is_said(write):
    path = write({"id": [str(n) for n in range(5000)]}, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396
    path.write_bytes(content)
    with pytest.raises(PipelineError, match=r"items\.parquet: cannot be read"):
        values(path)


def test_without_the_package_it_is_said_what_to_install(write, monkeypatch):
    path = write(PLAIN)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PipelineError, match=r"not installed: pip install 'pyarrow>=26,<27'"):
        values(path)


def test_the_package_is_loaded_for_parquet_only(tmp_path):
    """It costs a third of a second and 60 MB."""
    (tmp_path / "items.csv").write_text("id\n1\n")
    code = (
        "import sys; from pathlib import Path; from pipelines.items import items; "
        f"list(items(Path({str(tmp_path / 'items.csv')!r}), None)); print('pyarrow' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "False"
