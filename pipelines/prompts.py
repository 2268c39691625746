"""What is said to the model about a unit: at first, and when its reply was not good enough."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from pipelines.values import encodable
from pipelines.verdicts import Error

__all__ = ["Exchange", "Prompt", "Turn", "conversation"]

Turn: TypeAlias = tuple[Literal["user", "assistant"], str]
"""Who speaks, and what."""
MAX_FINDINGS = 20_000
"""Characters of a later step's reply that are shown to the model whose work it judged."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A reply that was not taken, and why."""

    attempt: int
    """1 is the first asking."""
    reply: str
    errors: tuple[Error, ...]
    sent_back_by: str | None = None
    """The later step that did not take it; None when the reply's own checks did not."""
    findings: str | None = None
    """What that step replied, or computed, about the unit."""

    def as_context(self) -> dict[str, Any]:
        """Return it as templates see it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is told."""

    system: str | None
    turns: tuple[Turn, ...]


def conversation(question: str, exchanges: Iterable[Exchange] = ()) -> tuple[Turn, ...]:
    """Return the turns that ask a question, and show a model its replies and what was wrong."""
    turns: list[Turn] = []
    asked = question
    for exchange in exchanges:
        feedback = _feedback(exchange)
        if exchange.reply.strip():
            turns.append(("user", asked))
            turns.append(("assistant", encodable(exchange.reply)))
            asked = feedback
        else:  # vendors refuse an empty turn
            asked = f"{asked}\n\n{feedback}"
    turns.append(("user", asked))
    return tuple(turns)


def _feedback(exchange: Exchange) -> str:
    listed = _listed(exchange.errors)
    if exchange.sent_back_by is None:
        said = f"That answer cannot be used:\n{listed}"
    else:
        said = f"The step {exchange.sent_back_by!r} has looked at it and sent it back:\n{listed}"
        if exchange.findings:
            said += f"\nWhat was found there:\n{encodable(exchange.findings[:MAX_FINDINGS])}"
    return (
        f"{said}\nAnswer the first message again, corrected and in full: one JSON object and "
        "nothing else."
    )


def _listed(errors: Sequence[Error]) -> str:
    return "\n".join(f"- {_said(error)}" for error in errors)


def _said(error: Error) -> str:
    return (
        error.message if error.path == "$" else f"{error.path.removeprefix('$.')}: {error.message}"
    )
