"""What a vendor's wire format must offer to the engine."""

from collections.abc import Mapping
from typing import Any, Protocol

from providers.emulator.model import Asked, Said

__all__ = ["BadRequest", "Vendor"]


class BadRequest(Exception):
    """A request that the vendor would refuse."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class Vendor(Protocol):
    """A vendor's module. Its functions are pure: bytes and values in, values out."""

    def key(self, headers: Mapping[str, str]) -> str | None:
        """Return the key that a request shows."""
        ...

    def read(self, body: bytes) -> Asked:
        """Read a request; BadRequest if the vendor would refuse it."""
        ...

    def written(self, asked: Asked, said: Said, *, ident: str, at: int) -> dict[str, Any]:
        """Return the body of the answer. `at` is in seconds since 1970."""
        ...

    def error(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None
    ) -> dict[str, Any]:
        """Return the body of an error."""
        ...

    def headers(self, ident: str) -> dict[str, str]:
        """Return the headers that come with every answer."""
        ...
