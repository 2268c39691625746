"""What can be said of a reply."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

__all__ = ["Error", "Passed", "Rejected", "Stage", "Unit", "Verdict"]

Unit: TypeAlias = dict[str, Any]
"""What flows through the steps; always with a `unit_id`."""


class Stage(StrEnum):
    """Where a reply was found wrong."""

    SCHEMA_VALIDATION = "schema_validation"
    """It is not the JSON that the schema asks for."""
    VALIDATION = "validation"
    """It breaks a rule of the pipeline."""


@dataclass(frozen=True, slots=True)
class Error:
    """One thing that is wrong with a reply."""

    path: str
    """The place in the reply: `$.tone`."""
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Passed:
    """A reply that is valid."""

    fields: dict[str, Any]
    """What the unit gains."""
    notes: tuple[str, ...] = ()
    """What was changed to make it valid."""
    warnings: tuple[Error, ...] = ()
    """The rules of level `warning` that do not hold."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A reply that is not valid, and all that is wrong with it."""

    stage: Stage
    errors: tuple[Error, ...]


Verdict: TypeAlias = Passed | Rejected
