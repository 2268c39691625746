"""HTTP to a vendor: a pool of connections with a key, and what its failures mean."""

import asyncio
import contextlib
import json
import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Generator,
    Iterator,
    Mapping,
)
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from providers.answers import parse, retry_after
from providers.channel import Channel, Content, Received
from providers.errors import (
    BadAddress,
    Gone,
    Misconfigured,
    ProviderError,
    RequestRejected,
    Retryable,
    UnknownOutcome,
)
from providers.keys import EMULATED, UNUSED
from providers.protocol import Allowance, Answer, Limits

if TYPE_CHECKING:
    from providers.keys import Key

__all__ = ["Connection", "Dialect", "failure", "whole"]

REMEDIES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the key is not accepted: check it",
    HTTPStatus.PAYMENT_REQUIRED: "nothing left to pay with: check plan and billing",
    HTTPStatus.FORBIDDEN: "the key may not do this: check its permissions",
}
TRANSIENT = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a vendor's HTTP has of its own. Its functions are pure."""

    path: Callable[[str], str]
    """Where a model is asked, below the base URL."""
    is_reply: Callable[[Mapping[str, Any]], object]
    """Whether a model's answer is in the body of a success."""
    kinds: Callable[[Mapping[str, Any]], list[str]]
    """The machine-readable words of an error's body, the finest first."""
    unpaid: frozenset[str]
    """Kinds which mean that the account has nothing left, whatever the status."""
    bad_key: frozenset[str] = frozenset()
    """Kinds which mean that the key is not accepted, whatever the status."""
    no_model: frozenset[str] = frozenset()
    """Kinds which mean that there is no such model, whatever the status."""
    wait: Callable[[Mapping[str, Any]], float | None] = lambda _: None
    """Seconds that the body of an error asks us to wait; headers come first."""
    allowance: Callable[[Mapping[str, str], datetime], Allowance | None] = lambda _, __: None


class Connection:
    """A connection pool with a key. It belongs to the event loop it is first used in."""

    def __init__(
        self,
        name: str,
        base_url: str,
        key: "Key",
        limits: Limits,
        dialect: Dialect,
        *,
        channel: Channel,
    ) -> None:
        self.name = name
        self.limits = limits
        self._base_url = base_url.rstrip("/")
        self._secret = _secret(key)
        self._dialect = dialect
        self._channel = channel

    async def ask(self, wire: bytes, *, model: str, timeout_seconds: float = 600.0) -> Answer:
        """Send one request once; see `Provider.ask`.

        A success without a model's answer in it is an UnknownOutcome: a proxy's page or a cut body
        tells nothing of what the vendor did, and is no unit's fault.
        """
        started = perf_counter()
        url = self._base_url + self._dialect.path(model)
        with self._telling(timeout_seconds):
            # A model's answer comes all at once: this is the deadline for reading too.
            async with asyncio.timeout(timeout_seconds):
                received = await self._channel.send("POST", url, timeout_seconds, content=wire)
        status, headers, raw = self._successful(received)
        body = parse(raw)
        if not body or not self._dialect.is_reply(body):
            raise UnknownOutcome(f"{self.name}: status {status} without a completion in it")
        allowance = self._dialect.allowance(headers, datetime.now(UTC))
        return Answer(raw, body, status, headers, perf_counter() - started, allowance)

    async def send(
        self,
        method: str,
        path: str,
        *,
        content: Content = b"",
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 60.0,
    ) -> Received:
        """Send something that is no question to a model, once; a whole URL may stand for the path.

        Raises:
            Gone: what the path names is not there.
            ProviderError: as `ask`.
        """
        with self._telling(timeout_seconds):
            async with asyncio.timeout(timeout_seconds):
                received = await self._channel.send(
                    method, self._url(path), timeout_seconds, content=content, headers=headers
                )
        if received.status == HTTPStatus.NOT_FOUND:
            raise Gone(f"{self.name}: there is nothing at {path!r} (any more)")
        return self._successful(received)

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, *, timeout_seconds: float = 60.0
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        """Get something large piece by piece; no two pieces come further apart than the deadline.

        Raises:
            Gone: what the path names is not there.
            ProviderError: as `ask`; a body that breaks off is an UnknownOutcome.
        """
        with self._telling(timeout_seconds):
            async with self._channel.stream(self._url(path), timeout_seconds) as streamed:
                if streamed.status == HTTPStatus.NOT_FOUND:
                    raise Gone(f"{self.name}: there is nothing at {path!r} (any more)")
                if not _is_success(streamed.status):
                    raw = b"".join([chunk async for chunk in streamed.chunks])
                    self._successful(Received(streamed.status, streamed.headers, raw))
                yield streamed.chunks

    def _url(self, path: str) -> str:
        if path.startswith("/"):
            return self._base_url + path
        # Where a vendor says that something is to be had: our key must not go to another place.
        theirs, ours = urlsplit(path), urlsplit(self._base_url)
        if (theirs.scheme, theirs.netloc) != (ours.scheme, ours.netloc):
            raise BadAddress(f"{self.name} points to another server: {path!r}")
        return path

    @contextlib.contextmanager
    def _telling(self, timeout_seconds: float) -> Generator[None]:
        """Tell what a failure of the network means."""
        import aiohttp

        try:
            yield
        except TimeoutError as error:
            # aiohttp's own timeouts are of this kind too: only the connection's tells more.
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                raise self._broken(error) from None
            raise UnknownOutcome(f"{self.name}: no answer within {timeout_seconds:g} s") from error
        except aiohttp.ClientError as error:
            # A cause that quotes the key would bring it into every traceback.
            quoted = any(self._hide(str(cause)) != str(cause) for cause in _causes(error))
            raise self._broken(error) from (None if quoted else error)

    def _successful(self, received: Received) -> Received:
        """Return what was received, if it is no failure."""
        if _is_success(received.status):
            return received
        shown = self._hide(received.raw.decode("latin-1")).encode("latin-1")
        raise failure(self.name, self._dialect, received._replace(raw=shown))

    def _broken(self, error: BaseException) -> ProviderError:
        """Say what a connection that failed means."""
        import aiohttp

        causes = tuple(_causes(error))
        shown = self._hide(next((str(one) for one in reversed(causes) if str(one)), repr(error)))
        if any(isinstance(cause, aiohttp.ClientConnectorCertificateError) for cause in causes):
            return Misconfigured(f"{self.name}: its certificate is not trusted here: {shown}")
        never_sent = (
            aiohttp.ClientConnectorError,
            aiohttp.ClientHttpProxyError,
            aiohttp.ConnectionTimeoutError,
        )
        if any(isinstance(cause, never_sent) for cause in causes):
            return Retryable(f"{self.name}: cannot connect: {shown}")
        return UnknownOutcome(
            f"{self.name}: the connection broke after sending: {self._hide(repr(causes[-1]))}"
        )

    def _hide(self, text: str) -> str:
        """Return a text without our key: servers and proxies quote what they were sent."""
        return self._secret.sub("***", text) if self._secret else text

    async def close(self) -> None:
        await self._channel.close()


