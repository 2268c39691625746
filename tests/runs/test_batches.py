"""Batches as records: what may follow what, in the journal, the chunks and the manifest."""

from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

import runs
from runs import Batch, Batches, BatchState, Counts, IllegalMove, Parcel, Run, Stage
from runs.snapshot import latest

AT = datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC)


def make_batch(key: str = "a", chunks=("chunk_000",), **more: Any) -> Batch:
    fields: dict[str, Any] = {
        "key": key * 64,
        "step": "generate",
        "provider": "openai",
        "model": "gpt-6-luna",
        "parcels": tuple(Parcel(chunk, 3, 1) for chunk in chunks),
        "requests": 3 * len(chunks),
        "size_bytes": 900,
        "sha256": "0" * 64,
        "intended_at": AT,
        "most_usd": 0.25,
    }
    return Batch(**{**fields, **more})


@pytest.fixture
def run(make_run):
    held = Run.open(make_run())
    yield held
    held.close()


def stages(run: Run) -> list[str]:
    return [chunk.stage.value for chunk in run.state.chunks.values()]


@pytest.mark.parametrize(("old", "new"), list(product(BatchState, BatchState)))
def test_a_batch_never_goes_back(old, new):
    """What is over stays over, and nothing is submitted twice."""
    batch = make_batch(state=old)
    if not old.may_become(new):
        with pytest.raises(IllegalMove):
            batch.moved(new)
        return
    assert old.open
    assert batch.moved(new).state is new


def test_a_batch_is_the_same_after_the_disk():
    batch = make_batch(
        state=BatchState.ENDED, batch_id="b1", submitted_at=AT, ended_at=AT, end="expired"
    )
    assert Batch.from_json(batch.to_json()) == batch


def test_batches_are_values():
    """A change leaves the old value as it was."""
    before = Batches([make_batch("a"), make_batch("b")])
    after = before.changed(make_batch("a", state=BatchState.COLLECTED))
    assert [batch.key[0] for batch in before.open] == ["a", "b"]
    assert [batch.key[0] for batch in after.open] == ["b"]
    assert (len(before), len(after)) == (2, 2)
    assert after["a" * 64].state is BatchState.COLLECTED


def test_chunks_are_submitted_with_their_batches_and_complete_with_the_last(run):
    run.intend(make_batch("a", ("chunk_000", "chunk_001")))
    run.intend(make_batch("b", ("chunk_001",)))
    assert stages(run) == ["SUBMITTED", "SUBMITTED", "PENDING"]
    for key in "ab":
        run.move_batch(key * 64, BatchState.SUBMITTED, batch_id=f"id-{key}", submitted_at=AT)
        run.move_batch(key * 64, BatchState.ENDED, end="completed", ended_at=AT)
    run.move_batch("a" * 64, BatchState.COLLECTED, answered=6)
    assert stages(run) == ["COMPLETE", "SUBMITTED", "PENDING"]
    run.move_batch("b" * 64, BatchState.COLLECTED, answered=3)
    assert stages(run) == ["COMPLETE", "COMPLETE", "PENDING"]


def test_a_refused_batch_gives_its_chunks_back(run):
    run.intend(make_batch())
    run.move_batch("a" * 64, BatchState.REFUSED, message="no")
    assert stages(run) == ["PENDING"] * 3
    assert run.state.batches.open == ()


def test_no_round_closes_while_units_of_it_are_in_a_batch(run):
    """What is paid for would be lost."""
    run.intend(make_batch())
    units = run.due("generate", "chunk_000")
    run.settle("chunk_000", "generate", valid=units)
    with pytest.raises(IllegalMove, match="in a batch"):
        run.close_round("chunk_000", "generate", Counts(entered=3, valid=3))


def test_a_batch_is_for_chunks_that_stand_at_its_step(run):
    with pytest.raises(IllegalMove, match="not at 'score'"):
        run.intend(make_batch(step="score"))


def test_the_manifest_tells_and_remembers_them(run):
    run.intend(make_batch())
    run.move_batch("a" * 64, BatchState.SUBMITTED, batch_id="batch_1", submitted_at=AT)
    run.snapshot(force=True)
    told = latest(run.paths)
    assert told.batches["a" * 64].batch_id == "batch_1"
    assert told.chunks["chunk_000"].stage is Stage.SUBMITTED
    manifest = runs.loads(run.paths.manifest.read_bytes())
    assert manifest["chunks"]["chunk_000"]["state"] == "generate_SUBMITTED"
    assert manifest["chunks"]["chunk_000"]["batch_id"] == "batch_1"
    run.paths.manifest.unlink()
    assert latest(run.paths).batches == told.batches
