"""Adapt a JSON Schema to the subset that Gemini enforces while the model writes.

It is what the API says of `responseJsonSchema`: https://ai.google.dev/api/generate-content
"""

from collections.abc import Mapping
from typing import Any

from providers.schema_subset import Subset

__all__ = ["enforced"]

BOUNDS = frozenset({"maxItems", "maximum", "minItems", "minimum"})
FORMATS = frozenset({"date", "date-time", "time"})


def enforced(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the schema within the subset, or None when it would lose what it means."""
    return _SUBSET.adapt(schema)


def _keeps(keyword: str, value: Any) -> bool:
    return value in FORMATS if keyword == "format" else keyword in BOUNDS


_SUBSET = Subset(
    keeps=_keeps,
    # Values of other types can be no part of an `enum`.
    lists=frozenset({"integer", "number", "string"}),
    tuples=True,
    closed=False,
)
