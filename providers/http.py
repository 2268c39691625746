"""HTTP to a vendor: a pool of connections with a key, and what its failures mean."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from providers.answers import parse, retry_after
from providers.errors import (
    Misconfigured,
    ProviderError,
    RequestRejected,
    Retryable,
    UnknownOutcome,
)
from providers.keys import EMULATED, UNUSED
from providers.protocol import Allowance, Answer, Limits

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx2

    from providers.keys import Key

__all__ = ["CONNECT_SECONDS", "KEEPALIVE_SECONDS", "Connection", "Dialect", "Post", "Received"]
__all__ += ["environment_proxy", "failure", "over_sdk", "pool_limits", "tls", "whole"]

CONNECT_SECONDS = 10.0
# Servers close idle connections after 5 s or more. Closing first avoids sending a request into a
# connection that is being closed, of which nobody could say whether it was served.
KEEPALIVE_SECONDS = 4.0
# The limiter's window is the limit; the pool must only never be narrower.
MAX_CONNECTIONS = 4096

REMEDIES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the key is not accepted: check it",
    HTTPStatus.PAYMENT_REQUIRED: "nothing left to pay with: check plan and billing",
    HTTPStatus.FORBIDDEN: "the key may not do this: check its permissions",
}
TRANSIENT = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
)


class Received(NamedTuple):
    """An HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    raw: bytes


class Post(Protocol):
    """Sends bytes to a URL, once, and reads the whole answer."""

    async def __call__(self, url: str, wire: bytes, timeout_seconds: float) -> Received: ...


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
    """A connection pool with a key. It belongs to the event loop it is first used in.

    It uses the SDK's transport and headers, but no request layer: to build models and merge the
    same URL, headers and cookies for each call costs as much again as all of HTTP.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        key: "Key",
        limits: Limits,
        dialect: Dialect,
        *,
        post: Post,
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self.name = name
        self.limits = limits
        self._base_url = base_url.rstrip("/")
        self._secret = _secret(key)
        self._dialect = dialect
        self._post = post
        self._close = close

    async def ask(self, wire: bytes, *, model: str, timeout_seconds: float = 600.0) -> Answer:
        """Send one request once; see `Provider.ask`.

        A success without a model's answer in it is an UnknownOutcome: a proxy's page or a cut body
        tells nothing of what the vendor did, and is no unit's fault.
        """
        import aiohttp
        import httpx2

        started = perf_counter()
        url = self._base_url + self._dialect.path(model)
        try:
            # A model's answer comes all at once: this is the deadline for reading too.
            async with asyncio.timeout(timeout_seconds):
                status, headers, raw = await self._post(url, wire, timeout_seconds)
        except TimeoutError as error:
            # aiohttp's own timeouts are of this kind too: only the connection's tells more.
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                raise self._broken(error) from None
            raise UnknownOutcome(f"{self.name}: no answer within {timeout_seconds:g} s") from error
        except (httpx2.RequestError, aiohttp.ClientError) as error:
            # A cause that quotes the key would bring it into every traceback.
            quoted = any(self._hide(str(cause)) != str(cause) for cause in _causes(error))
            raise self._broken(error) from (None if quoted else error)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            shown = self._hide(raw.decode("latin-1")).encode("latin-1")
            raise failure(self.name, self._dialect, Received(status, headers, shown))
        body = parse(raw)
        if not body or not self._dialect.is_reply(body):
            raise UnknownOutcome(f"{self.name}: status {status} without a completion in it")
        allowance = self._dialect.allowance(headers, datetime.now(UTC))
        return Answer(raw, body, status, headers, perf_counter() - started, allowance)

    def _broken(self, error: BaseException) -> ProviderError:
        """Say what a connection that failed means; the SDKs call most of them timeouts."""
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
        await self._close()


def failure(name: str, dialect: Dialect, received: Received) -> ProviderError:
    """Say what an answer that is no success means: by status, type and code, never by its text."""
    status, headers, raw = received
    body = parse(raw) or {}
    kinds = dialect.kinds(body)
    said = f"{status} {kinds[0]}" if kinds else str(status)
    if dialect.unpaid.intersection(kinds):
        return Misconfigured(f"{name}: nothing left to pay with ({said}): check plan and billing")
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


def over_sdk(transport: "httpx2.AsyncClient", headers: Mapping[str, object]) -> Post:
    """Return a `Post` over an SDK's transport; a header that the SDK leaves out is no string."""
    import httpx2

    kept = {name: value for name, value in headers.items() if isinstance(value, str)}
    sent = httpx2.Headers({**kept, "Content-Type": "application/json"})
    urls: dict[str, httpx2.URL] = {}

    async def post(url: str, wire: bytes, timeout_seconds: float) -> Received:
        timeout = {"connect": CONNECT_SECONDS, "read": timeout_seconds}
        request = httpx2.Request(
            "POST",
            urls.get(url) or urls.setdefault(url, httpx2.URL(url)),
            headers=sent,
            content=wire,
            extensions={"timeout": timeout},
        )
        response = await transport.send(request)
        return Received(response.status_code, response.headers, response.content)

    return post


def pool_limits() -> "httpx2.Limits":
    import httpx2

    return httpx2.Limits(
        max_connections=MAX_CONNECTIONS,
        max_keepalive_connections=MAX_CONNECTIONS,
        keepalive_expiry=KEEPALIVE_SECONDS,
    )


@cache
def tls() -> "SSLContext":
    """Return whom we trust. To read that takes longer than all the rest of connecting."""
    import httpx2

    return httpx2.create_ssl_context()


def environment_proxy(base_url: str) -> str | None:
    """Return the proxy that the environment wants between us and an address, if any."""
    parts, proxies = urlsplit(base_url), getproxies()
    if proxy_bypass(parts.netloc):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")


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
