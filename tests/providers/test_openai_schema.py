"""Which schemas OpenAI can enforce, and how they are put."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from providers.openai_schema import strict


def obj(_required=None, **properties):
    required = list(properties) if _required is None else _required
    return {"type": "object", "properties": properties, "required": required}


def closed(**properties):
    return {**obj(**properties), "additionalProperties": False}


TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "adapted"),
    [
        (obj(a=TEXT), closed(a=TEXT)),
        ({**obj(a=TEXT), "additionalProperties": False}, closed(a=TEXT)),
        ({**obj(a=TEXT), "$schema": "x", "$id": "y", "examples": [1]}, closed(a=TEXT)),
        ({"properties": {"a": TEXT}, "required": ["a"]}, closed(a=TEXT)),
        (obj(a=obj(b=TEXT)), closed(a=closed(b=TEXT))),
        (
            obj(a={"type": "array", "items": obj(b=TEXT), "minItems": 2}),
            closed(a={"type": "array", "items": closed(b=TEXT), "minItems": 2}),
        ),
        (obj(a={"enum": ["x", "y"]}), closed(a={"type": "string", "enum": ["x", "y"]})),
        (
            obj(a={"enum": ["x", None]}),
            closed(a={"type": ["null", "string"], "enum": ["x", None]}),
        ),
        (obj(a={"const": 3}), closed(a={"type": "integer", "const": 3})),
        (
            obj(a={"oneOf": [TEXT, obj(b=TEXT)]}),
            closed(a={"anyOf": [TEXT, closed(b=TEXT)]}),
        ),
        (
            {**obj(a={"$ref": "#/$defs/n", "description": "x"}), "$defs": {"n": obj(b=TEXT)}},
            {**closed(a={"$ref": "#/$defs/n"}), "$defs": {"n": closed(b=TEXT)}},
        ),
        (obj(a={"type": "number", "minimum": 0, "maximum": 1}),) * 2,
    ],
)
def test_schema_is_put_in_the_subset(schema, adapted):
    result = strict(schema)
    if schema == adapted:
        adapted = {**adapted, "additionalProperties": False}
    assert result == adapted


def test_optional_key_that_may_be_null_becomes_required():
    nullable = {"type": ["string", "null"]}
    assert strict(obj(["a"], a=TEXT, b=nullable)) == closed(a=TEXT, b=nullable)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("minLength", 3), ("format", "uri"), ("pattern", "(?=a)b")],
)
def test_what_cannot_be_enforced_is_told(keyword, value):
    adapted = strict(obj(a={**TEXT, "description": "A word.", keyword: value}))
    assert adapted == closed(a={**TEXT, "description": f"A word. ({keyword}: {value})"})


@pytest.mark.parametrize("keyword", ["description", "title"])
def test_words_for_the_model_are_kept(keyword):
    assert strict(obj(a={**TEXT, keyword: "x"})) == closed(a={**TEXT, keyword: "x"})


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({}, id="anything"),
        pytest.param({"type": "array", "items": TEXT}, id="no object at the root"),
        pytest.param({"anyOf": [obj(a=TEXT)]}, id="a choice at the root"),
        pytest.param({"type": "object"}, id="free-form"),
        pytest.param(obj([], a=TEXT), id="a key that may be missing"),
        pytest.param(obj(["a", "b"], a=TEXT), id="a required key nobody describes"),
        pytest.param({**obj(a=TEXT), "additionalProperties": True}, id="more keys"),
        pytest.param({**obj(a=TEXT), "additionalProperties": TEXT}, id="more keys of a kind"),
        pytest.param({**obj(a=TEXT), "patternProperties": {}}, id="keys by pattern"),
        pytest.param(obj(a={}), id="any value"),
        pytest.param(obj(a=True), id="a boolean schema"),
        pytest.param(obj(a={"type": "array"}), id="a list of anything"),
        pytest.param(obj(a={"type": "array", "prefixItems": [TEXT]}), id="a tuple"),
        pytest.param(obj(a={"type": ["string", "integer"]}), id="a union of types"),
        pytest.param(obj(a={"allOf": [TEXT]}), id="allOf"),
        pytest.param(obj(a={"not": TEXT}), id="not"),
        pytest.param(obj(a={"if": TEXT, "then": TEXT}), id="conditions"),
        pytest.param(obj(a={"anyOf": [TEXT], "oneOf": [TEXT]}), id="two choices at once"),
        pytest.param(obj(a={"enum": [{"x": 1}]}), id="objects as values"),
        pytest.param(obj(a={"$ref": "other.json"}), id="another file"),
        pytest.param(obj(a={"enum": [str(n) for n in range(1001)]}), id="too many values"),
        pytest.param(obj(**{f"k{n}": TEXT for n in range(5001)}), id="too many keys"),
    ],
)
def test_schema_that_would_lose_its_meaning_is_not_adapted(schema):
    assert strict(schema) is None


def test_nesting_has_a_limit():
    schema = TEXT
    for _ in range(10):
        schema = obj(a=schema)
    assert strict(schema) is not None
    assert strict(obj(a=schema)) is None
    for _ in range(3000):
        schema = obj(a=schema)
    assert strict(schema) is None


SCHEMA = obj(
    ["name", "age", "tags"],
    name={**TEXT, "minLength": 1},
    age={"type": "integer", "minimum": 0},
    tags={"type": "array", "items": {"enum": ["x", "y"]}, "maxItems": 3},
    note={"type": ["string", "null"]},
    where={"oneOf": [obj(city=TEXT), {"type": "null"}]},
)


REPLIES = st.fixed_dictionaries(
    {
        "name": st.text(max_size=3),
        "age": st.integers(-1, 3),
        "tags": st.lists(st.sampled_from(["x", "y", "z"]), max_size=4),
        "note": st.none() | st.text(max_size=2),
        "where": st.none() | st.fixed_dictionaries({"city": st.text(max_size=2)}),
    },
    optional={"more": st.none()},
)


@given(REPLIES)
def test_what_is_enforced_is_what_was_asked_for(reply):
    """A reply to the adapted schema breaks the original only where the model had to be told."""
    asked = strict(SCHEMA)
    assert asked is not None
    if Draft202012Validator(asked).is_valid(reply):
        broken = {error.validator for error in Draft202012Validator(SCHEMA).iter_errors(reply)}
        assert broken <= {"minLength"}
