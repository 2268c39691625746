"""Keys: read from the environment by one name per provider, and never shown."""

import os
from typing import NoReturn

from providers import registry
from providers.errors import MissingKey

__all__ = ["EMULATED", "UNUSED", "Key", "key", "keys_set"]


class Key:
    """A secret. It prints as `***` and does not leave its process; `reveal` is for the SDK only."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def reveal(self) -> str:
        return self._secret

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled: read it again where it is needed")


EMULATED = Key("emulated")
"""What the emulator is shown in place of a key."""
UNUSED = Key("unused")
"""For servers on this machine that ask for none: the SDK insists on a value."""


def key(provider: str) -> Key:
    """Return the provider's key, or `UNUSED` where none is needed.

    Raises:
        MissingKey: the variable is not set, or what it holds cannot be a key.
    """
    variable = registry.vendor(provider).key
    if variable is None:
        return UNUSED
    secret = os.environ.get(variable, "").strip()
    if not secret:
        raise MissingKey(
            f"no key for {provider!r}: set {variable}, or pass --emulate to try it without a key",
            variable,
        )
    # It would be refused as an HTTP header, in an error that quotes it.
    if not (secret.isascii() and secret.isprintable() and " " not in secret):
        raise MissingKey(
            f"{variable} holds spaces, line breaks or other characters that no key has: "
            "copy the key again, or pass --emulate to try it without a key",
            variable,
        )
    return Key(secret)


def keys_set() -> tuple[str, ...]:
    """Return the names of the providers whose key is set."""
    return tuple(
        name
        for name, vendor in registry.vendors().items()
        if vendor.key and os.environ.get(vendor.key, "").strip()
    )
