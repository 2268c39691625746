"""All chunks of a run: in order, children behind their parent, and cheap to change."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import Chunk, Chunks, chunk_name
from runs.paths import child_name


def _chunk(name, items=1):
    return Chunk(name, items, first="a", step="a", due=items)


def _children(parent, number):
    return [_chunk(child_name(parent, index)) for index in range(number)]


def test_children_stand_behind_their_parent_in_the_order_of_their_numbers():
    """Also the thousand-and-first, and those of children."""
    chunks = Chunks(_chunk(chunk_name(index)) for index in range(1001))
    for parent in ("chunk_1000", "chunk_003", "chunk_003_001"):
        chunks = chunks.changed(chunks[parent], _children(parent, 1001))
    names = list(chunks)
    assert len(chunks) == len(names) == 4 * 1001
    numbers = [[int(part) for part in name.split("_")[1:]] for name in names]
    assert all(one < other for one, other in pairwise(numbers))
    at = names.index("chunk_003_001")
    assert names[at : at + 2] == ["chunk_003_001", "chunk_003_001_000"]
    assert chunks.children("chunk_003") == [c.name for c in _children("chunk_003", 1001)]
    assert chunks.children("chunk_004") == chunks.children("chunk_003_001_000") == []


def test_a_change_reaches_a_child_and_leaves_the_old_value():
    """At any depth."""
    before = Chunks(_children("chunk", 3))
    before = before.changed(before["chunk_001"], _children("chunk_001", 2))
    before = before.changed(before["chunk_001_001"], _children("chunk_001_001", 2))
    after = before.changed(_chunk("chunk_001_001_000", items=7))
    assert before["chunk_001_001_000"].items == 1
    assert after["chunk_001_001_000"].items == 7
    assert list(after) == list(before)
    again = after.changed(_chunk("chunk_001", items=9))
    assert (again["chunk_001"].items, again["chunk_001_001_000"].items) == (9, 7)


@pytest.mark.parametrize("name", ["", "chunk", "chunk_9", "chunk_0000", "chunk_000_000_000", "x"])
def test_a_chunk_that_is_not_there_is_not_found(name):
    """Not by the name of its parent either."""
    chunks = Chunks(_children("chunk", 3))
    assert name not in chunks.changed(chunks["chunk_000"], _children("chunk_000", 1))


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 3)), max_size=12))
def test_chunks_in_their_order_are_those_chunks(fans):
    """What a manifest lists comes back as it was, whoever descends from whom."""
    chunks = Chunks(_children("chunk", 4))
    for at, number in fans:
        parent = list(chunks)[at % len(chunks)]
        if not chunks.children(parent):
            chunks = chunks.changed(chunks[parent], _children(parent, number))
    again = Chunks(chunks.values())
    assert list(again.items()) == list(chunks.items())
    assert all(again.children(name) == chunks.children(name) for name in chunks)


def test_fanning_out_costs_the_same_at_ten_thousand_chunks():
    """Half a second here; were each fan-out a copy of all, it would be minutes."""
    chunks = Chunks(_chunk(chunk_name(index)) for index in range(10_000))
    began = time.process_time()
    for index in range(10_000):
        name = chunk_name(index)
        chunks = chunks.changed(chunks[name], _children(name, 1))
    assert time.process_time() - began < 5
    assert len(chunks) == 20_000
