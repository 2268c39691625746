"""What a call takes: feared before it was seen, and never less than it takes."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from providers.neutral import Usage
from providers.prices import Rate
from tasks.meter import LESSONS, Meter

RATE = Rate(input=Decimal(1), cached=Decimal("0.1"), cache_write=Decimal(2), output=Decimal(10))


def usage(read, made=0, **more):
    return Usage(**{"cached": 0, "cache_write": 0, "reasoning": 0, **more}, input=read, output=made)


def test_a_call_is_feared_to_take_a_token_for_two_bytes():
    """At the dearest price of input, and every token of output that it may make."""
    assert Meter(RATE).most_usd(2_000_000, 100_000) == Decimal(2 + 1)


def test_at_an_unknown_price_the_most_is_unknown():
    assert Meter(None).most_usd(100, 100) is None


def test_replies_teach_how_dense_a_prompt_is():
    """English takes a token for four bytes: after a hundred replies less is set aside."""
    meter = Meter(RATE)
    before = meter.most_usd(4000, 0)
    for _ in range(LESSONS):
        meter.learn(4000, usage(1000, 50))
    assert before is not None
    after = meter.most_usd(4000, 0)
    assert after is not None
    assert before / 2 < after < before * Decimal("0.7")
    assert meter.expected_tokens(4000, 4096) == 1050


@given(
    st.lists(st.integers(1, 50_000), min_size=1, max_size=150),
    st.floats(0.01, 0.5),
    st.integers(0, 4096),
)
def test_no_call_of_known_density_costs_more_than_was_feared(sizes, density, made):
    meter = Meter(RATE)
    for size in sizes:
        most = meter.most_usd(size, 4096)
        taken = usage(int(size * density), made, cache_write=int(size * density))
        assert most is not None
        assert RATE.cost(taken) <= most
        meter.learn(size, taken)
