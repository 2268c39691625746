"""What happens to a unit whose attempt failed: asked again, sent back, or final. The one policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["TREATMENTS", "Again", "Back", "FailureClass", "Final", "treatment"]


class FailureClass(StrEnum):
    """Why an attempt did not give a valid unit; `failure_stage` of a failure record."""

    SCHEMA_VALIDATION = "schema_validation"
    """The reply is not the JSON that the schema asks for."""
    VALIDATION = "validation"
    """The reply breaks a rule of the pipeline."""
    TRUNCATED = "truncated"
    """The reply ended at max_tokens."""
    REFUSED = "refused"
    """The model declined, or the provider blocked the answer."""
    REJECTED = "rejected"
    """The provider does not accept this request."""
    TRANSPORT = "transport"
    """No answer came, however often it was asked, though the provider answers others."""
    TEMPLATE = "template"
    """The prompt could not be rendered for this unit."""
    EXPRESSION = "expression"
    """An expression could not be computed for this unit."""


_VERDICTS = frozenset({FailureClass.VALIDATION, FailureClass.EXPRESSION})
"""What a step finds wrong with what it was given, rather than with how its own answer is worded."""


@dataclass(frozen=True, slots=True)
class Again:
    """Ask the unit once more."""

    feedback: bool
    """Show the model its reply and what was wrong with it."""
    more_tokens: bool
    """Double the room for the answer, up to what the model allows."""


@dataclass(frozen=True, slots=True)
class Back:
    """Send the unit back to the step that made what is wrong."""


@dataclass(frozen=True, slots=True)
class Final:
    """The failure stands."""


_AFRESH = Again(feedback=False, more_tokens=False)
_CORRECTED = Again(feedback=True, more_tokens=False)
_LONGER = Again(feedback=False, more_tokens=True)
_FINAL = Final()

TREATMENTS: Mapping[FailureClass, Again | Final] = {
    FailureClass.SCHEMA_VALIDATION: _CORRECTED,
    FailureClass.VALIDATION: _CORRECTED,
    FailureClass.TRUNCATED: _LONGER,
    FailureClass.REFUSED: _AFRESH,
    FailureClass.REJECTED: _FINAL,
    FailureClass.TRANSPORT: _FINAL,
    FailureClass.TEMPLATE: _FINAL,
    FailureClass.EXPRESSION: _FINAL,
}
"""What follows a failure, as long as the unit may be asked again."""
_ONCE = frozenset({FailureClass.REFUSED})
"""Failures after which a second asking is the last: a refusal is seldom a mood."""


def treatment(
    failure: FailureClass, attempt: int, *, max_retries: int, returns_left: int | None = None
) -> Again | Back | Final:
    """Say what follows a failure.

    Args:
        failure: Of which class it is.
        attempt: Of which asking of the unit at the step, in this round; 1 is the first.
        max_retries: How often a unit is asked again at a step, in a round.
        returns_left: How often the step may still send this unit back; None for a step that does
            not do that: its own reply is asked for again instead.
    """
    if returns_left is not None and failure in _VERDICTS:
        return Back() if returns_left > 0 else Final()
    most = min(max_retries, 1) if failure in _ONCE else max_retries
    return TREATMENTS[failure] if attempt <= most else _FINAL
