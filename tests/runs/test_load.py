"""What runs have at providers, and what others of the data root know of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import runs
from runs import (
    Batch,
    Batches,
    BatchState,
    Elsewhere,
    Line,
    Load,
    Loads,
    Parcel,
    Run,
    Status,
    Waiting,
    loads_of,
)
from runs.load import loads_from_json, loads_to_json
from runs.manifest import summary

AT = datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC)
LUNA = Line("openai", "gpt-6-luna")


def make_batch(key: str = "a", **more: Any) -> Batch:
    fields: dict[str, Any] = {
        "key": key * 64,
        "step": "generate",
        "provider": "openai",
        "model": "gpt-6-luna",
        "parcels": (Parcel("chunk_000", 3, 1),),
        "requests": 3,
        "size_bytes": 900,
        "sha256": "0" * 64,
        "intended_at": AT,
        "tokens": 40,
    }
    return Batch(**{**fields, **more})


def test_what_may_be_at_a_provider_is_counted():
    """Not what is over there, and not what a person is asked about."""
    states = [*BatchState]
    batches = Batches(make_batch(f"{n}", state=state) for n, state in enumerate(states))
    assert loads_of(batches, AT).lines == {LUNA: Load(2, 6, 80)}


def test_batches_of_the_last_hour_are_counted_whatever_came_of_them():
    def ended(key: str, minutes: int, **more: Any) -> Batch:
        return make_batch(
            key,
            state=BatchState.COLLECTED,
            submitted_at=AT - timedelta(minutes=minutes),
            ended_at=AT,
            **more,
        )

    known = [
        ended("a", 59),
        ended("b", 61),
        make_batch("c", state=BatchState.REFUSED),  # never there
        make_batch("d"),  # about to be
    ]
    assert loads_of(Batches(known), AT).created == {"openai": 2}


def test_loads_are_added_by_line():
    other = Line("openai", "gpt-6-sol")
    both = Loads({LUNA: Load(1, 3, 40)}, {"openai": 2}).plus(
        Loads({LUNA: Load(1, 1, 1), other: Load(5, 5, 5)}, {"openai": 1, "gemini": 1})
    )
    assert both.at_model(LUNA) == Load(2, 4, 41)
    assert both.at_provider("openai") == Load(7, 9, 46)
    assert both.created == {"openai": 3, "gemini": 1}


def test_without_models_every_model_may_be_meant():
    coarse = Loads({LUNA: Load(1, 3, 40), LUNA._replace(model="x/y"): Load(1, 1, 1)}).coarse()
    assert coarse.at_model(Line("openai", "any")) == Load(2, 4, 41)
    assert coarse.at_provider("openai") == Load(2, 4, 41)


def test_loads_are_the_same_after_the_disk():
    told = Loads({LUNA: Load(1, 3, 40), Line("openai", "x/y"): Load(1, 1, 1)}, {"openai": 2})
    assert loads_from_json(runs.loads(runs.dumps(loads_to_json(told)))) == told
    assert loads_from_json({}) == Loads()


def test_a_summary_is_small_however_many_models_are_asked(make_run):
    """Then it says less, and what it says is still all that there is."""
    run = Run.open(make_run(name="x" * 64))
    for number in range(30):
        model = f"a-model-with-rather-a-long-name-{number}"
        run.intend(make_batch(f"{number:064}"[:64], model=model))
    told = summary(run.paths.dir.name, run.state, at=AT)
    run.close()
    assert len(told) <= 1024
    loads = loads_from_json(runs.loads(told))
    assert loads.at_provider("openai") == Load(30, 90, 1200)


@pytest.fixture
def look(make_run):
    """Return what is elsewhere, seen from a run of its own."""
    own = make_run()

    def look(*, emulate: bool = True) -> Loads:
        return Elsewhere(own, emulate=emulate).look(datetime.now(UTC))

    return look


@pytest.fixture
def other(make_run):
    run = Run.open(make_run())
    run.set_status(Status.RUNNING)
    run.intend(make_batch(intended_at=datetime.now(UTC)))
    run.summarize()
    yield run
    run.close()


def test_a_run_that_is_held_is_counted(look, other):
    """By its own kind: what is emulated is at no provider."""
    assert look() == Loads({LUNA: Load(1, 3, 40)}, {"openai": 1})
    assert look(emulate=False) == Loads()


def test_a_run_does_not_count_itself(other):
    assert Elsewhere(other.paths.dir, emulate=True).look(datetime.now(UTC)) == Loads()


def test_a_run_that_nobody_works_on_is_counted_for_what_it_created(look, other):
    """Of its batches nobody knows whether they are over."""
    other.set_status(Status.PAUSED, reason="interrupted")
    other.close()
    assert look() == Loads({}, {"openai": 1})


def test_a_run_that_will_be_woken_is_counted(look, other):
    until = datetime.now(UTC) + timedelta(minutes=5)
    other.set_status(Status.RUNNING, waiting=Waiting(until, "its batches"))
    other.close()
    assert look().lines == {LUNA: Load(1, 3, 40)}


def test_what_is_over_is_not_counted_any_more(make_run, other):
    elsewhere = Elsewhere(make_run(), emulate=True)
    assert elsewhere.look(datetime.now(UTC)).lines
    other.move_batch("a" * 64, BatchState.REFUSED)
    other.summarize()
    assert elsewhere.look(datetime.now(UTC)) == Loads()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"in_flight": {"openai": 3}}', b"null"])
def test_a_summary_that_cannot_be_read_is_passed_over(look, other, damage):
    other.paths.summary.write_bytes(damage)
    assert look() == Loads()
