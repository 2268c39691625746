"""Large results through the whole lane, in a process of its own: they never sit in memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import runs
from providers.emulator import client
from tests.tasks.mill import STEPS

CHECKOUT = Path(__file__).parents[2]
MOST_MEGABYTES = 300
WORKING = """
import asyncio, resource, sys
from pathlib import Path
from tests.tasks.mill import through
from providers import points
run_dir, longer = Path(sys.argv[1]), int(sys.argv[2])
def lengthen(point):
    if point != "download.after" or not longer or (run_dir / "lengthened").exists():
        return
    (path,) = (run_dir / "batches").glob("*.results.jsonl")
    before, after = path.read_bytes().split(b"w-u0003")
    with path.open("wb") as file:
        file.writelines([before, *[b"w" * 1_000_000] * longer, after])
    (run_dir / "lengthened").touch()
points.on(lengthen)
asyncio.run(through(run_dir))
status = Path("/proc/self/status")
if status.exists():  # the other figure is, for a child, that of its parent if that was more
    (most,) = [line.split()[1] for line in status.read_text().splitlines() if "VmHWM" in line]
    print(int(most) // 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024**2)
"""
"""Works on a run, and tells how many megabytes it took at most.

A reply of the first batch is so many megabytes longer than it was.
"""
ONE_STEP = {"pipeline": [{**STEPS[0], "max_tokens": 100_000}], "min_pass_rate": 0}


def megabytes(run_dir: Path, longer: int = 0) -> int:
    words = [sys.executable, "-c", WORKING, str(run_dir), str(longer)]
    said = subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    return int(said.stdout)


@pytest.mark.parametrize(
    ("units", "kilobytes"),
    [(100, 200), pytest.param(1000, 200, marks=pytest.mark.soak)],
    ids=["20 MB", "200 MB"],
)
def test_large_file_goes_through_in_pieces(units, kilobytes, make_mill, url):
    """All units fail at first: what they are answered then comes in one batch."""
    long = json.dumps({"word": "w" * kilobytes * 1000})
    client.script(
        url,
        [
            {"match": "BATCH ", "do": "text", "text": "no", "nth": list(range(1, units + 1))},
            {"match": "BATCH ", "do": "text", "text": long},
        ],
    )
    run_dir = make_mill("openai", units=units, chunk_size=20, config=ONE_STEP)
    took = megabytes(run_dir)
    view = runs.read(run_dir)
    assert runs.totals(view.state).valid == units
    assert max(batch.requests for batch in view.state.batches.values()) == units
    assert took < MOST_MEGABYTES


def test_reply_of_fifty_megabytes_is_not_taken_for_one(make_mill, url):
    """Its unit is asked again: what the line may have cost is in the books."""
    run_dir = make_mill("openai", units=10, config=ONE_STEP)
    assert megabytes(run_dir, longer=50) < MOST_MEGABYTES
    totals = runs.totals(runs.read(run_dir).state)
    assert (totals.valid, totals.attempts) == (10, 10)
    assert totals.possible_usd is not None
    assert totals.possible_usd > 0
