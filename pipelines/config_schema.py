"""The JSON Schema of config.yaml, for editors: what the model says, and what depends on scopes."""

import ast
import inspect
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

# What may be said where stands where it is checked; an editor is told of the same.
from pipelines.model import Pipeline, PostProcessType, Scope, Strategy
from pipelines.post_process_checks import KEYS as ENTRY_KEYS
from pipelines.post_process_checks import NEEDED as ENTRY_NEEDS
from pipelines.scope_checks import KEYS as STEP_KEYS
from pipelines.scope_checks import NEEDED as STEP_NEEDS

__all__ = ["config_schema"]

_TITLE = "A pipeline of Octobatch"
_ABOUT = (
    "What a pipeline's config.yaml may say. The long form of the original Octobatch, in which "
    "`pipeline` is a mapping, is read as well, but not described here."
)
_KEY = {"type": "string"}


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of config.yaml in its native form.

    What it refuses, `octobatch check` refuses as well; that also looks at files and expressions.
    """
    made = Pipeline.model_json_schema(by_alias=True, schema_generator=_Plain)
    parts = {name: _without(part, "title") for name, part in made.pop("$defs").items()}
    made["properties"]["pipeline"]["minItems"] = 1
    parts["Step"]["dependentRequired"] = {"max_iterations": ["loop_until"]}
    parts["Step"]["allOf"] = [
        _case("scope", scope, [STEP_NEEDS[scope][0]], parts["Step"], STEP_KEYS[scope])
        for scope in Scope
    ]
    parts["PostProcess"]["allOf"] = [
        _case("type", kind, ENTRY_NEEDS[kind], parts["PostProcess"], ENTRY_KEYS[kind])
        for kind in PostProcessType
    ]
    parts["Units"]["allOf"] = _strategies()
    head = {"$schema": _Plain.schema_dialect, "title": _TITLE, "description": _ABOUT}
    return {**head, **_without(made, "title", "description"), "$defs": parts}


def _case(
    key: str,
    value: StrEnum,
    needed: Iterable[str],
    part: Mapping[str, Any],
    known: Iterable[str],
) -> dict[str, Any]:
    """Return what holds where `key` has this value: keys that are needed, keys that do nothing."""
    idle = [name for name in part["properties"] if name not in frozenset(known)]
    then = {"required": [*needed], "properties": dict.fromkeys(idle, False)}
    return {"if": _says(key, value, part["properties"][key]["default"]), "then": then}


def _says(key: str, value: StrEnum, default: str) -> dict[str, Any]:
    """Return what holds where `key` has this value, said or by default."""
    said = {"properties": {key: {"const": value.value}}}
    return said if value == default else {**said, "required": [key]}


def _strategies() -> list[dict[str, Any]]:
    """Return what positions must be: none, lists by name, or names alone."""
    default = Strategy.DIRECT.value
    needed = {"required": ["positions"]}
    then = {
        Strategy.DIRECT: {"properties": {"positions": {"maxProperties": 0, "maxItems": 0}}},
        Strategy.CROSS_PRODUCT: {
            **needed,
            "properties": {
                "positions": {"type": "object", "minProperties": 1, "additionalProperties": _KEY}
            },
        },
        Strategy.PERMUTATION: {
            **needed,
            "properties": {"positions": {"minProperties": 1, "minItems": 1}},
        },
    }
    return [{"if": _says("strategy", one, default), "then": then[one]} for one in Strategy]


class _Plain(GenerateJsonSchema):
    """Pydantic's schema without what says nothing to somebody who writes YAML."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Give no field a title: it would repeat the key."""
        del schema
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out a default that is nothing, or a whole part by default."""
        made = super().default_schema(schema)
        default = made.get("default")
        nothing = default in (None, [], ()) or isinstance(default, dict)
        return _without(made, "default") if nothing else made

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Say `type: [string, null]`: a key without a value is as good as none."""
        inner = self.generate_inner(schema["schema"])
        if "type" not in inner:
            return super().nullable_schema(schema)
        types = inner["type"] if isinstance(inner["type"], list) else [inner["type"]]
        return {**inner, "type": [*types, "null"]}

    def union_schema(self, schema: core_schema.UnionSchema) -> JsonSchemaValue:
        """Say `type: [string, number]` where nothing but types is said."""
        made = super().union_schema(schema)
        choices = made.get("anyOf", [])
        types = [choice.get("type") for choice in choices if choice.keys() == {"type"}]
        if not choices or len(types) < len(choices):
            return made
        if "number" in types and "integer" in types:
            types.remove("integer")
        return {"type": types if len(types) > 1 else types[0]}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Refuse keys that are no names, which `patternProperties` alone lets pass."""
        made = super().dict_schema(schema)
        for pattern, values in made.pop("patternProperties", {}).items():
            made["propertyNames"] = {"pattern": pattern, **made.get("propertyNames", {})}
            made["additionalProperties"] = values
        return made

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        """Give each value the docstring of its member."""
        made = super().enum_schema(schema)
        said = _docstrings(schema["cls"])
        if not said:
            return made
        del made["enum"]
        return {**made, "oneOf": [_constant(member, said) for member in schema["members"]]}


def _constant(member: StrEnum, said: Mapping[str, str]) -> dict[str, str]:
    about = {"description": said[member.name]} if member.name in said else {}
    return {"const": member.value, **about}


def _docstrings(cls: type) -> dict[str, str]:
    """Return the docstrings under the members of an enum, by the members' names."""
    body = ast.parse(inspect.getsource(cls)).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        node.targets[0].id: below.value.value
        for node, below in zip(body.body, body.body[1:], strict=False)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def _without(made: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {name: value for name, value in made.items() if name not in keys}
