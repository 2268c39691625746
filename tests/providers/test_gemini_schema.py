"""Which schemas Gemini can enforce, and how they are put."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from providers.gemini_schema import enforced


def obj(_required=None, **properties):
    required = list(properties) if _required is None else _required
    return {"type": "object", "properties": properties, "required": required}


TEXT = {"type": "string"}
NULL = {"type": "null"}
NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
PAIR = {"type": "array", "prefixItems": [TEXT, {"type": "integer"}]}


@pytest.mark.parametrize(
    "schema",
    [
        obj(a=TEXT),
        obj(["a"], a=TEXT, b=TEXT),
        {**obj(a=TEXT), "additionalProperties": False},
        {**obj(a=TEXT), "additionalProperties": True},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "additionalProperties": False},
        {"type": "array", "items": obj(a=TEXT), "minItems": 2, "maxItems": 3},
        obj(a={"type": "number", "minimum": 0, "maximum": 1}),
        obj(a={**TEXT, "format": "date", "title": "A", "description": "When."}),
        obj(a={**TEXT, "enum": ["x", "y"]}),
        obj(a=PAIR),
        obj(a={**PAIR, "items": TEXT}),
        obj(a={"anyOf": [TEXT, obj(b=TEXT)]}),
        {**obj(a={"$ref": "#/$defs/n"}), "$defs": {"n": obj(b=TEXT)}},
    ],
)
def test_schema_in_the_subset_stays_as_it_is(schema):
    assert enforced(schema) == schema


@pytest.mark.parametrize(
    ("schema", "adapted"),
    [
        ({**obj(a=TEXT), "$schema": "x", "$id": "y", "examples": [1]}, obj(a=TEXT)),
        (
            {**obj(a=TEXT), "additionalProperties": {}},
            {**obj(a=TEXT), "additionalProperties": True},
        ),
        (obj(a={"const": 3}), obj(a={"type": "integer", "enum": [3]})),
        (obj(a={"const": None}), obj(a=NULL)),
        (obj(a={"enum": [True, False]}), obj(a={"type": "boolean"})),
        (obj(a={"const": True}), obj(a={"type": "boolean", "description": "(enum: [true])"})),
        (
            obj(a={"enum": ["x", None]}),
            obj(a={"anyOf": [NULL, {"type": "string", "enum": ["x"]}]}),
        ),
        (
            obj(a={"type": ["integer", "null"], "minimum": 0}),
            obj(a={"anyOf": [{"type": "integer", "minimum": 0}, NULL]}),
        ),
        (obj(a={**PAIR, "items": False}), obj(a={**PAIR, "maxItems": 2})),
        (obj(a={"oneOf": [TEXT, NULL]}), obj(a={"anyOf": [TEXT, NULL]})),
        (
            {"$ref": "#/definitions/n", "definitions": {"n": obj(b=TEXT), "unused": {}}},
            {"$ref": "#/$defs/n", "$defs": {"n": obj(b=TEXT)}},
        ),
    ],
)
def test_schema_is_put_in_the_subset(schema, adapted):
    assert enforced(schema) == adapted


@pytest.mark.parametrize(
    ("kind", "keyword", "value"),
    [
        ("string", "minLength", 3),
        ("string", "pattern", "^a"),
        ("string", "format", "uri"),
        ("integer", "exclusiveMinimum", 0),
        ("number", "multipleOf", 0.5),
    ],
)
def test_what_cannot_be_enforced_is_told(kind, keyword, value):
    said = {"type": kind, "description": "A word."}
    told = {"type": kind, "description": f"A word. ({keyword}: {value})"}
    assert enforced(obj(a={**said, keyword: value})) == obj(a=told)


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({}, id="anything"),
        pytest.param({"type": "object"}, id="free-form"),
        pytest.param({"type": "object", "additionalProperties": True}, id="free-form, and said so"),
        pytest.param(obj(["a", "b"], a=TEXT), id="a required key nobody describes"),
        pytest.param({**obj(a=TEXT), "patternProperties": {}}, id="keys by pattern"),
        pytest.param({**obj(a=TEXT), "dependentSchemas": {}}, id="keys that call for others"),
        pytest.param(obj(a=True), id="a boolean schema"),
        pytest.param(obj(a={"type": "array"}), id="a list of anything"),
        pytest.param(obj(a={"allOf": [obj(b=TEXT), obj(c=TEXT)]}), id="allOf"),
        pytest.param(obj(a={"not": TEXT}), id="not"),
        pytest.param(obj(a={"if": TEXT, "then": TEXT}), id="conditions"),
        pytest.param(obj(a={"enum": [{"x": 1}]}), id="objects as values"),
        pytest.param(obj(a={"$ref": "other.json"}), id="another file"),
        pytest.param({"$ref": "#/$defs/node", "$defs": {"node": NODE}}, id="recursion"),
    ],
)
def test_schema_that_would_lose_its_meaning_is_not_adapted(schema):
    assert enforced(schema) is None


SCHEMA = {
    **obj(
        ["name", "age", "tags", "where"],
        name={**TEXT, "minLength": 1},
        age={"type": "integer", "minimum": 0, "exclusiveMaximum": 3},
        tags={"type": "array", "items": {"enum": ["x", 1, None]}, "maxItems": 3},
        note={"type": ["string", "null"]},
        where={"oneOf": [{"$ref": "#/$defs/place"}, {"type": "null"}]},
        sure={"const": True},
        pair={**PAIR, "items": False},
    ),
    "additionalProperties": {"type": "integer"},
    "$defs": {"place": obj(["city"], city=TEXT, zip={"type": ["integer", "string"]})},
}


REPLIES = st.fixed_dictionaries(
    {
        "name": st.text(max_size=3),
        "age": st.integers(-1, 3) | st.just(1.5),
        "tags": st.lists(st.sampled_from(["x", 1, 1.0, None, True]), max_size=4),
        "where": st.none()
        | st.fixed_dictionaries({"city": st.text(max_size=2)}, optional={"zip": st.just(1)}),
    },
    optional={
        "note": st.none() | st.text(max_size=2),
        "sure": st.booleans(),
        "pair": st.lists(st.sampled_from(["x", 1]), max_size=3),
        "more": st.none() | st.just(1),
    },
)


@given(REPLIES)
def test_what_is_enforced_is_what_was_asked_for(reply):
    """All that is asked for is allowed; besides it only what had to be told."""
    asked = enforced(SCHEMA)
    assert asked is not None
    broken = {error.validator for error in Draft202012Validator(SCHEMA).iter_errors(reply)}
    allowed = broken <= {"minLength", "exclusiveMaximum", "const"}

    assert Draft202012Validator(asked).is_valid(reply) is allowed
