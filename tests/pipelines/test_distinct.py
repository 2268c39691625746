"""What comes twice is found among any number, and memory does not follow the number."""

import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import distinct
from pipelines.distinct import Hashes, key_of

INT64 = st.integers(-(2**63), 2**63 - 1)


def repeated(values):
    with Hashes() as hashes:
        for value in values:
            hashes.add(value)
        return hashes.repeated()


@given(st.lists(INT64 | st.integers(-9, 9)))
def test_all_that_comes_twice_is_found_and_nothing_else(values):
    counted = Counter(values)
    found = repeated(values)
    assert found.hashes == {value for value, times in counted.items() if times > 1}
    assert found.times == len(values) - len(counted)


@given(st.lists(st.integers(-20, 20), max_size=200))
def test_what_went_to_the_file_is_not_forgotten(values):
    """Blocks of two make a small bag spill."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distinct, "BLOCK", 2)
        assert repeated(values).hashes == {v for v, n in Counter(values).items() if n > 1}


def test_only_a_few_are_remembered_and_all_are_counted():
    found = repeated([*range(50_000), *range(50_000)])
    assert (len(found.hashes), found.times) == (distinct.FEW, 50_000)


def test_memory_does_not_follow_the_number(monkeypatch):
    """A bag of 400,000 takes what one of 100,000 takes: the rest is in the file."""
    monkeypatch.setattr(distinct, "BLOCK", 16)

    def peak(number):
        tracemalloc.start()
        assert not repeated(hash(str(n)) for n in range(number)).times
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    few, many = peak(50_000), peak(200_000)
    assert many - few < 1_000_000


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("caf\u00e9", "cafe\u0301", True),
        ("\ufb01n", "fin", True),
        ("\uff21", "A", True),
        ("a", "A", False),
        ("\u0410", "A", False),
    ],
    ids=["composed", "ligature", "full-width", "case", "cyrillic"],
)
def test_ids_are_alike_that_unicode_calls_compatible(one, other, alike):
    assert (key_of(one) == key_of(other)) is alike
