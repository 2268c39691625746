"""The live connection to OpenAI, and to every server that speaks its chat completions."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any

from providers.address import is_loopback
from providers.answers import parse, retry_after
from providers.errors import (
    Misconfigured,
    ProviderError,
    RequestRejected,
    Retryable,
    UnknownOutcome,
)
from providers.keys import EMULATED, UNUSED
from providers.openai_wire import from_wire, to_wire
from providers.protocol import Answer, Limits

if TYPE_CHECKING:
    from httpx2 import URL, Headers
    from openai import AsyncOpenAI, DefaultAioHttpClient

    from providers.keys import Key

__all__ = ["OpenAI", "connect", "failure", "from_wire", "to_wire"]

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
UNPAID = frozenset({"billing_hard_limit_reached", "billing_not_active", "insufficient_quota"})


def connect(key: "Key", base_url: str, *, name: str, limits: Limits) -> "OpenAI":
    """Return a live provider. The environment has no say in where it goes and with which key."""
    import httpx2
    import openai

    transport = openai.DefaultAioHttpClient(
        timeout=openai.Timeout(None, connect=CONNECT_SECONDS),
        limits=_pool_limits(),
        follow_redirects=False,
        trust_env=not is_loopback(base_url),
    )
    client = openai.AsyncOpenAI(api_key=key.reveal(), base_url=base_url, http_client=transport)
    _forget_environment(client)
    url = f"{base_url.rstrip('/')}/chat/completions"
    return OpenAI(transport, httpx2.URL(url), _headers(client), name, limits, secret=_secret(key))


def _pool_limits() -> Any:
    import httpx2

    return httpx2.Limits(
        max_connections=MAX_CONNECTIONS,
        max_keepalive_connections=MAX_CONNECTIONS,
        keepalive_expiry=KEEPALIVE_SECONDS,
    )


def _forget_environment(client: "AsyncOpenAI") -> None:
    """Undo what OPENAI_ORG_ID, _PROJECT_ID, _ADMIN_KEY and _CUSTOM_HEADERS did to the client."""
    client.organization = client.project = client.admin_api_key = None
    # There is no public way to refuse OPENAI_CUSTOM_HEADERS.
    client._custom_headers = {}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _headers(client: "AsyncOpenAI") -> "Headers":
    """Return what the SDK would send with every request; what it would leave out is no string."""
    import httpx2

    told = {**client.default_headers, **client.auth_headers, "Content-Type": "application/json"}
    return httpx2.Headers({name: value for name, value in told.items() if isinstance(value, str)})


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


class OpenAI:
    """A connection pool with a key. It belongs to the event loop it is first used in.

    It uses the SDK's transport and headers, but no request layer: to build models and merge the
    same URL, headers and cookies for each call costs as much again as all of HTTP.
    """

    def __init__(
        self,
        transport: "DefaultAioHttpClient",
        url: "URL",
        headers: "Headers",
        name: str,
        limits: Limits,
        *,
        secret: re.Pattern[str] | None,
    ) -> None:
        self.name = name
        self.limits = limits
        self._transport = transport
        self._url = url
        self._headers = headers
        self._secret = secret
        self._timeout = {"timeout": transport.timeout.as_dict()}

    async def ask(self, wire: bytes, *, timeout_seconds: float = 600.0) -> Answer:
        """Send one chat completion once; see `Provider.ask`.

        A success without a completion in it (no JSON, or no choice) is an UnknownOutcome: a proxy's
        page or a cut body tells nothing of what the vendor did, and is no unit's fault.
        """
        import aiohttp
        import httpx2

        started = perf_counter()
        request = httpx2.Request(
            "POST", self._url, headers=self._headers, content=wire, extensions=self._timeout
        )
        try:
            # A completion sends nothing before it is done: this is the deadline for reading too.
            async with asyncio.timeout(timeout_seconds):
                response = await self._transport.send(request)
        except TimeoutError as error:
            raise UnknownOutcome(f"{self.name}: no answer within {timeout_seconds:g} s") from error
        except (httpx2.RequestError, aiohttp.ClientError) as error:
            # A cause that quotes the key would bring it into every traceback.
            quoted = any(self._hide(str(cause)) != str(cause) for cause in _causes(error))
            raise self._broken(error) from (None if quoted else error)
        status, raw = response.status_code, response.content
        if not response.is_success:
            shown = self._hide(raw.decode("latin-1")).encode("latin-1")
            raise failure(self.name, status, response.headers, shown)
        body = parse(raw)
        if not body or not body.get("choices"):
            raise UnknownOutcome(f"{self.name}: status {status} without a completion in it")
        return Answer(raw, body, status, response.headers, perf_counter() - started)

    def _broken(self, error: Exception) -> ProviderError:
        """Say what a connection that failed means; the SDK calls most of them timeouts."""
        import aiohttp

        causes = tuple(_causes(error))
        shown = self._hide(str(causes[-1]))
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
        await self._transport.aclose()


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def failure(name: str, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Say what an answer that is no success means: by status, type and code, never by its text."""
    error = _error(body)
    # Some servers repeat the status as a number in `code`: that says nothing new.
    kinds = [error[key] for key in ("code", "type") if isinstance(error.get(key), str)]
    said = f"{status} {kinds[0]}" if kinds else str(status)
    if UNPAID.intersection(kinds):
        return Misconfigured(f"{name}: nothing left to pay with ({said}): check plan and billing")
    if status in REMEDIES:
        return Misconfigured(f"{name}: {REMEDIES[status]} ({said})")
    # The path is always the same: only the model or the address can be missing.
    if status == HTTPStatus.NOT_FOUND or "model_not_found" in kinds:
        return Misconfigured(f"{name}: no such model or address ({said}): check model and base_url")
    if status in TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        wait = retry_after(headers, now=datetime.now(UTC))
        return Retryable(f"{name}: not served ({said})", wait, status)
    if status < HTTPStatus.BAD_REQUEST:
        return Misconfigured(f"{name}: the address leads elsewhere ({said}): check base_url")
    code = kinds[0] if kinds else None
    return RequestRejected(status, code, str(error.get("message") or said), body)


def _error(body: bytes) -> Mapping[str, Any]:
    error = (parse(body) or {}).get("error")
    return error if isinstance(error, dict) else {"message": error}
