"""A batch as its vendor knows it, in words that belong to none of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Batches", "End", "Found", "Intent", "Line", "LineEnd", "Refusal", "Standing"]


class End(StrEnum):
    """How a batch came to its end. Whatever the end, the answers that there are can be read."""

    COMPLETED = "completed"
    FAILED = "failed"
    """The vendor did not take it, or broke off; mostly nothing was asked."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Refusal(StrEnum):
    """Why a vendor does nothing of a batch that it has accepted, whatever its requests."""

    QUEUE_FULL = "queue_full"
    """Too many tokens wait for its model: later there is room."""
    UNPAID = "unpaid"
    """Nothing is left to pay with: a person must act."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A batch that is to be submitted, as it stood in the journal before anything was sent."""

    key: str
    """64 hexadecimal digits that name it; its vendor keeps them where it can."""
    model: str
    requests: int
    size_bytes: int
    file: Path
    """Its request lines, in the vendor's own form (`Batches.request_line`)."""
    at: datetime
    """When it was written down (UTC): no batch of its own is older, but for the clocks' error."""
    first: bool = False
    """Whether it was never sent before: then nothing of it can lie at its vendor."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a batch stands at its vendor."""

    id: str
    end: End | None
    """None while the vendor works on it, and while it is being cancelled."""
    created_at: datetime
    expires_at: datetime | None = None
    requests: int | None = None
    answered: int | None = None
    """Of `requests`; None where the vendor does not count before the end."""
    failed: int | None = None
    message: str | None = None
    """What the vendor says of a batch that failed."""
    refusal: Refusal | None = None
    """Why it failed, where its requests are right: nothing of it was asked."""
    results: tuple[str, ...] = ()
    """Where its lines are to be had, in the vendor's words; none before the end."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a vendor knows of an intent."""

    batch_id: str
    proven: bool
    """False where only time and size speak for it, until its first result line can be read."""


class LineEnd(StrEnum):
    """What came of one request of a batch."""

    ANSWERED = "answered"
    REJECTED = "rejected"
    """The vendor will never accept this request."""
    UNSERVED = "unserved"
    """It expired, was cancelled, or failed at the vendor: unpaid, it may be asked again."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a batch's results."""

    custom_id: str
    end: LineEnd
    raw: bytes | None = None
    """The answer, as it would have come in realtime; None unless `ANSWERED`."""
    status: int | None = None
    message: str | None = None
    """Why there is no answer."""
    body: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)
    """What `raw` says, read."""


class Batches(Protocol):
    """The batch lane of one vendor, over a live connection. No call is repeated by itself.

    All of them raise what `Provider.ask` raises: Misconfigured (a person must act), Retryable (it
    had no effect; not sent, or turned away), UnknownOutcome.
    """

    def request_line(self, custom_id: str, wire: bytes) -> bytes:
        """Return one line of a request file, without its newline; pure."""
        ...

    def read_line(self, line: bytes) -> Line:
        """Read one line of a results file; pure.

        Raises:
            ValueError: it is no such line.
        """
        ...

    async def submit(self, intent: Intent) -> str:
        """Send the file and create the batch; return the vendor's id for it.

        The file goes out as a stream. Upload and creation may be repeated after a crash between
        them: what was uploaded is used, or lies about for free.

        Raises:
            RequestRejected: the vendor does not take its requests: it will never be there.
            Misconfigured: it takes no batch now, whatever its requests: a full storage, say.
            Retryable: it is certain that no batch was created.
            UnknownOutcome: it may have been created: `find` tells.
        """
        ...

    async def find(self, intent: Intent, *, known: Collection[str]) -> tuple[Found, ...]:
        """Return the batches that may be the intent's, the likeliest first; none if there is none.

        `known` are ids that belong to other intents. A vendor's list may lag behind: whoever finds
        nothing looks again some time later before sending anything. What is found and not proven
        may be somebody else's: once it has ended, it is proven or not found any more.
        """
        ...

    async def check(self, batch_ids: Collection[str]) -> Mapping[str, Standing]:
        """Return how batches stand, by list calls where these are fewer; a lost one is missing."""
        ...

    async def collect(self, standing: Standing, into: Path) -> None:
        """Write all result lines, those of errors too, to a file that is there only when whole.

        Raises:
            Gone: the vendor has deleted them.
            UnknownOutcome, Retryable: the download broke off, or did not begin; it can be repeated.
            BadAddress: they are at another server, to which our key must not go.
        """
        ...

    async def cancel(self, batch_id: str) -> None:
        """Ask the vendor to stop it; it ends some time later.

        No error if it is at its end, or not there.
        """
        ...
