"""What replies cost. A rate is resolved once per step; no reader of results prices again."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

from providers import registry
from providers.neutral import Usage

__all__ = ["Lane", "Rate", "rate"]

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


def rate(provider: str, model: str, lane: Lane, at: datetime) -> Rate | None:
    """Return the rate that holds at a time, or None when the price is unknown.

    Never falls back: a model without a row, a lane without a price and a day outside all dates are
    unknown, since the price of something else would be a wrong price.
    """
    vendor = registry.vendor(provider)
    if vendor.free:
        return _rate(_FREE)
    known = vendor.models.get(model)
    day = at.astimezone(UTC).date()
    for row in known.prices if known else ():
        if _holds(row, day):
            price = row.realtime if lane == "realtime" else row.batch
            return _rate(price, row) if price else None
    return None


def _holds(row: registry.PriceRow, day: date) -> bool:
    return (row.since is None or row.since <= day) and (row.until is None or day < row.until)


def _rate(price: registry.Price, row: registry.PriceRow | None = None) -> Rate:
    return Rate(
        input=price.input,
        cached=price.cached,
        cache_write=price.input if price.cache_write is None else price.cache_write,
        output=price.output,
        long_prompt=row.long_prompt if row else None,
        uncertain=row.uncertain if row else None,
    )
