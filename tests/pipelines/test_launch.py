"""One model says how a run was asked for."""

import pytest
from pydantic import ValidationError

from pipelines import Launch


def test_every_option_is_described_and_can_be_left_out():
    assert all(field.title and field.description for field in Launch.model_fields.values())
    assert Launch().model_dump(exclude_defaults=True) == {}


@pytest.mark.parametrize("wrong", [{"max_units": 0}, {"lane": "slow"}, {"modle": "x"}])
def test_what_is_no_option_is_refused(wrong):
    with pytest.raises(ValidationError):
        Launch(**wrong)


def test_a_file_of_items_is_known_by_its_whole_path(tmp_path, monkeypatch):
    """It holds wherever the run is made; `-` is standard input, and no path."""
    monkeypatch.chdir(tmp_path)
    launch = Launch(items="default")
    assert (launch.items, launch.items_file) == (f"{tmp_path}/default", tmp_path / "default")
    assert Launch(items="-").items == "-"
    assert Launch().items_file is None


def test_it_goes_through_json_and_back():
    launch = Launch(pipeline="NpcDialog", max_units=3, emulate=True)
    assert Launch.model_validate_json(launch.model_dump_json()) == launch
