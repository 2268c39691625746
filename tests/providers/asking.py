"""Asking each vendor's connection, as the contract suite does."""

import traceback
from contextlib import asynccontextmanager

import pytest

from providers.connect import wire
from providers.errors import ProviderError
from providers.keys import Key
from providers.neutral import Request
from providers.protocol import Limits
from tests.providers.contracts import SECRET

__all__ = ["SDK_WARNINGS", "address", "ask", "asked_of_nobody", "connected", "failing", "is_shown"]
__all__ += ["wired"]

SDK_WARNINGS = pytest.mark.filterwarnings(
    # Google's when it is imported, the others' at a proxy with a password.
    "ignore:Inheritance class AiohttpClientSession from ClientSession:DeprecationWarning",
    "ignore:BasicAuth is deprecated:DeprecationWarning",
    "ignore:The 'proxy_auth' parameter is deprecated:DeprecationWarning",
)


def wired(contract):
    return wire(
        contract.name,
        Request("u1", contract.model, "You label tickets.", (("user", "fire"),), max_tokens=200),
    )


@asynccontextmanager
async def connected(contract, url, key=SECRET):
    key = key if isinstance(key, Key) else Key(key)
    provider = contract.adapter.connect(key, url, name=contract.name, limits=Limits(1, 1))
    try:
        yield provider
    finally:
        await provider.close()


def address(contract, vendor):
    return vendor.url.removesuffix("/v1") + contract.base


async def ask(contract, vendor, **options):
    async with connected(contract, address(contract, vendor)) as provider:
        return await provider.ask(wired(contract), model=contract.model, **options)


async def failing(contract, vendor, **options) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ask(contract, vendor, **options)
    return caught.value


async def asked_of_nobody(contract, url, **options) -> ProviderError:
    async with connected(contract, url) as provider:
        with pytest.raises(ProviderError) as caught:
            await provider.ask(wired(contract), model=contract.model, **options)
    return caught.value


def is_shown(error) -> bool:
    """Say whether the key is anywhere in an error."""
    told = [*traceback.format_exception(error), *map(repr, error.args)]
    return SECRET in "".join(told)
