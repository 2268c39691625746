"""What replies cost. A rate is resolved once per step; no reader of results prices again."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from providers import registry
from providers.neutral import Usage

__all__ = ["Lane", "Rate", "rate", "row_of"]

Lane = Literal["realtime", "batch"]

_FREE = registry.Price(input=Decimal(0), cached=Decimal(0), output=Decimal(0))


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of one model in one lane at one time, in USD per million tokens."""

    input: Decimal
    cached: Decimal
    cache_write: Decimal
    output: Decimal
    long_prompt: registry.LongPrompt | None = None
    uncertain: str | None = None
    """What of it is assumed; None when all was read at the source."""

    def cost(self, usage: Usage) -> Decimal:
        """Return the exact cost of one reply in USD."""
        plain = max(0, usage.input - usage.cached - usage.cache_write)
        read = plain * self.input + usage.cached * self.cached
        read += usage.cache_write * self.cache_write
        made = usage.output * self.output
        if self.long_prompt and usage.input > self.long_prompt.above:
            read *= self.long_prompt.input_factor
            made *= self.long_prompt.output_factor
        return (read + made).scaleb(-6)


def rate(
    provider: str, model: str, lane: Lane, at: datetime, *, own_only: bool = False
) -> Rate | None:
    """Return the rate that holds at a time, or None when the price is unknown.

    Never falls back: a model without a row, a lane without a price and a day outside all dates are
    unknown, since the price of something else would be a wrong price. With `own_only` the rows of
    the user's own file alone count: what another server than the vendor's costs, we do not know.
    """
    vendor = registry.vendor(provider)
    if vendor.free:
        return _rate(_FREE)
    row = row_of(vendor.models.get(model), at, own_only=own_only)
    price = row and (row.realtime if lane == "realtime" else row.batch)
    return _rate(price, row) if price else None


def row_of(
    model: registry.Model | None, at: datetime, *, own_only: bool = False
) -> registry.PriceRow | None:
    """Return the row of prices that holds at a time."""
    if model is None or (own_only and not model.own):
        return None
    day = at.astimezone(UTC).date()
    return next((row for row in model.prices if row.holds(day)), None)


def _rate(price: registry.Price, row: registry.PriceRow | None = None) -> Rate:
    return Rate(
        input=price.input,
        cached=price.cached,
        cache_write=price.input if price.cache_write is None else price.cache_write,
        output=price.output,
        long_prompt=row.long_prompt if row else None,
        uncertain=row.uncertain if row else None,
    )
