"""What a vendor's module must offer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from providers.batches import Batches
    from providers.http import Connection
    from providers.keys import Key
    from providers.neutral import Reply, Request
    from providers.rows import Abilities

__all__ = ["Adapter", "Allowance", "Answer", "Limits", "Provider", "Quota"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How many calls may be in flight: where the limiter's window begins, and where it ends."""

    start: int
    most: int


@dataclass(frozen=True, slots=True)
class Quota:
    """What a vendor says of one of its limits. None where it does not say."""

    limit: int | None = None
    """Per minute."""
    remaining: int | None = None
    reset_seconds: float | None = None
    """Until all of the limit is there again."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much a vendor lets us ask at the moment, as the headers of an answer tell it."""

    requests: Quota | None = None
    tokens: Quota | None = None
    """Of all kinds of tokens that it counts: the kind of which least is left."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the wire for one request."""

    raw: bytes
    """The body, untouched."""
    body: Mapping[str, Any]
    """The JSON object that it holds."""
    status: int
    headers: Mapping[str, str]
    """Looked up whatever their case."""
    seconds: float
    allowance: Allowance | None = None
    """None when the vendor does not say."""


class Provider(Protocol):
    """A live connection to one vendor. It belongs to the event loop it is first used in.

    The batch verbs (submit, check, collect, cancel, find) are a second protocol, `Batches`: a
    provider that has no batch lane, a local server say, need not pretend.
    """

    @property
    def name(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    async def ask(self, wire: bytes, *, model: str, timeout_seconds: float = 600.0) -> Answer:
        """Send one request once and return its answer.

        Some vendors name the model in the address, not in the body.

        Raises:
            Misconfigured: every request will be refused until a person acts.
            RequestRejected: this request will always be refused.
            Retryable: it had no effect and may be sent again.
            UnknownOutcome: it was sent; whether it was served is unknown.
        """
        ...

    async def close(self) -> None: ...


class Adapter(Protocol):
    """A vendor's module. Importing it does not import the vendor's SDK; `connect` does."""

    def to_wire(self, request: "Request", abilities: "Abilities") -> dict[str, Any]:
        """Return the vendor's request body. Pure; the same request always gives the same body."""
        ...

    def from_wire(self, body: Mapping[str, Any]) -> "Reply":
        """Read the vendor's answer. Pure, and total: what is not there is empty or None."""
        ...

    def enforced(self, schema: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the schema as the vendor holds a model to it; None when it would lose its sense.

        Pure. The verdict checks every reply against the schema itself in any case.
        """
        ...

    def connect(self, key: "Key", base_url: str, *, name: str, limits: Limits) -> Provider: ...

    def batches(self, connection: "Connection") -> "Batches":
        """Return the vendor's batch lane over a connection of its own."""
        ...
