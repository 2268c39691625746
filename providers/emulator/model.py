"""The model that an emulator pretends to have: what it says to a request, and what that costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from providers.emulator.jsons import dumps
from providers.emulator.replies import reply
from providers.emulator.script import Do, Rule, Spend
from providers.emulator.words import sentence

__all__ = ["REASONING_TOKENS", "Asked", "Said", "Stop", "Usage", "answer"]

BYTES_PER_TOKEN = 4
SENTENCES = 3
REASONING_TOKENS = {
    "none": 0,
    "minimal": 8,
    "low": 32,
    "medium": 128,
    "high": 512,
    "xhigh": 1024,
    "max": 2048,
}
"""What each effort comes to."""
AS_USUAL = Spend()


class Stop(StrEnum):
    """Why the model said no more."""

    DONE = "done"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, whichever vendor's format it came in."""

    model: str
    prompt: str
    """All that is read, system prompt included."""
    schema: Mapping[str, Any] | None = None
    json: bool = False
    """A JSON object is wanted, without a schema."""
    max_tokens: int | None = None
    reasoning_tokens: int = 0
    pays_cache_writes: bool = True
    """The vendor counts what it writes into its cache."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call."""

    input: int
    """All that is read, with what comes out of the cache and what goes into it."""
    cached: int
    cache_write: int
    output: int
    """All that is written, with the reasoning."""
    reasoning: int

    @property
    def total(self) -> int:
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Said:
    """The model's answer, before a vendor's format is put around it."""

    text: str
    stop: Stop
    usage: Usage


def answer(asked: Asked, seed: bytes, *, rehearsed: str | None, fault: Rule | None) -> Said:
    """Return what the model says: the same for the same arguments.

    Raises:
        Unsatisfied: nothing satisfies the schema.
    """
    text, stop = _spoken(asked, seed, rehearsed, fault)
    spend = (fault and fault.usage) or AS_USUAL
    reasoning = asked.reasoning_tokens if spend.reasoning_tokens is None else spend.reasoning_tokens
    if stop is Stop.BLOCKED:
        reasoning = 0
    if asked.max_tokens is not None:
        reasoning = min(reasoning, asked.max_tokens)
        room = asked.max_tokens - reasoning
        if _tokens(text) > room:
            text, stop = _first_tokens(text, room), Stop.TRUNCATED
    return Said(text, stop, _usage(asked, text, reasoning, spend))


def _spoken(
    asked: Asked, seed: bytes, rehearsed: str | None, fault: Rule | None
) -> tuple[str, Stop]:
    match fault.do if fault else None:
        case Do.REFUSE:
            return "I'm sorry, but I can't help with that.", Stop.REFUSED
        case Do.BLOCK:
            return "", Stop.BLOCKED
        case Do.TEXT if fault:
            return fault.text or "", Stop.DONE
        case Do.TRUNCATE:
            whole = _text(asked, seed, rehearsed)
            return whole[: len(whole) // 2], Stop.TRUNCATED
        case _:
            return _text(asked, seed, rehearsed), Stop.DONE


def _usage(asked: Asked, text: str, reasoning: int, spend: Spend) -> Usage:
    read = _tokens(asked.prompt)
    written = int(read * spend.cache_write_share) if asked.pays_cache_writes else 0
    return Usage(
        input=read,
        cached=int(read * spend.cached_share),
        cache_write=written,
        output=_tokens(text) + reasoning,
        reasoning=reasoning,
    )


def _text(asked: Asked, seed: bytes, rehearsed: str | None) -> str:
    if rehearsed is not None:
        return rehearsed
    if asked.schema is not None:
        return dumps(reply(asked.schema, seed)).decode()
    chance = Random(seed)  # noqa: S311  nothing secret hangs on it
    text = " ".join(sentence(chance) for _ in range(SENTENCES))
    return dumps({"text": text}).decode() if asked.json else text


def _tokens(text: str) -> int:
    return -(-len(_bytes(text)) // BYTES_PER_TOKEN)


def _first_tokens(text: str, tokens: int) -> str:
    return _bytes(text)[: tokens * BYTES_PER_TOKEN].decode(errors="ignore")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
