"""Keys: read from the environment by one name per provider, and never shown."""

import os
from collections.abc import Mapping
from typing import NoReturn, TypeAlias

from providers import registry
from providers.errors import MissingKey

__all__ = ["EMULATED", "UNUSED", "Key", "Keys", "key", "keys_set", "secret_name", "variable_of"]


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


Keys: TypeAlias = Mapping[str, Key]
"""Keys that are kept elsewhere than in the environment, by the variable that would hold each."""


def variable_of(provider: str) -> str | None:
    """Return the variable that holds the provider's key; None where none is needed."""
    return registry.vendor(provider).key


def secret_name(variable: str) -> str:
    """Return what the secret is called, wherever secrets are kept, that holds a key."""
    return variable.lower().replace("_", "-")


def key(provider: str, kept: Keys | None = None) -> Key:
    """Return the provider's key, or `UNUSED` where none is needed.

    Args:
        provider: Its name.
        kept: Keys from elsewhere, for what the environment has not; None: there is no elsewhere.

    Raises:
        MissingKey: it is nowhere, or what is there cannot be a key.
    """
    variable = variable_of(provider)
    if variable is None:
        return UNUSED
    if secret := os.environ.get(variable, "").strip():
        return _checked(Key(secret), variable, variable)
    if kept is None:
        raise MissingKey(
            f"no key for {provider!r}: set {variable}, here or in .env, "
            "or pass --emulate to try it without a key",
            variable,
        )
    name = secret_name(variable)
    if variable not in kept:
        raise MissingKey(
            f"no key for {provider!r}: set {variable} where the worker runs (its environment, or "
            f"the .env beside the code), or keep the key in a Prefect Secret block called {name!r}",
            variable,
        )
    return _checked(kept[variable], f"the Secret block {name!r}", variable)


def _checked(key: Key, place: str, variable: str) -> Key:
    """Return a key; another would be refused as an HTTP header, in an error that quotes it."""
    secret = key.reveal()
    if not (secret and secret.isascii() and secret.isprintable() and " " not in secret):
        raise MissingKey(
            f"{place} holds spaces, line breaks or other characters that no key has: "
            "copy the key again, or pass --emulate to try it without a key",
            variable,
        )
    return key


def keys_set() -> tuple[str, ...]:
    """Return the names of the providers whose key is set."""
    return tuple(
        name
        for name, vendor in registry.vendors().items()
        if vendor.key and os.environ.get(vendor.key, "").strip()
    )
