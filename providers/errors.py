"""Errors of the providers, by what the caller can do.

ProviderError
├── UnknownProvider     choose one of `choices`
├── MissingKey          set `variable`, or emulate
├── BadAddress          correct the base_url
├── BadRegistry         correct the user's own registry file
├── Misconfigured       a person must act (key, permission, billing, model): pause
├── RequestRejected     this request will never be accepted: the unit fails
├── Gone                what was asked for is not at the provider (any more)
├── Retryable           nothing was answered or paid: send it again, after `retry_after`
├── UnknownOutcome      it was sent and no usable answer came: it may have been paid
└── Unreachable         sending it again was tried long enough: pause, or come back later

All of them survive pickling with their fields. None of them ever holds a key.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from providers.protocol import Allowance

__all__ = [
    "IT_SAYS",
    "BadAddress",
    "BadRegistry",
    "Gone",
    "Misconfigured",
    "MissingKey",
    "ProviderError",
    "RequestRejected",
    "Retryable",
    "UnknownOutcome",
    "UnknownProvider",
    "Unreachable",
]


IT_SAYS = "; it says: "
"""In a message, before a provider's own words: they may quote a request."""


class ProviderError(Exception):
    """Base of all errors of this package. Their first argument is the sentence for people.

    Each hands its arguments to `Exception` in order: that is what makes it survive pickling.
    """

    def __str__(self) -> str:
        return str(self.args[0])


class UnknownProvider(ProviderError):
    """No provider has this name."""

    def __init__(self, message: str, choices: tuple[str, ...]) -> None:
        super().__init__(message, choices)
        self.choices = choices


class MissingKey(ProviderError):
    """The key's environment variable is not set, or holds no key."""

    def __init__(self, message: str, variable: str) -> None:
        super().__init__(message, variable)
        self.variable = variable


class BadAddress(ProviderError):
    """A base_url to which a key must not be sent."""


class BadRegistry(ProviderError):
    """The user's own registry file cannot be read."""


class Misconfigured(ProviderError):
    """The provider will refuse every request until a person changes something."""

    def __init__(self, message: str, kind: str | None = None) -> None:
        super().__init__(message, kind)
        self.kind = kind
        """The provider's own word for it; None when it gives none."""


class RequestRejected(ProviderError):
    """The provider does not accept this one request."""

    def __init__(self, status: int, code: str | None, message: str, body: bytes) -> None:
        super().__init__(status, code, message, body)
        self.status = status
        self.code = code
        self.message = message
        self.body = body

    def __str__(self) -> str:
        return self.message


class Retryable(ProviderError):
    """The request had no effect: never sent, turned away, or failed at the provider."""

    def __init__(
        self,
        message: str,
        retry_after: float | None = None,
        status: int | None = None,
        allowance: "Allowance | None" = None,
    ) -> None:
        super().__init__(message, retry_after, status, allowance)
        self.retry_after = retry_after
        """Seconds the provider asks us to wait; None when it does not say."""
        self.status = status
        """HTTP status; None when the request never reached the provider."""
        self.allowance = allowance
        """What is left of our limits; None when the provider does not say."""


class Gone(ProviderError):
    """There is nothing at the address: a batch or file that the provider does not know."""


class UnknownOutcome(ProviderError):
    """The request was sent, and what came back is no answer."""


class Unreachable(ProviderError):
    """The limiter gave up on a request."""

    def __init__(self, message: str, attempts: int, outage: bool = False) -> None:
        super().__init__(message, attempts, outage)
        self.attempts = attempts
        """How often this request was sent."""
        self.outage = outage
        """Whether nobody else was answered either."""
