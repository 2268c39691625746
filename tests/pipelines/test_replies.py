"""Law: whatever stands around it, the object that was meant is found, and no string is touched."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.replies import MAX_CHARS, extract
from pipelines.values import Unfit

_text = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(_text, _values, min_size=1, max_size=4)
prose = st.text(st.characters(exclude_characters="{}[]<>", exclude_categories=["Cs"]))


@given(objects)
def test_a_plain_object_is_itself(value):
    assert extract(json.dumps(value)).fields == value


@given(objects, prose, prose, st.sampled_from(["", "```", "```json\n", "~~~\n", "<b>"]))
def test_prose_and_fences_around_an_object_do_not_matter(value, before, after, fence):
    reply = f"{before}{fence}{json.dumps(value, indent=1)}\n{fence}{after}"
    assert extract(reply).fields == value


@given(objects)
def test_a_fence_that_is_never_closed_does_not_matter(value):
    assert extract(f"```json\n{json.dumps(value)}").fields == value


@given(objects, objects, st.booleans())
def test_what_was_thought_is_not_the_reply(thought, value, opened):
    opening = "<think>" if opened else ""
    draft = json.dumps({"draft": [thought] * 3, "unfinished": "yes"})
    assert extract(f"{opening}maybe {draft}</think>\n{json.dumps(value)}").fields == value


@given(objects)
def test_a_comma_too_many_does_not_matter(value):
    reply = json.dumps(value)[:-1] + ",\n}"
    assert extract(reply).fields == value


@given(st.text())
def test_no_text_at_all_raises_anything_but_unfit(text):
    with contextlib.suppress(Unfit):
        assert isinstance(extract(text).fields, dict)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Sure!\n```\n{"a":1}\n``` bye', {"a": 1}),
        ('Here it is: {"a":1}', {"a": 1}),
        ('{"a": +4, "b":[+1, +2]}', {"a": 4, "b": [1, 2]}),
        ('{"s": "x, +1 y", "t": "a,]b",}', {"s": "x, +1 y", "t": "a,]b"}),
        ('{"s": "```json {\\"no\\": 1} ```"}', {"s": '```json {"no": 1} ```'}),
        ('{"s": "</think> {}"} done', {"s": "</think> {}"}),
        ('Use {braces} for sets. {"a": 1}', {"a": 1}),
        ('{"short": 1} or rather {"longer": [1, 2]}', {"longer": [1, 2]}),
        ('{"a": 1} no, {"a": 2}', {"a": 2}),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ("{}", {}),
        ('<think>{"a": </think>{"a": 1}', {"a": 1}),
        ('hmm {"a": </think>{"a": 1}', {"a": 1}),
    ],
)
def test_slips_of_models_are_forgiven(reply, expected):
    assert extract(reply).fields == expected


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("", "the reply is empty"),
        (" \n", "the reply is empty"),
        ("I would rather not.", "there is no JSON object"),
        ("[1, 2]", "the reply is an array, not an object"),
        ('```\n[{"a": 1}, {"a": 2}]\n```', "the reply is an array, not an object"),
        ('"text"', "the reply is a string"),
        ("null", "the reply is null"),
        ('{"a": {"b": 1}', "is not closed"),
        ('<think>{"a": 1}', "there is no JSON object"),
        ('ok:\n{"a": 1 "b": {"c": 2}}', "line 2 of the reply"),
        ("{'a': 1}", "there is no JSON object"),
        ('{"a": ' + "1" * 5000 + "}", "a number is too long"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, "nested"),
        ('so {"a":' * 1 + '{"a":' * 10_000 + "1" + "}" * 10_001, "nested"),
        ('{"a": "' + "x" * MAX_CHARS + '"}', "1,000,000"),
    ],
)
def test_what_is_no_object_is_said_plainly(reply, message):
    with pytest.raises(Unfit, match=message) as caught:
        extract(reply)
    assert (caught.value.path, caught.value.rule) in {("$", "json"), ("$", "depth")}


@pytest.mark.parametrize(
    "hostile",
    [
        '"\\' * 300_000,
        '{"' * 400_000,
        '</think>{"' * 90_000,
        '{"\\"' * 200_000,
        ",  }" * 250_000,
        "[" * 900_000,
        '[{"' * 300_000,
        "<think>" * 140_000,
        '{"a":1}' * 140_000,
        '{"a":x}' * 140_000,
        '{"}"[\\"]' * 110_000,
    ],
    ids=range(11),
)
def test_hostile_replies_take_time_in_line_with_their_length(hostile):
    began = time.process_time()
    for text in (hostile, "{" + hostile, '{"a": 1,' + hostile):
        with contextlib.suppress(Unfit):
            extract(text)
    assert time.process_time() - began < 8
