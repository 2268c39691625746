"""What happens to a unit whose attempt failed: asked again, sent back, or final. The one policy."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

__all__ = ["Again", "Back", "FailureClass", "Final", "treatment"]


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
    TEMPLATE = "template"
    """The prompt could not be rendered for this unit."""
    EXPRESSION = "expression"
    """An expression could not be computed for this unit."""

    @property
    def hard(self) -> bool:
        """True when no model answered: shown in red, and asking again cannot help."""
        return self in _HARD


_HARD = frozenset({FailureClass.REJECTED, FailureClass.TEMPLATE, FailureClass.EXPRESSION})
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
    if attempt > max_retries:
        return Final()
    match failure:
        case FailureClass.SCHEMA_VALIDATION | FailureClass.VALIDATION:
            return Again(feedback=True, more_tokens=False)
        case FailureClass.TRUNCATED:
            return Again(feedback=False, more_tokens=True)
        case FailureClass.REFUSED:
            # A refusal is seldom a mood: once more, then believe it.
            return Again(feedback=False, more_tokens=False) if attempt == 1 else Final()
        case FailureClass.REJECTED | FailureClass.TEMPLATE | FailureClass.EXPRESSION:
            return Final()
        case _:
            assert_never(failure)
