"""The model that an emulator pretends to have: what it says to a request, and what that costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from providers.emulator.jsons import dumps
from providers.emulator.replies import reply
from providers.emulator.script import Do, Rule
from providers.emulator.words import sentence

__all__ = ["Asked", "Said", "Stop", "Usage", "answer"]

BYTES_PER_TOKEN = 4
SENTENCES = 3
REASONING_TOKENS = {"low": 32, "medium": 128, "high": 512, "xhigh": 1024, "max": 2048}


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
    reasoning: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `reasoning` is part of `output`."""

    input: int
    output: int
    reasoning: int


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
    reasoning = REASONING_TOKENS.get(asked.reasoning or "", 0)
    match fault.do if fault else None:
        case Do.REFUSE:
            text, stop = "I'm sorry, but I can't help with that.", Stop.REFUSED
        case Do.BLOCK:
            text, stop = "", Stop.BLOCKED
        case Do.TEXT if fault:
            text, stop = fault.text or "", Stop.DONE
        case Do.TRUNCATE:
            whole = _text(asked, seed, rehearsed)
            text, stop = whole[: len(whole) // 2], Stop.TRUNCATED
        case _:
            text, stop = _text(asked, seed, rehearsed), Stop.DONE
    if asked.max_tokens is not None:
        reasoning = min(reasoning, asked.max_tokens)
        room = asked.max_tokens - reasoning
        if _tokens(text) > room:
            text, stop = _first_tokens(text, room), Stop.TRUNCATED
    return Said(text, stop, Usage(_tokens(asked.prompt), _tokens(text) + reasoning, reasoning))


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
