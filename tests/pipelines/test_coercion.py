"""A value is taken as it was meant; what is valid stays valid."""

import json

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.coercion import coerce, unwrap
from pipelines.schemas import Schema
from tests.pipelines.random_schemas import schemas, values


def coerced(value, node, **defs):
    schema = Schema(
        {
            "type": "object",
            "properties": {"a": node},
            "$defs": defs,
            "definitions": {"count": {"type": ["integer", "null"]}},
        }
    )
    return coerce({"a": value}, schema).value["a"]


ARRAY = {"type": "array", "items": {"type": "integer"}}
TAGS = {"type": "array", "items": {"type": "object", "properties": {"tag": {"type": "string"}}}}
NULLABLE = {"type": ["integer", "null"]}
INT = {"type": "integer"}
NUMBERED = {"type": "object", "patternProperties": {"^n_": INT}}
EITHER = {"anyOf": [{"type": "integer"}, {"type": "boolean"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("value", "node", "expected"),
    [
        ("5", {"type": "integer"}, 5),
        (" 5 ", {"type": "integer"}, 5),
        ("1_000", {"type": "integer"}, 1000),
        ("5.0", {"type": "integer"}, 5),
        (5.0, {"type": "integer"}, 5),
        ("5.5", {"type": "integer"}, "5.5"),
        (5.5, {"type": "integer"}, 5.5),
        (True, {"type": "integer"}, True),
        (None, {"type": "integer"}, None),
        ("9" * 30, {"type": "integer"}, "9" * 30),
        ("9" * 5000, {"type": "integer"}, "9" * 5000),
        ("3.14", {"type": "number"}, 3.14),
        ("1e3", {"type": "number"}, 1000.0),
        ("nan", {"type": "number"}, "nan"),
        ("1e999", {"type": "number"}, "1e999"),
        ("TRUE", {"type": "boolean"}, True),
        ("yes", {"type": "boolean"}, "yes"),
        (1, {"type": "boolean"}, 1),
        (5, {"type": "string"}, "5"),
        (True, {"type": "string"}, True),
        ("5", NULLABLE, 5),
        (None, NULLABLE, None),
        ("5", {"type": ["integer", "string"]}, "5"),
        ("5", EITHER, 5),
        ("true", EITHER, True),
        (None, EITHER, None),
        ("maybe", EITHER, "maybe"),
        ("5", {"allOf": [{"type": "integer"}, {"minimum": 3}]}, 5),
        ('["1", 2.0]', ARRAY, [1, 2]),
        ("foo", ARRAY, ["foo"]),
        ("7", ARRAY, [7]),
        ("SURRENDER", TAGS, [{"tag": "SURRENDER"}]),
        ('{"b": "2"}', {"type": "object", "properties": {"b": {"type": "integer"}}}, {"b": 2}),
        (["1", "x"], {"type": "array", "prefixItems": [{"type": "integer"}]}, [1, "x"]),
        ({"k": "1"}, {"type": "object", "additionalProperties": {"type": "integer"}}, {"k": 1}),
        ("Shadow Integration | loss", {"enum": ["integration", "loss"]}, "integration"),
        (" WARM ", {"enum": ["Warm", "cold"]}, "Warm"),
        ("cold|warm", {"enum": ["Warm", "cold"]}, "cold|warm"),
        ("X", {"enum": [1, "x"]}, "x"),
        ("YES", {"const": "yes"}, "yes"),
        ("5", {"const": 5}, "5"),
        ("b", {"enum": ["B", "b"]}, "b"),
        ({"n_1": "5", "m": "5"}, NUMBERED, {"n_1": 5, "m": "5"}),
        ({"n_1": "5", "m": "5"}, {**NUMBERED, "additionalProperties": INT}, {"n_1": 5, "m": 5}),
        ("5", {"oneOf": [{"type": "integer"}, {"type": "null"}]}, 5),
        ("5", {"$ref": "#/definitions/count"}, 5),
        ("7", {"allOf": [{"$ref": "#/definitions/count"}, {"maximum": 9}]}, 7),
        ([{"n": "1"}], {"type": "array", "items": {"properties": {"n": NULLABLE}}}, [{"n": 1}]),
    ],
)
def test_a_value_is_taken_as_it_was_meant(value, node, expected):
    result = coerced(value, node)
    assert result == expected
    assert type(result) is type(expected)


def test_references_are_followed_once_per_value():
    tree = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "next": {"$ref": "#/$defs/T"}},
    }
    value = {"n": "1", "next": {"n": "2", "next": {"n": "3"}}}
    assert coerced(value, {"$ref": "#/$defs/T"}, T=tree) == {
        "n": 1,
        "next": {"n": 2, "next": {"n": 3}},
    }


