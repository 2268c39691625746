"""How much more may be at a provider: never more than any limit, and never nothing for ever."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import registry
from runs import Batch, BatchState, Line, Load, Loads
from tasks.room import LEAST_QUEUE, Bounds, most, obstacle, patience, taught

AT = datetime(2026, 11, 22, tzinfo=UTC)
LUNA = Line("openai", "gpt-6-luna")
SOL = Line("openai", "gpt-6-sol")
OTHER = Line("gemini", "gemini-3.8-flash")
MANY = 10 * LEAST_QUEUE


def make_batch(key: str, *, minute: int = 0, **more: Any) -> Batch:
    fields: dict[str, Any] = {
        "key": key * 64,
        "step": "tell",
        "provider": "openai",
        "model": "gpt-6-luna",
        "parcels": (),
        "requests": 3,
        "size_bytes": 900,
        "sha256": "0" * 64,
        "intended_at": AT,
        "tokens": MANY,
        "state": BatchState.SUBMITTED,
        "submitted_at": AT + timedelta(minutes=minute),
    }
    return Batch(**{**fields, **more})


bounds = st.builds(
    Bounds,
    *(st.none() | st.integers(1, most) for most in (5, 30, 200, 12)),
)
batches = st.tuples(
    st.sampled_from([LUNA, SOL, OTHER]),
    st.builds(Load, st.just(1), st.integers(1, 12), st.integers(0, 80)),
)


@given(bounds, st.lists(st.tuples(batches, st.booleans()), max_size=60))
def test_never_more_is_in_flight_than_any_limit(limits, wanted):
    """But for what is too large for a queue, and alone there."""
    flying: list[tuple[Line, Load]] = []
    created: dict[str, int] = {}
    for (line, load), one_ends in wanted:
        if one_ends and flying:
            flying.pop(0)
        there = Loads({}, created)
        for at, what in flying:
            there = there.plus(Loads({at: what}))
        if obstacle(limits, there, line, load) is None:
            flying.append((line, load))
            created[line.provider] = created.get(line.provider, 0) + 1
        for provider in ("openai", "gemini"):
            there = [what for at, what in flying if at.provider == provider]
            assert len(there) <= (limits.batches or 99)
            assert len(there) == 1 or sum(x.requests for x in there) <= (limits.requests or 999)
            assert created.get(provider, 0) <= (limits.created_per_hour or 99)
        for model in (LUNA, SOL, OTHER):
            tokens = [what.tokens for at, what in flying if at == model]
            above = [one for one in tokens if one > (limits.tokens or 9999)]
            assert len(tokens) == 1 or above or sum(tokens) <= (limits.tokens or 9999)


@given(bounds, batches)
def test_where_nothing_is_there_is_room(limits, wanted):
    """Whatever its size: a run that waits for nobody's batch goes on."""
    assert obstacle(limits, Loads(), *wanted) is None


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
def test_two_batches_fit_into_a_queue(provider):
    """And one does even if its tokens are twice what they are taken for."""
    limits = registry.batch_limits(provider)
    model = registry.default_model(provider)
    held = most(limits, limits.queue(model))
    assert held.requests <= limits.requests
    assert held.tokens is None or 2 * held.tokens <= (limits.queue(model) or 0)
    assert most(limits, 1).tokens == 1


def test_a_queue_takes_what_was_there_before_the_one_that_failed():
    there = [make_batch("a"), make_batch("b", minute=1), make_batch("c", minute=3)]
    failed = make_batch("d", minute=2)
    assert taught(failed, [*there, failed]) == 2 * MANY
    assert taught(failed, [*there, failed], elsewhere=7) == 2 * MANY + 7
    over = replace(there[0], ended_at=AT + timedelta(minutes=1))
    assert taught(failed, [over, there[1]]) == MANY
    assert taught(failed, [replace(one, model="gpt-6-sol") for one in there]) == MANY // 2


def test_what_failed_together_teaches_once():
    """What was handed in before the lesson says nothing new; what was after it halves it."""
    first = make_batch("a")
    refused = make_batch("b", queue=MANY, ended_at=AT + timedelta(minutes=5))
    assert taught(make_batch("c", minute=2), [first, refused]) == MANY
    assert taught(make_batch("c", minute=6), [first, refused]) == MANY // 2


def test_a_queue_is_not_thought_smaller_than_any_is():
    assert taught(make_batch("a", tokens=100), []) == LEAST_QUEUE


def test_patience_grows_up_to_an_hour():
    waits = [patience(tries) for tries in range(1, 10)]
    assert waits[:4] == [60, 120, 240, 480]
    assert waits[-1] == patience(10_000) == 3600
