"""Prices: explicit, dated, exact, and unknown where they are unknown."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise

import pytest
from pydantic import ValidationError

from providers import registry
from providers.neutral import Usage
from providers.prices import Lane, rate

NOW = datetime(2026, 11, 22, tzinfo=UTC)

MODELS = [
    pytest.param(model, id=f"{provider}/{name}")
    for provider, vendor in registry.vendors().items()
    for name, model in vendor.models.items()
]


def make_usage(**counts):
    zero = {"input": 0, "cached": 0, "cache_write": 0, "output": 0, "reasoning": 0}
    return Usage(**{**zero, **counts})


def known_rate(model, lane: Lane = "realtime", at=NOW, provider="openai"):
    found = rate(provider, model, lane, at)
    assert found is not None
    return found


def test_cost_is_exact():
    """Cached and cache-written tokens are part of the input, reasoning is part of the output."""
    usage = make_usage(input=1000, cached=300, cache_write=100, output=50, reasoning=40)
    # 600 x 0.1 + 300 x 0.01 + 100 x 0.125 + 50 x 0.5, per million
    assert known_rate("gpt-6-luna").cost(usage) == Decimal("0.0001005")


def test_batch_has_its_own_price():
    usage = make_usage(input=100_000, output=100_000)
    assert known_rate("gpt-6-luna", "batch").cost(usage) == Decimal("0.03")


def test_cached_input_of_older_models_costs_the_same_in_batch():
    assert known_rate("gpt-4o-mini", "batch").cached == known_rate("gpt-4o-mini").cached


def test_cache_writes_without_a_price_cost_plain_input():
    usage = make_usage(input=100, cache_write=100)
    assert known_rate("gpt-4o-mini").cost(usage) == Decimal("0.000015")


@pytest.mark.parametrize(("tokens", "cost"), [(272_000, "0.0272"), (272_001, "0.0544002")])
def test_long_prompt_costs_more_as_a_whole(tokens, cost):
    assert known_rate("gpt-6-luna").cost(make_usage(input=tokens)) == Decimal(cost)


def test_long_prompt_makes_output_dearer():
    usage = make_usage(input=300_000, output=1000)
    assert known_rate("gpt-6-luna").cost(usage) == Decimal("0.06") + Decimal("0.00075")


@pytest.mark.parametrize(
    ("at", "price"),
    [
        (datetime(2026, 7, 29, 23, 59, tzinfo=UTC), "1"),
        (datetime(2026, 7, 30, tzinfo=UTC), "0.2"),
        (datetime(2026, 7, 30, 1, tzinfo=timezone(timedelta(hours=2))), "1"),
    ],
)
def test_price_of_the_day_holds(at, price):
    assert known_rate("gpt-5.6-luna", at=at).input == Decimal(price)


@pytest.mark.parametrize(
    ("model", "last_day", "before", "after"),
    [
        ("gemini-4-argon", datetime(2026, 11, 30, 23, 59, tzinfo=UTC), ("2", "5"), ("4", "10")),
        (
            "gemini-3.8-flash",
            datetime(2026, 12, 31, 23, 59, tzinfo=UTC),
            ("0.75", "1.875"),
            ("1.5", "3.75"),
        ),
    ],
)
def test_introductory_price_holds_to_the_end_of_its_last_day(model, last_day, before, after):
    """In both lanes."""
    for at, (entry, batch_output) in ((last_day, before), (last_day + timedelta(minutes=1), after)):
        assert known_rate(model, at=at, provider="gemini").input == Decimal(entry)
        found = known_rate(model, "batch", at=at, provider="gemini")
        assert found.output == Decimal(batch_output)


@pytest.mark.parametrize(
    ("provider", "model", "usage", "cost"),
    [
        ("anthropic", "claude-haiku-5-5", {"input": 100_000, "output": 1000}, "0.0105"),
        ("anthropic", "claude-haiku-5-5", {"input": 100_001, "output": 1000}, "0.0525005"),
        ("gemini", "gemini-3.1-pro-preview", {"input": 300_000, "output": 1000}, "1.218"),
        ("gemini", "gemini-2.5-pro", {"input": 300_000, "output": 1000}, "0.765"),
    ],
)
def test_each_vendor_has_its_own_long_prompts(provider, model, usage, cost):
    assert known_rate(model, provider=provider).cost(make_usage(**usage)) == Decimal(cost)


@pytest.mark.parametrize("name", registry.vendor("anthropic").models)
def test_anthropic_halves_everything_in_batch(name):
    """Cache reads and writes too; a write costs a quarter more than plain input."""
    live, batch = (known_rate(name, lane, provider="anthropic") for lane in ("realtime", "batch"))
    assert live.cache_write == live.input * Decimal("1.25")
    for kind in ("input", "cached", "cache_write", "output"):
        assert getattr(batch, kind) * 2 == getattr(live, kind)


def test_a_batch_may_cost_as_much_for_cached_input():
    """Or something between: what the vendor says, never half by rule."""
    assert known_rate("gemini-2.5-pro", "batch", provider="gemini").cached == Decimal("0.125")
    assert known_rate("gemini-3.5-flash-lite", "batch", provider="gemini").cached == Decimal("0.02")


def test_day_before_a_model_came_has_no_price():
    assert rate("openai", "gpt-6.2-sol", "realtime", datetime(2026, 11, 1, tzinfo=UTC)) is None


def test_unknown_model_has_no_price():
    """Not even that of its family."""
    assert rate("openai", "gpt-6-luna-2026-09-22", "realtime", NOW) is None


def test_assumptions_are_carried():
    assert known_rate("gpt-6.2-sol").uncertain
    assert known_rate("gpt-6-luna").uncertain is None


def test_local_models_cost_nothing():
    found = rate("local", "whatever.gguf", "realtime", NOW)
    assert found is not None
    assert found.cost(make_usage(input=10, output=10)) == 0


@pytest.mark.parametrize("model", MODELS)
def test_every_row_prices_both_lanes(model):
    """Nothing falls back in silence from batch to realtime."""
    assert model.prices
    for row in model.prices:
        assert row.realtime is not None
        assert row.batch is not None
        for kind in ("input", "cached", "output"):
            assert getattr(row.batch, kind) <= getattr(row.realtime, kind)
        assert row.realtime.cached <= row.realtime.input
        # What is written to the cache has its own price in each lane, or in none.
        assert (row.realtime.cache_write is None) == (row.batch.cache_write is None)


def test_a_row_must_speak_of_batch():
    """With prices, or with `null`: there is none."""
    row = {"realtime": None, "source": "x", "checked": date.today()}
    with pytest.raises(ValidationError, match="batch"):
        registry.PriceRow.model_validate(row)
    assert registry.PriceRow.model_validate({**row, "batch": None}).batch is None


@pytest.mark.parametrize("model", MODELS)
def test_rows_follow_each_other_without_a_gap(model):
    """That they do not overlap is refused when they are read."""
    for earlier, later in pairwise(model.prices):
        assert earlier.until == later.since


def test_mistyped_key_of_a_row_is_an_error():
    row = {"realtime": None, "batch": None, "source": "x", "checked": date.today(), "sinse": None}
    with pytest.raises(ValidationError, match="sinse"):
        registry.PriceRow.model_validate(row)
