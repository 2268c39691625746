"""A run that would stand in line for hours says so before it begins."""

import pytest

import pipelines
from pipelines import Launch
from tasks.crowd import crowded
from tests.tasks.mill import write_mill


@pytest.fixture
def mill(tmp_path):
    folder = tmp_path / "Mill"
    write_mill(folder, 10, 10)
    return pipelines.load(folder)


@pytest.mark.parametrize(
    ("provider", "lane", "units", "says"),
    [
        ("openai", "batch", 10_010, "1,001 chunks of 10 units make 2,002 batches, and openai lets"),
        ("openai", "batch", 10_000, None),
        ("openai", "realtime", 10_010, None),
        ("anthropic", "batch", 10_010, None),
    ],
)
def test_many_small_chunks_are_told(mill, provider, lane, units, says):
    """Where a provider lets only so many batches be made; a larger chunk_size mends it."""
    told = crowded(mill, Launch(provider=provider, lane=lane), units)
    assert told is None if says is None else str(told).startswith(says)
