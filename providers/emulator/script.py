"""Faults by script: which calls go wrong, and how."""

from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

__all__ = ["Do", "Rule", "Script", "Spend"]

EVERY_REQUEST = b""


class Do(StrEnum):
    """What becomes of a call."""

    STATUS = "status"
    """Answer with `status`, `headers` and `body`. Nothing is charged."""
    RESET_BEFORE = "reset_before"
    """Hang up before anything is done. Nothing is charged."""
    RESET_AFTER = "reset_after"
    """Charge, then hang up: the reply is lost."""
    CUT = "cut"
    """Charge, hang up after the first `body_bytes` bytes of the reply's body."""
    STALL = "stall"
    """Charge, then say nothing for as long as the caller waits."""
    MALFORMED = "malformed"
    """Charge, answer 200 with a body that breaks off in the middle of its JSON."""
    DELAY = "delay"
    """Answer as usual, `seconds` late. Every other fault may be late too."""
    TRUNCATE = "truncate"
    """The model stops half-way, as if it had reached its limit of tokens."""
    REFUSE = "refuse"
    """The model refuses."""
    BLOCK = "block"
    """A filter withholds what the model said."""
    TEXT = "text"
    """The model says `text`."""
    USAGE = "usage"
    """The model answers as usual, and it costs what `usage` says."""

    @property
    def by_model(self) -> bool:
        """Say whether it is what the model says: then the same request always gets the same."""
        return self in {Do.TRUNCATE, Do.REFUSE, Do.BLOCK, Do.TEXT, Do.USAGE}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Spend(_Frozen):
    """How the tokens of a call are counted."""

    cached_share: float = Field(default=0.0, ge=0, le=1)
    """Part of the input that comes out of the vendor's cache."""
    cache_write_share: float = Field(default=0.0, ge=0, le=1)
    """Part of the input that goes into the cache; some vendors do not count that."""
    reasoning_tokens: NonNegativeInt | None = None
    """What the model thinks before it speaks; None: by the effort that the request asks for."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.cached_share + self.cache_write_share > 1:
            raise ValueError("no more than the whole input is cached")
        return self


class Rule(_Frozen):
    """One fault. Without `nth`, `every` or `share` it befalls every call that matches."""

    match: str = ""
    """Part of the method and path, such as `POST /openai/v1/chat`."""
    contains: str = ""
    """Part of the request's body."""
    nth: tuple[PositiveInt, ...] = ()
    """Which of the matching calls, counted from 1."""
    every: PositiveInt | None = None
    """Each so many-th of the matching calls."""
    share: float | None = Field(default=None, gt=0, le=1)
    """Part of the matching calls, by the script's seed and the request: the order of arrival does
    not count. What the network does is drawn anew when the same request comes again."""

    do: Do
    seconds: NonNegativeFloat = 0.0
    status: int | None = Field(default=None, ge=300, le=599)
    headers: dict[str, str] = {}
    code: str | None = None
    """The error's code in the vendor's own form of body; None: the usual one of the status."""
    body: Any = None
    """The answer's body in place of the vendor's form; a string is sent as it stands."""
    retry_after: NonNegativeFloat | None = None
    """Seconds that an answer of `status` asks to wait, in the vendor's own way: a header or a
    detail in the body. What is no number of seconds goes into `headers`."""
    text: str | None = None
    body_bytes: NonNegativeInt = 0
    """How much of the body arrives before it is cut."""
    usage: Spend | None = None
    """How the call's tokens are counted, with everything that is charged."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if sum(map(bool, (self.nth, self.every, self.share))) > 1:
            raise ValueError("nth, every and share exclude one another")
        for do, needed in ((Do.STATUS, self.status), (Do.TEXT, self.text)):
            if (self.do is do) != (needed is not None):
                raise ValueError(f"{do.value!r} is what `do: {do}` needs and nothing else takes")
        if self.retry_after is not None and self.do is not Do.STATUS:
            raise ValueError("'retry_after' is what `do: status` takes and nothing else")
        if self.do is Do.USAGE and self.usage is None:
            raise ValueError("'usage' is what `do: usage` needs")
        if self.usage is not None and self.do in {Do.STATUS, Do.RESET_BEFORE}:
            raise ValueError(f"nothing is charged with `do: {self.do}`")
        return self

    def matches(self, endpoint: str, body: bytes) -> bool:
        return self.match in endpoint and self.contains.encode() in body


class Script(_Frozen):
    """Rules in order: the first that strikes decides. Each counts all calls that match it."""

    seed: int = 0
    rules: tuple[Rule, ...] = ()

    def fault(
        self,
        endpoint: str,
        body: bytes,
        request: bytes,
        count: Callable[[int, bytes], int],
        *,
        concerns: Callable[[Rule], bool] = lambda _: True,
    ) -> Rule | None:
        """Return the rule that befalls a call.

        `count` adds one to how often a rule matched a request, and returns the sum. Rules that
        do not concern a call of this kind neither befall nor count it.
        """
        struck: Rule | None = None
        for index, rule in enumerate(self.rules):
            if not rule.matches(endpoint, body) or not concerns(rule):
                continue
            times = count(index, request if rule.share else EVERY_REQUEST)
            if struck is None and self._strikes(rule, index, request, times):
                struck = rule
        return struck

    def _strikes(self, rule: Rule, index: int, request: bytes, times: int) -> bool:
        if rule.share is not None:
            return self._drawn(index, request, 0 if rule.do.by_model else times) < rule.share
        if rule.every is not None:
            return times % rule.every == 0
        return not rule.nth or times in rule.nth

    def _drawn(self, *of: object) -> float:
        """Return a number from 0 to 1, always the same of the same things."""
        digest = sha256(repr((self.seed, *of)).encode()).digest()
        return int.from_bytes(digest[:8]) / 2**64
