"""What happens to a unit whose attempt failed: asked again, or final. The one retry policy."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

__all__ = ["Again", "FailureClass", "Final", "treatment"]


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

    @property
    def hard(self) -> bool:
        """True when no model answered: shown in red, and asking again cannot help."""
        return self in {FailureClass.REJECTED, FailureClass.TEMPLATE}


@dataclass(frozen=True, slots=True)
class Again:
    """Ask the unit once more."""

    feedback: bool
    """Show the model its reply and what was wrong with it."""
    more_tokens: bool
    """Double the room for the answer, up to what the model allows."""


@dataclass(frozen=True, slots=True)
class Final:
    """The failure stands."""


def treatment(failure: FailureClass, attempt: int, *, max_retries: int) -> Again | Final:
    """Say what follows the failure of `attempt` (1 is the first asking of a unit at a step)."""
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
        case FailureClass.REJECTED | FailureClass.TEMPLATE:
            return Final()
        case _:
            assert_never(failure)
