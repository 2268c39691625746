"""Schemas say the same as the reference implementation, and never fetch."""

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.schemas import MAX_ERRORS, Schema, SchemaFault, parse_schema, place
from tests.pipelines.random_schemas import schemas, values

SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 2, "pattern": "^[a-z]*$"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "words": {"type": "array", "items": {"enum": ["warm", "cold"]}, "maxItems": 2},
    },
    "required": ["text", "count"],
    "additionalProperties": False,
}
scraps = st.none() | st.integers(-1, 11) | st.sampled_from(["", "ab", "AB", "warm", "hot"])
replies = st.dictionaries(
    st.sampled_from(["text", "count", "words", "more"]), scraps | st.lists(scraps, max_size=3)
)


@settings(max_examples=150)
@given(replies)
def test_the_same_places_and_keywords_as_the_oracle(value):
    oracle = jsonschema.Draft202012Validator(SCHEMA)
    expected = {
        (
            "$" + "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in error.path),
            error.validator,
        )
        for error in oracle.iter_errors(value)
    }
    schema = Schema(SCHEMA)
    assert {(error.path, error.rule) for error in schema.errors(value)} == expected
    assert schema.accepts(value) == (not expected)


@settings(max_examples=300)
@given(schemas, values)
def test_random_schemas_say_the_same_as_the_oracle(node, value):
    oracle = jsonschema.Draft202012Validator(node)
    expected = {(place(error.path), error.validator) for error in oracle.iter_errors(value)}
    schema = Schema(node)
    assert {(error.path, error.rule) for error in schema.errors(value)} == expected
    assert schema.accepts(value) == (not expected)


def test_a_model_that_must_choose_is_told_every_option():
    schema = Schema({"properties": {"a": {"enum": ["one", "two", "three", "four", 5]}}})
    (error,) = schema.errors({"a": "six"})
    assert error.message == '"six" is not one of: "one", "two", "three", "four", 5'


def test_endless_errors_and_messages_are_cut():
    schema = Schema({"properties": {"a": {"items": {"type": "integer"}}}})
    errors = schema.errors({"a": ["x" * 5000] * 1000})
    assert len(errors) == MAX_ERRORS + 1
    assert errors[-1].message == "and 980 more errors"
    assert all(len(error.message) < 600 for error in errors)


def test_what_would_take_for_ever_to_list_is_not_listed():
    schema = Schema({"properties": {"a": {"items": {"enum": [f"x{n}" for n in range(5000)]}}}})
    (error,) = schema.errors({"a": ["zz"] * 100})
    assert (error.path, error.rule) == ("$", "schema")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "is an object"),
        ('{"type": "array"}', "a reply is an object, but the schema says 'array'"),
        ('{"type": "object", "properties": {"a": {"type": "objekt"}}}', r"\$.properties.a.type"),
        ('{"$ref": "#/nowhere"}', "nowhere"),
        ('{"$ref": "other.json"}', "other.json"),
    ],
)
def test_what_is_no_schema_is_said_with_its_place(text, message):
    with pytest.raises(SchemaFault, match=message):
        parse_schema(text.encode())
