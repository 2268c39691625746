"""From a provider's name to its codec, its bytes and its live connection."""

import json
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

import orjson

from providers import keys, registry
from providers.address import checked, is_loopback
from providers.errors import BadAddress, MissingKey
from providers.http import Connection
from providers.neutral import Request
from providers.protocol import Adapter, Provider

if TYPE_CHECKING:
    from providers.batches import Batches

__all__ = ["batches", "codec", "connect", "key_for", "wire"]


@cache
def codec(provider: str) -> Adapter:
    """Return the module that speaks the provider's wire format. No SDK is imported."""
    return cast("Adapter", import_module(f"providers.{registry.vendor(provider).adapter}"))


def wire(provider: str, request: Request) -> bytes:
    """Return the bytes of a request; the same request always gives the same bytes."""
    body = codec(provider).to_wire(request, registry.abilities(provider, request.model))
    try:
        return orjson.dumps(body)
    except TypeError:
        # Half a surrogate pair in somebody's text: JSON can carry it escaped.
        return json.dumps(body).encode()


def connect(
    provider: str,
    *,
    emulator_url: str | None = None,
    base_url: str | None = None,
    kept: keys.Keys | None = None,
) -> Provider:
    """Return a live provider: the emulator if its address is given, else `base_url`, else its own.

    Imports the vendor's SDK, which takes a second. One connection serves a whole event loop. `kept`
    are keys from elsewhere than the environment, see `keys.key`.

    Raises:
        MissingKey: its key is not set.
        BadAddress: the address is neither https nor on this machine, or there is none.
    """
    vendor = registry.vendor(provider)
    if emulator_url is not None:
        # Whatever base_url a step names: an emulated run never reaches a provider.
        key, url = keys.EMULATED, emulator_url.rstrip("/") + vendor.emulator_path
        if not is_loopback(url):
            raise BadAddress(f"the emulator is on this machine, {emulator_url!r} is not")
    elif (url := base_url or vendor.base_url) is None:
        raise BadAddress(f"provider {provider!r} needs a base_url")
    else:
        key = key_for(provider, url, kept)
    return codec(provider).connect(key, checked(url), name=provider, limits=vendor.limits)


def batches(provider: str, connection: Provider) -> "Batches":
    """Return the batch lane of a provider, over a connection that `connect` has returned.

    Raises:
        Misconfigured: it has none.
    """
    # Many servers speak a vendor's wire format; batches are at the vendor itself.
    registry.batch_limits(provider)
    assert isinstance(connection, Connection), "it was made by `connect`"
    return codec(provider).batches(connection)


def key_for(provider: str, url: str | None, kept: keys.Keys | None) -> keys.Key:
    """Return the key to show at an address, None being the provider's own.

    Raises:
        MissingKey: see `keys.key`.
    """
    try:
        return keys.key(provider, kept)
    except MissingKey:
        # A server of one's own on this machine usually asks for none.
        if url is not None and is_loopback(url):
            return keys.UNUSED
        raise
