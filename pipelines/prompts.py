"""What is said to the model about a unit: at first, and when its reply was not good enough."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from pipelines.values import encodable
from pipelines.verdicts import Error

__all__ = ["Previous", "Prompt", "Turn", "asked_again"]

Turn: TypeAlias = tuple[Literal["user", "assistant"], str]
"""Who speaks, and what."""


@dataclass(frozen=True, slots=True)
class Previous:
    """The asking before this one, and why its reply was not taken."""

    attempt: int
    """1 is the first asking."""
    reply: str
    errors: tuple[Error, ...]

    def as_context(self) -> dict[str, Any]:
        """Return it as templates see it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is told."""

    system: str | None
    turns: tuple[Turn, ...]


def asked_again(question: str, previous: Previous) -> tuple[Turn, ...]:
    """Return the turns that show a model its reply to `question` and what was wrong with it."""
    feedback = _feedback(previous.errors)
    if not previous.reply.strip():
        # Vendors refuse an empty turn.
        return (("user", f"{question}\n\n{feedback}"),)
    return (("user", question), ("assistant", encodable(previous.reply)), ("user", feedback))


def _feedback(errors: Sequence[Error]) -> str:
    listed = "\n".join(f"- {_said(error)}" for error in errors)
    return (
        f"That answer cannot be used:\n{listed}\n"
        "Answer the first message again, corrected and in full: one JSON object and nothing else."
    )


def _said(error: Error) -> str:
    return (
        error.message if error.path == "$" else f"{error.path.removeprefix('$.')}: {error.message}"
    )
