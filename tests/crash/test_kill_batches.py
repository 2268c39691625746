"""kill -9 at every named point of the batch lane: no batch twice, no unit lost, the same bytes."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import pipelines
import runs
from pipelines import Launch
from runs import Status
from tasks.create import create_run
from tests.crash.conftest import CHECKOUT, Emulator, Warm
from tests.crash.test_kill import derived

VENDORS = ("openai", "anthropic", "gemini")
KILLED = -9
POINTS = {
    "submit.before_intent": 3,
    "submit.after_intent": 1,
    "submit.before_send": 3,
    "upload.after": 1,
    "submit.after_accept": 3,
    "submit.after_submitted": 1,
    "poll.before": 4,
    "poll.after": 1,
    "download.before": 3,
    "download.mid": 1,
    "download.after": 3,
    "settle.mid": 12,
    "settle.after_harvest": 3,
    "settle.before_close": 3,
    "advance.before": 5,
    "advance.after": 1,
}
"""Each with how often it is passed before the process is killed there."""
NOWHERE = {("anthropic", "upload.after")}
"""Its batches are one request: nothing is uploaded before."""


def test_every_point_has_its_trials():
    """A point that nobody is killed at would be a promise that nobody keeps."""
    called = {
        found
        for package in ("providers", "tasks")
        for path in (CHECKOUT / package).glob("*.py")
        for found in re.findall(r'points\.at\("([a-z_.]+)"\)', path.read_text())
    }
    assert called == set(POINTS)


@pytest.fixture(scope="module", params=VENDORS)
def vendor(request):
    return request.param


@pytest.fixture(scope="module")
def made_for(vendor, crash_root, tmp_path_factory):
    """A run of the demo in batches that nobody has worked on yet."""
    folder = tmp_path_factory.mktemp("pipelines") / "NpcDialog"
    shutil.copytree(CHECKOUT / "pipelines" / "NpcDialog", folder)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("chunk_size: 20", "chunk_size: 7"))
    run_dir = crash_root / f"made-{vendor}"
    launch = Launch(pipeline="NpcDialog", emulate=True, provider=vendor, lane="batch", max_units=20)
    create_run(pipelines.load(folder), launch, run_dir)
    return run_dir


@dataclass(frozen=True)
class Trials:
    """A run of one vendor, and what it is like when nobody kills it."""

    vendor: str
    made: Path
    derived: dict[str, bytes]
    charged: Mapping[str, int]
    """How often each request is on the bill."""
    batches: int


@pytest.fixture(scope="module")
def trials(vendor, made_for, warm: Warm, emulator: Emulator, crash_root):
    """The run, once to its end."""
    run_dir = crash_root / f"undisturbed-{vendor}"
    shutil.copytree(made_for, run_dir)
    emulator.forget()
    assert warm.work(run_dir)["code"] == 0, (run_dir / "RUN_LOG.txt").read_text()
    ledger = emulator.ledger()
    batches = len(ledger.batches[vendor])
    return Trials(vendor, made_for, derived(run_dir), ledger.requests, batches)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_ends_as_if_undisturbed(
    point: str, trials: Trials, warm: Warm, emulator: Emulator, crash_root: Path
):
    """Byte by byte, with the same bill; every batch at the vendor is known to the run."""
    if (trials.vendor, point) in NOWHERE:
        return
    run_dir = crash_root / f"{trials.vendor}-{point}"
    shutil.copytree(trials.made, run_dir)
    emulator.forget()
    assert warm.work(run_dir, kill_at=(point, POINTS[point]))["code"] == KILLED
    assert warm.work(run_dir)["code"] == 0, (run_dir / "RUN_LOG.txt").read_text()
    view = runs.read(run_dir)
    assert view.state.status is Status.COMPLETE
    assert derived(run_dir) == trials.derived
    ledger = emulator.ledger()
    assert ledger.requests == trials.charged
    batches = view.state.batches.values()
    created = ledger.batches[trials.vendor]
    assert sorted(str(batch.batch_id) for batch in batches) == sorted(created)
    adopted = view.paths.run_log.read_text().count("found at its provider")
    assert adopted == (point == "submit.after_accept")
    # What would have travelled together may travel in two, or the other way round.
    assert abs(len(created) - trials.batches) <= 2
    assert list((run_dir / "batches").glob("*")) == []
