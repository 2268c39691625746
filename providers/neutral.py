"""What is asked and what is answered, in words that belong to no vendor."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

__all__ = ["Reply", "Request", "Stop", "Turn", "Usage"]

Turn = tuple[Literal["user", "assistant"], str]


@dataclass(frozen=True, slots=True)
class Request:
    """One asking of a model. A setting that is None is left to the vendor."""

    key: str
    """Names the asking within its run; it never reaches the model."""
    model: str
    system: str | None
    turns: tuple[Turn, ...]
    max_tokens: int | None = None
    """Room for the answer, its reasoning included."""
    temperature: float | None = None
    reasoning: str | None = None
    """How hard to think, in the vendor's words: `low`, `high`, `none`."""
    seed: int | None = None
    schema: Mapping[str, Any] | None = None
    """JSON Schema of the reply; None asks for free text."""
    schema_name: str = "reply"
    timeout_seconds: float = 600.0
    """From the first byte sent to the last byte read."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one reply."""

    input: int
    """All tokens that were read: cached and cache-written ones are part of it."""
    cached: int
    cache_write: int
    output: int
    """All tokens that were made: reasoning is part of it."""
    reasoning: int

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name, as they are kept with a reply."""
        return {
            "input": self.input,
            "cached": self.cached,
            "cache_write": self.cache_write,
            "output": self.output,
            "reasoning": self.reasoning,
        }


class Stop(StrEnum):
    """Why the reply ended."""

    DONE = "done"
    """The model had said what it wanted."""
    TRUNCATED = "truncated"
    """The room ran out."""
    REFUSED = "refused"
    """The model declined; the text says how."""
    BLOCKED = "blocked"
    """The vendor's filter cut the answer off."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said."""

    text: str
    stop: Stop
    usage: Usage | None
    """None when the vendor did not count."""
    model: str | None
    """The model that answered, which may be a dated version of the one asked."""
    request_id: str | None
