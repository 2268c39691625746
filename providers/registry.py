"""The vendors and models we know: models.yaml, typed."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt

from providers.errors import UnknownProvider
from providers.protocol import Limits

if TYPE_CHECKING:
    from providers.neutral import Request

__all__ = [
    "Abilities",
    "LongPrompt",
    "Model",
    "Price",
    "PriceRow",
    "Vendor",
    "abilities",
    "default_model",
    "vendor",
    "vendors",
]

FILE = Path(__file__).with_name("models.yaml")


class Row(BaseModel):
    """A part of models.yaml: unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Abilities(Row):
    """What a model takes. The defaults are for a model we know nothing of: send what is asked."""

    temperature: Literal["always", "unless reasoning", "never"] = "always"
    seed: bool = True
    json_schema: bool = True
    reasoning: tuple[str, ...] | None = None
    """The efforts it knows; empty: it does not reason; None: unknown."""
    max_output: PositiveInt | None = None

    def ignored(self, request: "Request") -> tuple[str, ...]:
        """Name the settings of a request that the model would refuse, so they are left out."""
        reasons = self.reasoning != () and request.reasoning != "none"
        return tuple(
            name
            for name, refused in (
                ("temperature", self.temperature == "never"),
                ("temperature", self.temperature == "unless reasoning" and reasons),
                ("seed", not self.seed),
                ("reasoning", self.reasoning == ()),
            )
            if refused and getattr(request, name) is not None
        )


class Price(Row):
    """USD per million tokens."""

    input: Decimal
    cached: Decimal
    cache_write: Decimal | None = None
    """None: written at the price of plain input."""
    output: Decimal


class LongPrompt(Row):
    """Above so many input tokens the whole request costs more."""

    above: NonNegativeInt
    input_factor: Decimal
    """Multiplies input, cached and cache_write."""
    output_factor: Decimal


class PriceRow(Row):
    """The prices of a model between two dates (UTC)."""

    since: date | None = None
    until: date | None = None
    """The first day on which the row no longer holds."""
    realtime: Price | None
    batch: Price | None
    long_prompt: LongPrompt | None = None
    source: str
    checked: date
    uncertain: str | None = None
    """What of it is assumed; None when all was read at the source."""


class Model(Row):
    """One model of a vendor."""

    abilities: Abilities = Abilities()
    prices: tuple[PriceRow, ...] = ()


class Vendor(Row):
    """One provider."""

    adapter: str
    """The module of this package that speaks its wire format."""
    key: str | None
    """The environment variable of its key; None: it needs none."""
    base_url: str | None
    """None: known only when the server has been started."""
    emulator_path: str
    """Where the emulator speaks for it."""
    default_model: str
    limits: Limits
    free: bool = False
    models: dict[str, Model]


class Registry(Row):
    """All of models.yaml."""

    format: Literal[1]
    shared: dict[str, Any]
    """Where the file keeps what its rows have in common."""
    vendors: dict[str, Vendor]


@cache
def vendors() -> Mapping[str, Vendor]:
    """Return every provider by name."""
    return Registry.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8"))).vendors


def vendor(name: str) -> Vendor:
    """Return one provider.

    Raises:
        UnknownProvider: there is none of that name; the message says which there are.
    """
    known = vendors()
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    raise UnknownProvider(f"no provider {name!r}; {hint}", tuple(known))


def default_model(provider: str) -> str:
    """Return the model that is asked when nobody says which."""
    return vendor(provider).default_model


def abilities(provider: str, model: str) -> Abilities:
    """Return what a model takes; of an unknown model everything is believed."""
    known = vendor(provider).models.get(model)
    return known.abilities if known else Abilities()
