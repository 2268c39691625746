"""MANIFEST.json: complete, readable, and never needed: the journal knows all of it."""

import json

import orjson
import pytest

from runs import Counts, Run, Status, StepSpec, UnknownFormat, read
from runs.journal import replay
from runs.manifest import from_json
from runs.paths import RunPaths

KEYS = {
    "format", "config", "created", "updated", "status", "error_message", "paused_reason", "waiting",
    "pipeline", "metadata", "totals", "steps", "batches", "seq", "journal_offset", "snapshot_at",
    "chunks", "post_process",
}  # fmt: skip


@pytest.fixture
def run_dir(make_run, take, clock):
    """A run with some of everything in its manifest."""
    folder = make_run(units=7)
    run = Run.open(folder, flow_run="flow-1", clock=clock, monotonic=clock.monotonic)
    run.set_status(Status.RUNNING)
    take(run, "chunk_000", "generate", failing=1)
    take(run, "chunk_001", "generate", failing=3)
    take(run, "chunk_000", "score")
    run.set_status(Status.PAUSED, reason="lone surrogate \ud800")
    run.close()
    return folder


def test_the_manifest_keeps_its_keys(run_dir):
    """Other programs read them."""
    manifest = json.loads(RunPaths(run_dir).manifest.read_bytes())
    assert set(manifest) == KEYS
    assert manifest["pipeline"] == ["generate", "score"]
    assert {name: row["state"] for name, row in manifest["chunks"].items()} == {
        "chunk_000": "VALIDATED",
        "chunk_001": "FAILED",
        "chunk_002": "generate_PENDING",
    }
    row = manifest["chunks"]["chunk_000"]
    assert {key: row[key] for key in ("batch_id", "items", "valid", "failed", "retries")} == {
        "batch_id": None, "items": 3, "valid": 2, "failed": 1, "retries": 1,
    }  # fmt: skip
    metadata = manifest["metadata"]
    assert metadata["launch"] == {"max_units": 7}
    assert (metadata["mode"], metadata["max_units"], metadata["emulate"]) == ("realtime", 7, True)
    assert metadata["flow_runs"] == ["flow-1"]
    assert manifest["steps"]["generate"]["in"] == 6
    assert manifest["totals"]["valid"] == 2
    assert manifest["totals"]["failed"] == 4
    assert manifest["status"] == "paused"


def test_units_sent_back_and_fanned_out_chunks_stand_in_the_manifest(make_run, take):
    """With all that is needed to go on; children follow their parent."""
    judge = StepSpec("judge", "chunk", "openai", "gpt-6-luna", retry_step="write")
    steps = ("write", judge, StepSpec("scenes", "fan_out", None, None), "draw")
    run = Run.open(make_run(units=4, steps=steps))
    for chunk, back in (("chunk_000", 1), ("chunk_001", 0)):
        take(run, chunk, "write")
        take(run, chunk, "judge", back=back)
    run.settle("chunk_001", "scenes", valid=run.due("scenes", "chunk_001"))
    sizes = run.write_children("chunk_001", ({"unit_id": f"u3__fan00{n}"} for n in range(5)))
    run.close_round("chunk_001", "scenes", Counts(entered=1, valid=1), children=sizes)
    run.close()
    manifest = json.loads(run.paths.manifest.read_bytes())
    assert [(name, row["state"]) for name, row in manifest["chunks"].items()] == [
        ("chunk_000", "write_PENDING"),
        ("chunk_001", "FANNED_OUT"),
        ("chunk_001_000", "draw_PENDING"),
        ("chunk_001_001", "draw_PENDING"),
    ]
    row = manifest["chunks"]["chunk_000"]
    assert (row["due"], row["rounds"], row["first"]) == (1, 2, "write")
    [detour] = row["detours"]
    assert detour == {"step": "judge", "to": "write", "round": 2, "sent": 1, "passed": 2}
    assert manifest["chunks"]["chunk_001_001"]["first"] == "draw"
    assert manifest["steps"]["judge"]["returned"] == 1
    assert (manifest["totals"]["units"], manifest["metadata"]["units"]) == (8, 4)
    assert from_json(run.paths.manifest.read_bytes()).state == replay(run.paths.journal).state


def test_a_lost_manifest_is_rebuilt_exactly(run_dir):
    """Its readers see the same run, and the next holder writes the same manifest."""
    path = RunPaths(run_dir).manifest
    before, view = orjson.loads(_ascii(path)), read(run_dir)
    path.unlink()
    assert read(run_dir).state == view.state
    Run.open(run_dir).close()
    after = orjson.loads(_ascii(path))
    for key in ("status", "pipeline", "totals", "steps", "chunks", "created", "paused_reason"):
        assert after[key] == before[key]


def _ascii(path):
    return path.read_bytes().replace(b"\\ud800", b"?")


def test_a_manifest_cut_anywhere_changes_nothing(run_dir):
    """At every length readers fall back on the journal."""
    path = RunPaths(run_dir).manifest
    whole, state = path.read_bytes(), read(run_dir).state
    for length in range(0, len(whole), 17):
        path.write_bytes(whole[:length])
        assert read(run_dir).state == state


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format": 1}', "not JSON", "\x00" * 99])
def test_a_damaged_manifest_is_kept_aside(run_dir, text):
    """The next holder rebuilds it and keeps what it found."""
    path = RunPaths(run_dir).manifest
    state = read(run_dir).state
    path.write_text(text)
    assert read(run_dir).state == state
    Run.open(run_dir).close()
    [aside] = run_dir.glob("MANIFEST.json.damaged-*")
    assert aside.read_text() == text
    assert read(run_dir).state.chunks == state.chunks


def test_an_edited_manifest_misleads_no_writer(run_dir):
    """The next holder goes by the journal, which is checked line by line."""
    path = RunPaths(run_dir).manifest
    path.write_bytes(path.read_bytes().replace(b'"valid": 2', b'"valid": 3'))
    run = Run.open(run_dir)
    assert run.state.chunks["chunk_000"].alive == 2
    run.close()
    assert read(run_dir).state.chunks["chunk_000"].alive == 2


def test_a_manifest_of_another_journal_is_not_believed(run_dir, make_run):
    """Copied from elsewhere, or left from before the journal was restored."""
    other = make_run(units=1, name="other")
    RunPaths(other).manifest.write_bytes(RunPaths(run_dir).manifest.read_bytes())
    assert read(other).state.units == 1


def test_a_newer_manifest_is_refused(run_dir):
    """By readers and by writers: what a newer version wrote is not guessed at."""
    path = RunPaths(run_dir).manifest
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 2'))
    for reader in (read, Run.open):
        with pytest.raises(UnknownFormat, match="format 2"):
            reader(run_dir)
    assert b'"format": 2' in path.read_bytes()


def test_the_summary_fits_in_a_kilobyte(make_run, clock):
    """Also when the error is long, and in the longest names."""
    run = Run.open(make_run(name="n" * 64, steps=["s" * 64]), clock=clock)
    run.set_status(Status.FAILED, error="ü\ud800" * 500)
    run.close()
    data = run.paths.summary.read_bytes()
    assert len(data) <= 1024
    summary = json.loads(data)
    assert (summary["status"], summary["units"], summary["progress"]) == ("failed", 7, 0.0)
