"""Where a flow run keeps its run directory."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from flows.place import place

FLOW_RUN = UUID("0c1e15ea-71f7-4464-83ac-d510cdb8aab5")
SIX = datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC)


def at(parameters, *, pipeline="Sailor", flow_run=FLOW_RUN, start=SIX):
    return place(pipeline, parameters, flow_run=flow_run, expected_start=start)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({}, "Sailor_20261122_180000_0c1e15ea"),
        ({"name": None, "run": None}, "Sailor_20261122_180000_0c1e15ea"),
        ({"name": "nightly"}, "nightly_0c1e15ea"),
        ({"run": "Sailor_20261120_070000"}, "Sailor_20261120_070000"),
        ({"run": "told", "name": "ignored"}, "told"),
    ],
)
def test_a_flow_run_has_one_directory(runs_dir, parameters, name):
    """Its own, named for its start and id, unless it is told which run to go on with."""
    assert at(parameters) == runs_dir / name


def test_a_run_elsewhere_is_named_by_its_path(tmp_path):
    """A run outside the root keeps its place."""
    assert at({"run": str(tmp_path / "elsewhere")}) == tmp_path / "elsewhere"


def test_the_time_in_the_name_is_utc():
    """A server in another zone means the same directory."""
    elsewhere = SIX.astimezone(timezone(timedelta(hours=9)))
    assert at({}, start=elsewhere) == at({})


def test_two_flow_runs_of_one_second_have_two_directories():
    """A schedule may start several at once."""
    assert at({}, flow_run=UUID(int=1 << 100)) != at({})
