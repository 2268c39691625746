"""Which schemas Anthropic can enforce, and how they are put."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from providers.anthropic_schema import enforced


def obj(_required=None, **properties):
    required = list(properties) if _required is None else _required
    return {"type": "object", "properties": properties, "required": required}


def closed(_required=None, **properties):
    return {**obj(_required, **properties), "additionalProperties": False}


TEXT = {"type": "string"}
NULL = {"type": "null"}
NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}


@pytest.mark.parametrize(
    ("schema", "adapted"),
    [
        (obj(a=TEXT), closed(a=TEXT)),
        (closed(a=TEXT), closed(a=TEXT)),
        ({**obj(a=TEXT), "$schema": "x", "$id": "y", "examples": [1]}, closed(a=TEXT)),
        ({"properties": {"a": TEXT}, "required": ["a"]}, closed(a=TEXT)),
        (obj(["a"], a=TEXT, b=TEXT), closed(["a"], a=TEXT, b=TEXT)),
        (obj(a=obj(b=TEXT)), closed(a=closed(b=TEXT))),
        ({"type": "array", "items": obj(a=TEXT)}, {"type": "array", "items": closed(a=TEXT)}),
        (obj(a={"enum": ["x", "y"]}), closed(a={"type": "string", "enum": ["x", "y"]})),
        (obj(a={"enum": [1, 2.5]}), closed(a={"type": "number", "enum": [1, 2.5]})),
        (obj(a={"const": True}), closed(a={"type": "boolean", "enum": [True]})),
        (
            obj(a={**TEXT, "enum": ["x", 1]}),
            closed(a={"type": "string", "enum": ["x"]}),
        ),
        (
            obj(a={"enum": ["x", None]}),
            closed(a={"anyOf": [NULL, {"type": "string", "enum": ["x"]}]}),
        ),
        (
            obj(a={"type": ["string", "null"], "description": "x"}),
            closed(a={"anyOf": [TEXT, NULL], "description": "x"}),
        ),
        (
            obj(a={**obj(b=TEXT), "type": ["object", "null"]}),
            closed(a={"anyOf": [closed(b=TEXT), NULL]}),
        ),
        (obj(a={"oneOf": [TEXT, obj(b=TEXT)]}), closed(a={"anyOf": [TEXT, closed(b=TEXT)]})),
        (
            {**obj(a={"$ref": "#/$defs/n", "description": "x"}), "$defs": {"n": obj(b=TEXT)}},
            {**closed(a={"$ref": "#/$defs/n"}), "$defs": {"n": closed(b=TEXT)}},
        ),
        (
            {"$ref": "#/definitions/n", "definitions": {"n": obj(b=TEXT)}},
            {"$ref": "#/$defs/n", "$defs": {"n": closed(b=TEXT)}},
        ),
        (
            {**obj(a={"allOf": [{"$ref": "#/$defs/n"}]}), "$defs": {"n": TEXT, "unused": {}}},
            {**closed(a={"$ref": "#/$defs/n"}), "$defs": {"n": TEXT}},
        ),
        (
            obj(a={"type": "array", "items": TEXT, "minItems": 1}),
            closed(a={"type": "array", "items": TEXT, "minItems": 1}),
        ),
        (obj(a={**TEXT, "format": "uri"}), closed(a={**TEXT, "format": "uri"})),
        (closed(), {"type": "object", "additionalProperties": False}),
    ],
)
def test_schema_is_put_in_the_subset(schema, adapted):
    assert enforced(schema) == adapted


@pytest.mark.parametrize(
    ("kind", "keyword", "value"),
    [
        ("string", "minLength", 3),
        ("string", "pattern", "^a"),
        ("string", "format", "phone"),
        ("integer", "minimum", 0),
        ("number", "multipleOf", 0.5),
    ],
)
def test_what_cannot_be_enforced_is_told(kind, keyword, value):
    said = {"type": kind, "description": "A word."}
    told = {"type": kind, "description": f"A word. ({keyword}: {value})"}
    assert enforced(obj(a={**said, keyword: value})) == closed(a=told)


def test_more_than_one_item_can_only_be_told():
    listed = {"type": "array", "items": TEXT}
    assert enforced(obj(a={**listed, "minItems": 2, "maxItems": 3})) == closed(
        a={**listed, "description": "(minItems: 2, maxItems: 3)"}
    )


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({}, id="anything"),
        pytest.param({"type": "object"}, id="free-form"),
        pytest.param(obj(["a", "b"], a=TEXT), id="a required key nobody describes"),
        pytest.param({**obj(a=TEXT), "additionalProperties": True}, id="more keys"),
        pytest.param({**obj(a=TEXT), "additionalProperties": {}}, id="more keys of any kind"),
        pytest.param({**obj(a=TEXT), "additionalProperties": TEXT}, id="more keys of a kind"),
        pytest.param({**obj(a=TEXT), "patternProperties": {}}, id="keys by pattern"),
        pytest.param({**obj(a=TEXT), "dependentRequired": {}}, id="keys that call for others"),
        pytest.param({**obj(a=TEXT), "anyOf": [{"required": ["a"]}]}, id="a choice among keys"),
        pytest.param(obj(a={}), id="any value"),
        pytest.param(obj(a=True), id="a boolean schema"),
        pytest.param(obj(a={"type": "array"}), id="a list of anything"),
        pytest.param(obj(a={"type": "array", "prefixItems": [TEXT]}), id="a tuple"),
        pytest.param(obj(a={"allOf": [obj(b=TEXT), obj(c=TEXT)]}), id="allOf"),
        pytest.param(obj(a={"not": TEXT}), id="not"),
        pytest.param(obj(a={"if": TEXT, "then": TEXT}), id="conditions"),
        pytest.param(obj(a={"anyOf": [TEXT], "oneOf": [TEXT]}), id="two choices at once"),
        pytest.param(obj(a={"enum": [{"x": 1}]}), id="objects as values"),
        pytest.param(obj(a={"type": "object", "const": {"x": 1}}), id="an object as the value"),
        pytest.param(obj(a={"enum": ["x"], "const": "x"}), id="values listed twice"),
        pytest.param(obj(a={**TEXT, "enum": [1]}), id="no value at all"),
        pytest.param(obj(a={"$ref": "other.json"}), id="another file"),
        pytest.param(obj(a={"$ref": "#/properties/b"}, b=TEXT), id="a part as a definition"),
        pytest.param(obj(a={"$ref": "#"}), id="the schema within itself"),
        pytest.param({"$ref": "#/$defs/node", "$defs": {"node": NODE}}, id="recursion"),
        pytest.param(
            {"$ref": "#/$defs/n", "$defs": {"n": TEXT}, "definitions": {"n": NULL}},
            id="one name for two definitions",
        ),
        pytest.param(obj([], **{f"k{n}": TEXT for n in range(25)}), id="too many optional keys"),
        pytest.param(
            obj(**{f"k{n}": {"type": ["string", "null"]} for n in range(17)}), id="too many unions"
        ),
    ],
)
def test_schema_that_would_lose_its_meaning_is_not_adapted(schema):
    assert enforced(schema) is None


def test_nesting_has_a_limit():
    schema = TEXT
    for _ in range(3000):
        schema = obj(a=schema)
    assert enforced(schema) is None


def test_schema_itself_is_not_changed():
    part = {**TEXT, "minLength": 1}
    enforced(obj(a=part))
    assert part == {**TEXT, "minLength": 1}


SCHEMA = {
    **closed(
        ["name", "age", "tags", "where"],
        name={**TEXT, "minLength": 1},
        age={"type": "integer", "minimum": 0},
        tags={"type": "array", "items": {"enum": ["x", 1, None]}, "minItems": 1, "maxItems": 3},
        note={"type": ["string", "null"]},
        where={"oneOf": [{"$ref": "#/$defs/place"}, {"type": "null"}]},
        sure={"const": True},
    ),
    "$defs": {"place": closed(["city"], city=TEXT, zip={"type": ["integer", "string"]})},
}


REPLIES = st.fixed_dictionaries(
    {
        "name": st.text(max_size=3),
        "age": st.integers(-1, 3) | st.just(1.5),
        "tags": st.lists(st.sampled_from(["x", 1, 1.0, None, True]), max_size=4),
        "where": st.none()
        | st.fixed_dictionaries({"city": st.text(max_size=2)}, optional={"zip": st.just(1)}),
    },
    optional={"note": st.none() | st.text(max_size=2), "sure": st.booleans(), "more": st.none()},
)


@given(REPLIES)
def test_what_is_enforced_is_what_was_asked_for(reply):
    """All that is asked for is allowed; besides it only what had to be told."""
    asked = enforced(SCHEMA)
    assert asked is not None
    broken = {error.validator for error in Draft202012Validator(SCHEMA).iter_errors(reply)}
    allowed = broken <= {"minLength", "minimum", "maxItems"}
    assert Draft202012Validator(asked).is_valid(reply) is allowed
