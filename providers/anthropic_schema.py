"""Adapt a JSON Schema to the subset that Anthropic enforces while the model writes."""

from collections.abc import Mapping
from typing import Any

from providers.schema_parts import parts
from providers.schema_subset import Subset

__all__ = ["enforced"]

# As its SDK has it: anthropic/lib/_parse/_transform.py.
FORMATS = frozenset(
    {"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid"}
)
# More are refused with status 400: https://github.com/elie222/inbox-zero/issues/2323
MAX_OPTIONAL = 24
MAX_UNIONS = 16


def enforced(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the schema within the subset, or None when it would lose what it means."""
    adapted = _SUBSET.adapt(schema)
    return adapted if adapted is not None and _is_small(adapted) else None


def _keeps(keyword: str, value: Any) -> bool:
    match keyword:
        case "format":
            return value in FORMATS
        case "minItems":
            return value in {0, 1}
        case _:
            return False


_SUBSET = Subset(
    keeps=_keeps,
    lists=frozenset({"boolean", "integer", "number", "string"}),
    tuples=False,
    closed=True,
)


def _is_small(schema: Mapping[str, Any]) -> bool:
    optional = sum(
        len(part.get("properties", ())) - len(part.get("required", ())) for part in parts(schema)
    )
    unions = sum("anyOf" in part for part in parts(schema))
    return optional <= MAX_OPTIONAL and unions <= MAX_UNIONS