def _is_success(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def failure(name: str, dialect: Dialect, received: Received) -> ProviderError:
    """Say what an answer that is no success means: by status, type and code, never by its text."""
    status, headers, raw = received
    body = parse(raw) or {}
    kinds = dialect.kinds(body)
    said = f"{status} {kinds[0]}" if kinds else str(status)
    if unpaid := dialect.unpaid.intersection(kinds):
        message = f"{name}: nothing left to pay with ({said}): check plan and billing"
        return Misconfigured(message, min(unpaid))
    if dialect.bad_key.intersection(kinds):
        return Misconfigured(f"{name}: {REMEDIES[HTTPStatus.UNAUTHORIZED]} ({said})")
    if status in REMEDIES:
        return Misconfigured(f"{name}: {REMEDIES[status]} ({said})")
    # The path is always the same: only the model or the address can be missing.
    if status == HTTPStatus.NOT_FOUND or dialect.no_model.intersection(kinds):
        return Misconfigured(f"{name}: no such model or address ({said}): check model and base_url")
    if status in TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        now = datetime.now(UTC)
        wait = retry_after(headers, now=now)
        wait = dialect.wait(body) if wait is None else wait
        return Retryable(
            f"{name}: not served ({said})", wait, status, dialect.allowance(headers, now)
        )
    if status < HTTPStatus.BAD_REQUEST:
        return Misconfigured(f"{name}: the address leads elsewhere ({said}): check base_url")
    return RequestRejected(status, kinds[0] if kinds else None, _message(body) or said, raw)


def _message(body: Mapping[str, Any]) -> str:
    error = body.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return str(message) if message else ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def whole(text: str | None) -> int | None:
    """Return the number in a header; None if it is no whole number of a sensible size."""
    return int(text) if text is not None and _WHOLE.fullmatch(text) else None


_WHOLE = re.compile(r"[0-9]{1,15}")


def _secret(key: "Key") -> re.Pattern[str] | None:
    """Return what finds a key in a text, also where JSON escapes it; None if it is no secret."""
    if key in (EMULATED, UNUSED):
        return None
    return re.compile("".join(map(_written, key.reveal())))


def _written(letter: str) -> str:
    """Return a pattern of all the ways to write a letter in JSON."""
    forms = {letter, json.dumps(letter)[1:-1], "\\/" if letter == "/" else letter}
    longest_first = sorted(map(re.escape, forms), key=len, reverse=True)
    return rf"(?:{'|'.join(longest_first)}|\\u(?i:{ord(letter):04x}))"
