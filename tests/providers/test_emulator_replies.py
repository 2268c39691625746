"""Replies satisfy the schema they were asked for."""

import re
from random import Random

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.emulator.patterns import NoText, matching
from providers.emulator.replies import Unsatisfied, reply
from providers.emulator.words import fitting


def _kind(name, **keywords):
    """Draw schemas of one type, with some of these keywords."""
    return st.fixed_dictionaries({"type": st.just(name)}, optional=keywords)


scalars = st.one_of(
    _kind("string", minLength=st.integers(0, 40), maxLength=st.integers(40, 90)),
    _kind("string", format=st.sampled_from(["date", "date-time", "email", "uuid", "ipv4", "uri"])),
    _kind("string", pattern=st.sampled_from([r"^[A-Z]{2}-\d{3}$", "(cat|dog)s?", "^[^0-9]+$"])),
    _kind(
        "integer",
        minimum=st.integers(-50, 0),
        maximum=st.integers(0, 50),
        multipleOf=st.integers(1, 7),
    ),
    _kind("number", exclusiveMinimum=st.floats(-9, 0), maximum=st.floats(0.5, 9)),
    _kind("number", minimum=st.integers(-2, 0), multipleOf=st.sampled_from([0.25, 2])),
    _kind("boolean"),
    _kind("null"),
)
values = st.lists(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(), min_size=1, max_size=4
)
NAMES = st.sampled_from(["name", "tone", "score", "tags", "reason", "lines"])


@st.composite
def objects(draw, parts):
    properties = draw(st.dictionaries(NAMES, parts, max_size=4))
    schema = {
        "type": draw(st.sampled_from(["object", ["object"], ["object", "null"]])),
        "properties": properties,
        "required": draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
        if properties
        else [],
        "additionalProperties": draw(st.booleans() | parts),
    }
    if schema["additionalProperties"] is not False:
        schema["minProperties"] = draw(st.integers(0, 3))
    return schema


@st.composite
def arrays(draw, parts):
    least = draw(st.integers(0, 3))
    schema = {"type": "array", "items": draw(parts), "minItems": least}
    if draw(st.booleans()):
        schema["maxItems"] = draw(st.integers(least, 5))
    if draw(st.booleans()):
        schema |= {"items": {"type": "string"}, "uniqueItems": True}
    return schema


def _branches(parts):
    return st.lists(parts, min_size=1, max_size=3).map(lambda some: {"anyOf": some})


schemas = st.recursive(
    scalars | values.map(lambda some: {"enum": some}) | values.map(lambda some: {"const": some}),
    lambda parts: objects(parts) | arrays(parts) | _branches(parts),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(schemas, st.binary(max_size=8))
def test_reply_satisfies_any_schema(schema, seed):
    """jsonschema, which has no part in making the reply, is the judge."""
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.validate(reply(schema, seed), schema, format_checker=checker)


@settings(max_examples=50, deadline=None)
@given(schemas, st.binary(max_size=8))
def test_reply_behind_references_satisfies_the_schema(schema, seed):
    """Local references are followed, and references to oneself end."""
    tree = {"type": "object", "required": ["leaf"], "properties": {}}
    tree["properties"] = {"leaf": {"$ref": "#/$defs/leaf"}, "more": {"$ref": "#/$defs/tree"}}
    whole = {"$ref": "#/$defs/tree", "$defs": {"leaf": schema, "tree": tree}}
    jsonschema.validate(reply(whole, seed), whole)


@pytest.mark.parametrize(
    "schema",
    [
        {"oneOf": [{"type": "integer", "multipleOf": 3}, {"type": "integer", "multipleOf": 5}]},
        {"not": {"type": "string"}},
        {"type": "string", "enum": ["a", 1, None]},
        {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "prefixItems": [{"const": 1}, {"type": "null"}], "items": False},
        {"required": ["a"], "properties": {"a": {"exclusiveMinimum": 0, "exclusiveMaximum": 1}}},
        {
            "type": "object",
            "properties": {"a": {"enum": ["yes", "no"]}, "why": {"type": "string"}},
            "required": ["a"],
            "anyOf": [{"properties": {"a": {"const": "no"}}}, {"required": ["why"]}],
        },
        {
            "allOf": [
                {"type": "object", "properties": {"n": {"minimum": 5}}, "required": ["n"]},
                {"properties": {"n": {"type": "integer", "maximum": 6}, "m": {"const": 1}}},
                {"required": ["m"]},
            ]
        },
        {"type": "object", "additionalProperties": {"type": "number"}, "maxProperties": 1},
        {"type": "number", "minimum": 0.001, "maximum": 0.002},
        {"definitions": {"a/b": {"const": 1}}, "$ref": "#/definitions/a~1b"},
        {"type": ["integer", "null"], "minimum": 2},
        {},
        True,
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_reply_satisfies_what_generators_cannot_follow(schema, seed):
    """What no rule of drawing covers is found by drawing again."""
    jsonschema.validate(reply(schema, seed), schema)


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "nope"},
        {"$ref": "#"},
        {"$ref": "https://example.org/schema.json"},
        {"$ref": "#/$defs/missing"},
        {"type": "integer", "minimum": 2.2, "maximum": 2.8},
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "enum": []},
        {"$defs": {"a": {"required": ["a"], "properties": {"a": {"$ref": "#/$defs/a"}}}},
         "$ref": "#/$defs/a", "type": "object"},
    ],
)  # fmt: skip
def test_schema_that_nothing_satisfies_is_an_error(schema):
    with pytest.raises(Unsatisfied):
        reply(schema, 1)


@pytest.mark.parametrize("seed", range(30))
def test_multiples_of_a_decimal_fraction_are_short(seed):
    """Not 0.30000000000000004. jsonschema is no judge here: it divides floats."""
    drawn = reply({"type": "number", "multipleOf": 0.1}, seed)
    assert drawn == round(drawn, 1)


def test_reply_depends_on_schema_and_seed_only():
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}
    assert reply(schema, b"one") == reply(schema, b"one")
    assert reply(schema, b"one") != reply(schema, b"two")


@given(st.integers(0, 80), st.integers(0, 80), st.integers())
def test_text_fits_its_limits(one, other, seed):
    least, most = sorted((one, other))
    assert least <= len(fitting(Random(seed), least, most)) <= most


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\w+\s\S?\d{2,3}$",
        r"[^a-z]b.c*?",
        r"^(?:red|green|(blue)+)$",
        r"^[\d\-x]+[^5]$",
        r"^\W\D{3}$",
    ],
)
@pytest.mark.parametrize("seed", range(20))
def test_text_matches_its_pattern(pattern, seed):
    assert re.search(pattern, matching(pattern, Random(seed)))


def test_pattern_that_looks_around_has_no_text():
    with pytest.raises(NoText):
        matching("(?<!a)b", Random(1))
