"""What genai-prices says that models cost. A developer's package: only `bundled` imports it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib import metadata
from typing import TYPE_CHECKING, NamedTuple

from providers import registry

if TYPE_CHECKING:
    from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, PriceVariant

    Catalog = Mapping[str, Mapping[str, ModelInfo]]
    """Models by our name of a vendor, and by their own."""

__all__ = ["KINDS", "Offer", "Source", "bundled", "changes", "offer"]

SOURCES = {"openai": ("openai", ""), "anthropic": ("anthropic", ""), "gemini": ("google", "gemini")}
"""By our name of a vendor: its name there, and how its models begin (Google sells others' too)."""

KINDS = {
    "input": "input_mtok",
    "cached": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "output": "output_mtok",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """What a model costs on a day."""

    realtime: registry.Price
    batch: registry.Price | None
    """None when no batch price is given; the package would answer with the realtime one."""
    long_prompt: registry.LongPrompt | None
    since: date | None
    """The first day of this price, if it is not the model's first."""


class Source(NamedTuple):
    """Where prices come from."""

    name: str
    """With its version."""
    models: "Catalog"


def bundled() -> Source | None:
    """Return the prices that genai-prices carries, or None when it is not installed."""
    try:
        from genai_prices import data_snapshot
    except ModuleNotFoundError:
        return None
    theirs = {provider.id: provider for provider in data_snapshot.get_snapshot().providers}
    models = {
        name: {m.id: m for m in theirs[source].models if m.id.startswith(prefix)}
        for name, (source, prefix) in SOURCES.items()
    }
    return Source(f"genai-prices {metadata.version('genai-prices')}", models)


def offer(model: "ModelInfo", day: date) -> Offer | None:
    """Return what a model costs on a day, or None when it is not sold by tokens of text."""
    at = datetime.combine(day, time(12), UTC)
    standard, since = _standard(model, at)
    realtime = _price(standard, {})
    if realtime is None:
        return None
    overrides = _batch(model, at)
    return Offer(
        realtime=realtime,
        batch=_price(standard, overrides)
        if {"input_mtok", "output_mtok"} <= set(overrides)
        else None,
        long_prompt=_long_prompt(standard),
        since=since,
    )


def changes(model: "ModelInfo", day: date) -> tuple[date, ...]:
    """Return the days after `day` on which one of its prices changes."""
    rows = (*_rows(model), *_batch_rows(model))
    return tuple(sorted({start for row in rows if (start := _start(row)) and start > day}))


def _rows(model: "ModelInfo") -> "list[ConditionalPrice]":
    return model.prices if isinstance(model.prices, list) else []


def _batch_rows(model: "ModelInfo") -> "list[PriceVariant]":
    return [v for v in model.price_variants or [] if v.when == {"processing": "batch"}]


def _start(row: "ConditionalPrice | PriceVariant") -> date | None:
    return getattr(row.constraint, "start_date", None)


def _standard(model: "ModelInfo", at: datetime) -> "tuple[ModelPrice, date | None]":
    for row in reversed(_rows(model)):
        if row.constraint is None or row.constraint.active(at):
            return row.prices, _start(row)
    return model.get_prices(at), None


def _batch(model: "ModelInfo", at: datetime) -> dict[str, object]:
    """Return the prices that a batch changes: the first row that holds wins, price by price."""
    found: dict[str, object] = {}
    for row in _batch_rows(model):
        if row.constraint is None or row.constraint.active(at):
            for kind, value in vars(row.prices).items():
                if value is not None:
                    found.setdefault(kind, value)
    return found


def _price(standard: "ModelPrice", overrides: Mapping[str, object]) -> registry.Price | None:
    given = {name: overrides.get(kind, getattr(standard, kind)) for name, kind in KINDS.items()}
    base = {name: getattr(value, "base", value) for name, value in given.items()}
    if base["input"] is None or base["output"] is None:
        return None
    if base["cached"] is None:
        base["cached"] = base["input"]
    return registry.Price.model_validate(base)


def _long_prompt(standard: "ModelPrice") -> registry.LongPrompt | None:
    tiers = getattr(standard.input_mtok, "tiers", ())
    if not tiers:
        return None
    return registry.LongPrompt(
        above=tiers[0].start,
        input_factor=_factor(standard.input_mtok),
        output_factor=_factor(standard.output_mtok),
    )


def _factor(price: object) -> Decimal:
    tiers = getattr(price, "tiers", ())
    return tiers[0].price / getattr(price, "base", 1) if tiers else Decimal(1)
