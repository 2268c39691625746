"""What a vendor's wire format must offer to the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from providers.emulator.model import Asked, Said

__all__ = ["BadRequest", "Kind", "Level", "Sent", "Standing", "Trouble", "Vendor"]

Kind = Literal["requests", "tokens"]
"""What a limit counts."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it came over the wire."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """By names in lower case."""
    model: str | None = None
    """The model that the address names, with a vendor who has it there."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there is no reply."""

    status: int
    message: str = ""
    code: str | None = None
    param: str | None = None
    retry_after: float | None = None
    """Seconds."""
    short_of: Kind | None = None
    """Which limit was reached."""


class BadRequest(Exception):
    """A request that the vendor would refuse."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.trouble = Trouble(400, message, code=code, param=param)


@dataclass(frozen=True, slots=True)
class Level:
    """How far a limit is used up."""

    limit: int
    """Per minute."""
    remaining: int
    reset_seconds: float
    """Until all of it is there again."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a caller is shown of its limits; None: no such limit, or a hidden one."""

    requests: Level | None = None
    tokens: Level | None = None


class Vendor(Protocol):
    """A vendor's module. Its functions are pure: bytes and values in, values out."""

    @property
    def BAD_KEY(self) -> Trouble: ...  # noqa: N802  a constant of the module

    @property
    def BAD_SCHEMA(self) -> Trouble: ...  # noqa: N802

    def key(self, headers: Mapping[str, str]) -> str | None:
        """Return the key that a request shows."""
        ...

    def read(self, sent: Sent) -> Asked:
        """Read a request; BadRequest if the vendor would refuse it."""
        ...

    def written(self, asked: Asked, said: Said, *, ident: str, at: int) -> dict[str, Any]:
        """Return the body of the answer. `at` is in seconds since 1970."""
        ...

    def error(self, trouble: Trouble, *, ident: str) -> dict[str, Any]:
        """Return the body of an error."""
        ...

    def headers(self, ident: str) -> dict[str, str]:
        """Return the headers that come with every answer."""
        ...

    def rates(self, standing: Standing | None, now: datetime) -> Mapping[str, str]:
        """Return the headers that tell of limits. None: there are none worth speaking of."""
        ...

    def patience(self, seconds: float) -> Mapping[str, str]:
        """Return the headers that ask to wait; none with a vendor who asks in the body."""
        ...
