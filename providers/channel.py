"""How bytes reach a vendor: the SDKs' own transports, without their request layers."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx2

__all__ = ["CONNECT_SECONDS", "KEEPALIVE_SECONDS", "Channel", "Content", "Received", "SdkChannel"]
__all__ += ["Streamed", "environment_proxy", "pool_limits", "tls"]

CONNECT_SECONDS = 10.0
# Servers close idle connections after 5 s or more. Closing first avoids sending a request into a
# connection that is being closed, of which nobody could say whether it was served.
KEEPALIVE_SECONDS = 4.0
# The limiter's window is the limit; the pool must only never be narrower.
MAX_CONNECTIONS = 4096


class Received(NamedTuple):
    """An HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    raw: bytes


class Streamed(NamedTuple):
    """An HTTP answer whose body is still to come."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


Content: TypeAlias = bytes | AsyncIterable[bytes]


class Channel(Protocol):
    """A pool of connections that knows the key: an SDK's transport, and the headers it sends.

    Nothing is sent a second time, and no redirect is followed.
    """

    async def post(self, url: str, wire: bytes, timeout_seconds: float) -> Received:
        """Send JSON and read the whole answer: the hot path."""
        ...

    async def send(
        self,
        method: str,
        url: str,
        timeout_seconds: float,
        *,
        content: Content = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Received:
        """Send anything, with headers beside and in place of the usual ones."""
        ...

    def stream(
        self, url: str, timeout_seconds: float
    ) -> contextlib.AbstractAsyncContextManager[Streamed]:
        """Get something large; the deadline is for each read."""
        ...

    async def close(self) -> None: ...


class SdkChannel:
    """A channel over the transport of an SDK that is built on httpx."""

    def __init__(self, transport: "httpx2.AsyncClient", headers: Mapping[str, object]) -> None:
        """Take the transport over; a header that the SDK leaves out is no string."""
        import httpx2

        self._transport = transport
        kept = {name: value for name, value in headers.items() if isinstance(value, str)}
        self._headers = httpx2.Headers({**kept, "Content-Type": "application/json"})
        self._urls: dict[str, httpx2.URL] = {}

    async def post(self, url: str, wire: bytes, timeout_seconds: float) -> Received:
        import httpx2

        known = self._urls.get(url) or self._urls.setdefault(url, httpx2.URL(url))
        request = httpx2.Request(
            "POST",
            known,
            headers=self._headers,
            content=wire,
            extensions=_deadlines(timeout_seconds),
        )
        response = await self._transport.send(request)
        return Received(response.status_code, response.headers, response.content)

    async def send(
        self,
        method: str,
        url: str,
        timeout_seconds: float,
        *,
        content: Content = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Received:
        import httpx2

        request = httpx2.Request(
            method,
            url,
            headers=httpx2.Headers({**self._headers, **(headers or {})}),
            content=content,
            extensions=_deadlines(timeout_seconds),
        )
        response = await self._transport.send(request)
        return Received(response.status_code, response.headers, response.content)

    @contextlib.asynccontextmanager
    async def stream(self, url: str, timeout_seconds: float) -> AsyncGenerator[Streamed]:
        import httpx2

        request = httpx2.Request(
            "GET", url, headers=self._headers, extensions=_deadlines(timeout_seconds)
        )
        response = await self._transport.send(request, stream=True)
        try:
            yield Streamed(response.status_code, response.headers, response.aiter_bytes())
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self._transport.aclose()


def _deadlines(timeout_seconds: float) -> dict[str, Any]:
    return {"timeout": {"connect": CONNECT_SECONDS, "read": timeout_seconds}}


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
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"
