"""How bytes reach a vendor: a pool of aiohttp's connections, and the headers of the vendor's SDK.

The SDKs speak through aiohttp too, each with layers of its own around it: to build models, and to
merge the same URL, headers and cookies for each call, costs more than all of HTTP.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from providers.address import is_loopback

if TYPE_CHECKING:
    from ssl import SSLContext

    from aiohttp import ClientSession, ClientTimeout

__all__ = ["CONNECT_SECONDS", "Channel", "Content", "Received", "Streamed", "environment_proxy"]
__all__ += ["pool", "tls"]

CONNECT_SECONDS = 10.0
# Servers close idle connections after 5 s or more. Closing first avoids sending a request into a
# connection that is being closed, of which nobody could say whether it was served.
KEEPALIVE_SECONDS = 4.0


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


def pool(base_url: str) -> "ClientSession":
    """Return connections for one address. The limiter's window is their limit."""
    import aiohttp

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ssl=tls()),
        cookie_jar=aiohttp.DummyCookieJar(),
        # With `trust_env` aiohttp also reads ~/.netrc for each call, and sends what it finds there.
        proxy=None if is_loopback(base_url) else environment_proxy(base_url),
    )


class Channel:
    """Connections that know the key. Nothing is sent a second time, and no redirect followed."""

    def __init__(self, session: "ClientSession", headers: Mapping[str, object]) -> None:
        """Take connections over; a header that an SDK leaves out is no string."""
        kept = {name: value for name, value in headers.items() if isinstance(value, str)}
        self._session = session
        self._headers = {**kept, "Content-Type": "application/json"}

    async def send(
        self,
        method: str,
        url: str,
        timeout_seconds: float,
        *,
        content: Content = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Received:
        """Send something and read the whole answer; `headers` come beside the usual ones.

        The deadline is for each read.
        """
        async with self._session.request(
            method,
            url,
            data=content,
            headers={**self._headers, **headers} if headers else self._headers,
            timeout=_deadlines(timeout_seconds),
            allow_redirects=False,
        ) as response:
            return Received(response.status, response.headers, await response.read())

    @contextlib.asynccontextmanager
    async def stream(self, url: str, timeout_seconds: float) -> AsyncGenerator[Streamed]:
        """Get something large; the deadline is for each read."""
        async with self._session.get(
            url, headers=self._headers, timeout=_deadlines(timeout_seconds), allow_redirects=False
        ) as response:
            yield Streamed(response.status, response.headers, response.content.iter_any())

    async def close(self) -> None:
        await self._session.close()


def _deadlines(timeout_seconds: float) -> "ClientTimeout":
    from aiohttp import ClientTimeout

    return ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=timeout_seconds)


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
