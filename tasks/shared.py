"""Rates that machines share: permits come in blocks from one place, which all of them ask."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["Fetch", "Rates", "SharedRate", "creations", "requests", "tokens"]

Fetch: TypeAlias = Callable[[str, int], Awaitable[None]]
"""Returns when so many permits of a rate have been given."""


@dataclass(slots=True)
class SharedRate:
    """Permits of one rate. To ask for each of them would cost more than what it is for."""

    name: str
    block: int
    """How many are fetched at a time."""
    fetch: Fetch
    _left: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def permit(self, number: int = 1) -> None:
        """Return when so many permits are there, in the order of asking."""
        async with self._turn:
            while self._left < number:
                await self.fetch(self.name, self.block)
                self._left += self.block
            self._left -= number


Rates: TypeAlias = Mapping[str, SharedRate]
"""By name; what nobody has set a rate for is not among them."""


def requests(provider: str, model: str) -> str:
    """Return the name of the rate of requests to a model."""
    return f"octobatch-{provider}-{model}-requests"


def tokens(provider: str, model: str) -> str:
    """Return the name of the rate of tokens, read and written, of a model."""
    return f"octobatch-{provider}-{model}-tokens"


def creations(provider: str) -> str:
    """Return the name of the rate at which batches are made at a provider."""
    return f"octobatch-{provider}-batches"
