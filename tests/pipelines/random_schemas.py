"""Random schemas from a small grammar, and random values that come near to them."""

from hypothesis import strategies as st

_scalars = st.sampled_from([None, True, False, 0, 1, 5, -3, 2.5, 5.0, "", "5", "2.5", "A", "true"])
_texts = st.sampled_from(["b", "Warm", " warm ", "[1]", '["5"]', '{"a": "5"}', "null", "1e3"])
_types = st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"])

_leaves = st.one_of(
    st.builds(lambda kind: {"type": kind}, _types),
    st.builds(lambda kinds: {"type": kinds}, st.lists(_types, min_size=2, max_size=3, unique=True)),
    st.builds(
        lambda options: {"enum": options}, st.lists(_scalars | _texts, min_size=1, max_size=4)
    ),
    st.builds(lambda value: {"const": value}, _scalars | _texts),
    st.sampled_from(
        [
            {"type": "integer", "minimum": 1, "maximum": 5},
            {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5},
            {"type": "string", "minLength": 2, "maxLength": 4},
            {"type": "string", "pattern": "^[a-z]*$"},
            {"$ref": "#/$defs/leaf"},
            {"$ref": "#/definitions/tree"},
        ]
    ),
    st.just(True),
)


def _composed(inner):
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.builds(lambda item: {"type": "array", "items": item, "maxItems": 2}, inner),
        st.builds(lambda first, rest: {"prefixItems": first, "items": rest}, several, inner),
        st.builds(
            lambda a, b, others: {
                "type": "object",
                "properties": {"a": a, "b": b},
                "required": ["a"],
                "additionalProperties": others,
            },
            inner,
            inner,
            inner | st.just(False),
        ),
        st.builds(lambda part: {"patternProperties": {"^a": part}}, inner),
        st.builds(lambda parts: {"anyOf": parts}, several),
        st.builds(lambda parts: {"oneOf": parts}, several),
        st.builds(lambda parts: {"allOf": parts}, several),
    )


_nodes = st.recursive(_leaves, _composed, max_leaves=5)
_TREE = {
    "type": "object",
    "properties": {"n": {"type": ["integer", "null"]}, "a": {"$ref": "#/definitions/tree"}},
}

schemas = st.builds(
    lambda a, b, leaf: {
        "type": "object",
        "properties": {"a": a, "b": b},
        "required": ["a"],
        "$defs": {"leaf": leaf},
        "definitions": {"tree": _TREE},
    },
    _nodes,
    _nodes,
    st.sampled_from([{"type": "integer"}, {"enum": ["Warm", 5]}, {"type": ["number", "null"]}]),
)
values = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.recursive(
        _scalars | _texts,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["a", "b", "n"]), inner, max_size=3)
        ),
        max_leaves=5,
    ),
    max_size=3,
)
