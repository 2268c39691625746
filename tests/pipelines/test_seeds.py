"""Seeds are the same on every machine, and no two streams are alike."""

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from pipelines.seeds import repetition_seed, stream_seed


def test_a_stream_is_the_same_everywhere():
    """Written down: a change of these would change what every seeded pipeline gives."""
    assert stream_seed("a", "roll", None) == 12609277709830881567
    assert stream_seed("a", "roll", 7) == 21425451248635755


NAME = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
STREAM = st.tuples(NAME, NAME, st.integers() | st.none())


@given(STREAM, STREAM)
def test_another_unit_step_or_seed_is_another_stream(one, other):
    assert (stream_seed(*one) == stream_seed(*other)) is (one == other)


def test_repetitions_have_the_numbers_of_the_original():
    """Row 25 of the verified examples."""
    assert [repetition_seed("a_b-c", n, None) for n in (0, 1)] == [1689180185, 1689180186]
    assert repetition_seed("q", 0, None) == 978843599


def test_a_seed_of_the_pipeline_moves_the_numbers():
    numbers = {repetition_seed("q", 0, seed) for seed in (None, 0, 1, 2)}
    assert len(numbers) == 4


def test_neighbouring_streams_are_not_correlated():
    """First numbers of the streams of a thousand neighbours are as even as chance makes them."""
    first = [random.Random(stream_seed(f"u{n}", "roll", None)).random() for n in range(1000)]
    assert abs(sum(first) / 1000 - 0.5) < 0.03
    products = [(a - 0.5) * (b - 0.5) for a, b in itertools.pairwise(first)]
    assert abs(sum(products) / 1000) < 0.01
