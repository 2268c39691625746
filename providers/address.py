"""Where a key may be sent: over TLS, or to this machine."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from providers.errors import BadAddress

__all__ = ["checked", "is_loopback"]


def is_loopback(url: str) -> bool:
    """Say whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def checked(url: str) -> str:
    """Return the URL.

    Raises:
        BadAddress: it is neither https nor on this machine, or it is not a plain base address.
    """
    try:
        parts = urlsplit(url)
        plain = bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
    except ValueError as error:
        raise BadAddress(f"base_url {url!r} is not a URL: {error}") from error
    if not plain:
        raise BadAddress(f"base_url {url!r} must be a plain https://host/path")
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url)):
        return url
    raise BadAddress(
        f"base_url {url!r} would send the key in the clear: use https, or a loopback address"
    )
