"""A step's JSON Schema: loaded, checked and compiled once, never fetching anything."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from pipelines.efforts import branches, depth, effort
from pipelines.verdicts import Error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jsonschema_rs import ValidationError, Validator, ValidatorMap

__all__ = ["Schema", "SchemaFault", "parse_schema", "place"]

MAX_ERRORS = 20
MAX_MESSAGE = 500
MAX_SCHEMA_DEPTH = 100
MAX_BRANCHES = 1_000
"""How many parts of a schema may speak of one and the same value."""
MAX_EFFORT = 50_000
"""How many comparisons it may take to find all that is wrong; the validator would not stop."""


class SchemaFault(ValueError):
    """A text that is not a usable JSON Schema."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message, line)
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Schema:
    """A JSON Schema for replies."""

    document: Mapping[str, Any]

    @cached_property
    def _validator(self) -> Validator:
        return _compile(self.document)

    @cached_property
    def _parts(self) -> ValidatorMap:
        import jsonschema_rs

        return jsonschema_rs.validator_map_for(dict(self.document), offline=True)

    @property
    def fields(self) -> frozenset[str] | None:
        """The names that a reply may have at its top, or None when the schema does not say."""
        properties = self.document.get("properties")
        return frozenset(properties) if isinstance(properties, dict) else None

    @property
    def required(self) -> frozenset[str]:
        """The names that a reply must have at its top."""
        return frozenset(self.document.get("required", ()))

    def check(self) -> None:
        """Compile the schema.

        Raises:
            SchemaFault: it is not a schema, or refers to something outside of itself.
        """
        _ = self._validator

    def accepts(self, value: Any) -> bool:
        return self._validator.is_valid(value)

    def accepts_at(self, pointer: str, value: Any) -> bool:
        """Return whether `value` is valid by the part of the schema at `pointer`, `#/…`."""
        validator = self._parts.get(pointer)
        return validator is not None and validator.is_valid(value)

    def matches(self, pattern: str, text: str) -> bool:
        """Return whether the validator finds `pattern` in `text`."""
        return _compiled_pattern(pattern).is_valid(text)

    def part(self, pointer: str) -> Any:
        """Return the part of the schema at `pointer`, `#/…`; None when nothing is there."""
        part: Any = self.document
        for name in pointer.split("/")[1:]:
            key = name.replace("~1", "/").replace("~0", "~")
            if isinstance(part, list) and key.isdecimal() and int(key) < len(part):
                part = part[int(key)]
            else:
                part = part.get(key) if isinstance(part, dict) else None
        return part

    def errors(self, value: Any) -> tuple[Error, ...]:
        """Return everything that is wrong with `value`, up to MAX_ERRORS."""
        if effort(self, value) > MAX_EFFORT:
            return (Error("$", "schema", "does not follow the schema, in too many ways to list"),)
        found = list(self._validator.iter_errors(value))
        errors = [
            Error(place(error.instance_path), error.kind.name, _message(error))
            for error in found[:MAX_ERRORS]
        ]
        if len(found) > MAX_ERRORS:
            errors.append(Error("$", "more", f"and {len(found) - MAX_ERRORS} more errors"))
        return tuple(errors)


def parse_schema(text: bytes) -> Schema:
    """Return the schema that `text` is.

    Raises:
        SchemaFault: it is not one, or not one of objects.
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SchemaFault(f"not JSON: {error.msg}", error.lineno) from error
    if not isinstance(document, dict):
        raise SchemaFault("a schema of replies is an object")
    if document.get("type", "object") != "object":
        raise SchemaFault(f"a reply is an object, but the schema says {document['type']!r}")
    if depth(document) > MAX_SCHEMA_DEPTH:
        raise SchemaFault(f"the schema is nested deeper than {MAX_SCHEMA_DEPTH} levels")
    schema = Schema(document)
    schema.check()
    if branches(schema) > MAX_BRANCHES:
        raise SchemaFault(
            "anyOf, oneOf and allOf refer to one another so often that a reply could never be "
            "checked; let each name what it means"
        )
    return schema


def place(keys: Sequence[str | int]) -> str:
    """Return the way to a value as people write it: `$.lines[0].text`."""
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)


@lru_cache(maxsize=1000)
def _compiled_pattern(pattern: str) -> Validator:
    import jsonschema_rs

    return jsonschema_rs.validator_for({"pattern": pattern})


def _compile(document: Mapping[str, Any]) -> Validator:
    import jsonschema_rs

    try:
        return jsonschema_rs.validator_for(dict(document), offline=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        where = place(getattr(error, "instance_path", ()))
        raise SchemaFault(f"not a usable schema: {error.message} (at {where})") from error


def _message(error: ValidationError) -> str:
    if error.kind.name == "enum":
        # The library names a few options; a model that is to choose needs them all.
        options = ", ".join(_shown(option) for option in error.kind.value)
        return _short(f"{_shown(error.instance)} is not one of: {options}")
    return _short(error.message)


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()


def _short(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"
