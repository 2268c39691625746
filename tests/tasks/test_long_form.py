"""Pipelines in the original's form, run from end to end: what was translated is what happens."""

import asyncio
import csv
import gzip
from pathlib import Path

import pytest

import pipelines
import runs
from pipelines import Launch
from tasks.create import create_run
from tasks.opening import opened
from tasks.order import in_order

FOLDERS = Path(__file__).parent.parent / "pipelines" / "long_form"


@pytest.fixture
def run_of(root):
    """Run a pipeline in rehearsal, its scripts allowed, and return what came of it."""

    async def through(run_dir):
        async with opened(run_dir, allow_scripts=True) as session:
            await in_order(session, session.advance)
            await session.end()

    def run(name):
        run_dir = root / f"{name}_{len(list(root.iterdir()))}"
        create_run(pipelines.load(FOLDERS / name), Launch(pipeline=name, emulate=True), run_dir)
        asyncio.run(through(run_dir))
        return runs.read(run_dir)

    return run


def numbers(view):
    found = runs.totals(view.state)
    return (found.units, found.valid, found.failed, found.open)


def test_a_permutation_that_is_repeated(run_of):
    """What is computed for a template is drawn once for each unit; slips are asked for again."""
    view = run_of("Regatta")
    assert view.state.status is runs.Status.COMPLETE
    assert numbers(view) == (24, 24, 0, 0)
    rows = list(runs.read_jsonl(view.paths.results))
    assert {row["verdict"] for row in rows} <= {"clean", "ragged", "abandoned"}
    assert all(type(row["tacks"]) is int and row["minutes"] >= row["tacks"] for row in rows)
    assert all("wind" not in row for row in rows)
    assert [row["_repetition_id"] for row in rows] == [0] * 12 + [1] * 12


def test_a_cross_product_with_a_model_for_each_step(run_of):
    """Each step is asked of its own, and knows what those before it made."""
    view = run_of("Fables")
    assert numbers(view) == (6, 6, 0, 0)
    asked = {
        step: {row["model"] for row in runs.read_jsonl(path)}
        for step in ("tell", "weigh")
        for path in view.paths.dir.glob(f"chunk_*/{step}_results.jsonl")
    }
    assert asked == {"tell": {"gpt-6.1-terra"}, "weigh": {"gpt-6-sol"}}
    for row in runs.read_jsonl(view.paths.results):
        assert len(row["lines"]) == 3
        assert row["clarity"] >= 0.4


def test_a_loop_a_fan_out_and_what_is_made_of_results(run_of):
    """A loop that comes to its end is kept; scripts find what they are told in the config."""
    view = run_of("Ferry")
    assert view.state.status is runs.Status.COMPLETE
    rows = list(runs.read_jsonl(view.paths.results))
    assert numbers(view) == (len(rows), len(rows), 0, 0)
    parents = {row["_fan_parent_id"] for row in rows}
    assert parents <= {"First_boat", "noon", "Last_Boat"}
    for row in rows:
        assert row["stop"] == row["stops"][row["_fan_index"]]
        assert row["_metadata"]["timeout"] is row["late"]
        assert row["tone"] == ("merry" if row["stop"]["moved"] else "dry")
        told = view.paths.outputs / "tellings" / f"{row['unit_id']}.txt"
        assert told.read_text() == row["telling"]
    with (view.paths.outputs / "tones.csv").open(newline="") as file:
        counted = {row["ferry"]: int(row["n"]) for row in csv.DictReader(file)}
    assert sum(counted.values()) == len(rows)
    longest = view.paths.outputs / "longest.txt"
    assert longest.read_text().strip() in {row["telling"] for row in rows}
    packed = view.paths.outputs / "longest.txt.gz"
    assert gzip.decompress(packed.read_bytes()) == longest.read_bytes()