@pytest.mark.parametrize("loop", [{"$ref": "#/$defs/T"}, {"anyOf": [{"$ref": "#/$defs/T"}]}])
def test_a_definition_of_itself_ends(loop):
    assert coerced("x", {"$ref": "#/$defs/T"}, T=loop) == "x"


def test_branching_recursion_ends():
    branch = {"type": "object", "properties": {"x": {"$ref": "#/$defs/T"}}, "required": ["never"]}
    value = {}
    for _ in range(60):
        value = {"x": value}
    assert coerced(value, {"$ref": "#/$defs/T"}, T={"anyOf": [branch, dict(branch)]}) == value


def test_each_change_is_noted():
    schema = Schema({"properties": {"a": {"type": "integer"}, "b": {"enum": ["Warm"]}}})
    assert coerce({"a": "5", "b": "warm"}, schema).notes == (
        '$.a: "5" taken as 5',
        '$.b: "warm" taken as "Warm"',
    )


SCHEMA = {
    "type": "object",
    "properties": {
        "whole": {"type": "integer"},
        "some": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"enum": ["A", None]}]},
        "one": {"oneOf": [{"type": "boolean"}, {"type": "array", "items": {"type": "number"}}]},
        "all": {"allOf": [{"type": "number"}, {"minimum": 2}]},
        "word": {"enum": ["Warm", "cold", 5]},
        "named": {"$ref": "#/$defs/words"},
    },
    "required": ["whole"],
    "$defs": {"words": {"type": "object", "additionalProperties": {"enum": ["a", "B"]}}},
}


valid = st.fixed_dictionaries(
    {"whole": st.integers() | st.integers(-9, 9).map(float)},
    optional={
        "some": st.none()
        | st.integers()
        | st.text()
        | st.sampled_from(["5", "true", "null", "[]"]),
        "one": st.booleans() | st.lists(st.integers() | st.floats(allow_nan=False)),
        "all": st.floats(2, allow_infinity=False) | st.integers(2),
        "word": st.sampled_from(["Warm", "cold", 5, 5.0]),
        "named": st.dictionaries(st.text(), st.sampled_from(["a", "B"])),
        "free": st.text() | st.lists(st.none()),
    },
)


@given(valid)
def test_what_is_valid_stays_valid_and_equal(value):
    jsonschema.validate(value, SCHEMA)
    result = coerce(value, Schema(SCHEMA)).value
    jsonschema.validate(result, SCHEMA)
    assert result == value


@settings(max_examples=300)
@given(schemas, values)
def test_what_the_oracle_takes_is_left_as_it_is(node, value):
    oracle = jsonschema.Draft202012Validator(node)
    schema = Schema(node)
    result = coerce(value, schema).value
    if oracle.is_valid(value):
        assert result == value
    assert schema.accepts(result) == oracle.is_valid(result)


@settings(max_examples=300)
@given(schemas, values)
def test_what_was_taken_as_it_was_meant_is_not_taken_otherwise_again(node, value):
    # What must be a list and a text at once goes from one to the other.
    assume("allOf" not in json.dumps(node))
    schema = Schema(node)
    once = coerce(value, schema).value
    assert json.dumps(coerce(once, schema).value) == json.dumps(once)


def test_draft_7_has_a_reference_stand_alone():
    document = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"a": {"$ref": "#/definitions/text", "type": "integer"}},
        "definitions": {"text": {"type": "string"}},
    }
    assert coerce({"a": "5"}, Schema(document)) == ({"a": "5"}, ())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"response": '```json\n{"a": "3",}\n```'}, {"a": "3"}),
        ({"response": '{"a": 1, "b": 2}', "b": 9}, {"a": 1, "b": 9}),
        ({"response": '{"other": 1}'}, {"response": '{"other": 1}'}),
        ({"response": "text", "a": 1}, {"response": "text", "a": 1}),
        ({"response": "text"}, {"response": "text"}),
        ({"response": 5}, {"response": 5}),
    ],
)
def test_a_response_around_the_reply_is_taken_off_when_it_holds_what_is_required(fields, expected):
    assert unwrap(fields, frozenset({"a"})) == expected
