"""What is kept can be written: any encoder takes it."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.values import MAX_DEPTH, Unfit, clean, encodable

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=10,
)


@given(anything)
def test_a_clean_value_is_encodable_and_stays_as_it_is(value):
    try:
        cleaned, _ = clean(value)
    except Unfit:
        return
    assert orjson.loads(orjson.dumps(cleaned)) == cleaned
    assert clean(cleaned) == (cleaned, ())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**64, -(2**63) - 1])
def test_numbers_that_json_cannot_carry_are_refused_by_place(value):
    with pytest.raises(Unfit) as caught:
        clean({"a": [0, value]})
    assert caught.value.path == "$.a[1]"


def test_control_characters_and_lone_surrogates_become_visible():
    assert clean({"a": "\x1b[31mred\x00\ud800\nü"}) == (
        {"a": "\ufffd[31mred\ufffd\ufffd\nü"},
        ("$.a: 3 control characters replaced",),
    )


def test_depth_has_an_end():
    value = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert clean(value).value == value
    with pytest.raises(Unfit, match="deeper than 100"):
        clean([value])


@given(st.text(st.characters()))
def test_only_lone_surrogates_are_changed_in_a_prompt(text):
    sent = encodable(text)
    assert sent.encode().decode() == sent
    lone = any(0xD800 <= ord(char) < 0xE000 for char in text)
    assert lone == (sent != text)
