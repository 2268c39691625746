"""What a registry file is made of, typed."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from providers.protocol import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from providers.neutral import Request

__all__ = ["Abilities", "BatchLimits", "LongPrompt", "Model", "OwnModel"]
__all__ += ["Price", "PriceRow", "Row", "Vendor"]

Dollars = Annotated[Decimal, Field(ge=0)]
Factor = Annotated[Decimal, Field(ge=1)]


class Row(BaseModel):
    """A part of a registry file: unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Abilities(Row):
    """What a model takes. The defaults are for a model we know nothing of: send what is asked."""

    temperature: Literal["always", "unless reasoning", "never"] = "always"
    seed: bool = True
    json_schema: bool = True
    reasoning: tuple[str, ...] | None = None
    """The efforts it knows; empty: it does not reason; None: unknown."""
    thinking_budgets: dict[str, NonNegativeInt] | None = None
    """Tokens for each effort; None: the model takes the effort by its name."""
    default_max_tokens: PositiveInt | None = None
    """Room for an answer, its reasoning included, when nobody says; None: the caller's default."""
    max_output: PositiveInt | None = None

    @model_validator(mode="after")
    def _every_effort_has_its_budget(self) -> "Self":
        if self.thinking_budgets is not None and set(self.thinking_budgets) != set(
            self.reasoning or ()
        ):
            raise ValueError("thinking_budgets must give tokens to the efforts of `reasoning`")
        return self

    def ignored(self, request: "Request") -> tuple[str, ...]:
        """Name the settings of a request that the model would refuse, so they are left out."""
        known = self.reasoning is None or request.reasoning in self.reasoning
        reasons = self.reasoning != () and not (known and request.reasoning == "none")
        return tuple(
            name
            for name, refused in (
                ("temperature", self.temperature == "never"),
                ("temperature", self.temperature == "unless reasoning" and reasons),
                ("seed", not self.seed),
                ("reasoning", not known),
            )
            if refused and getattr(request, name) is not None
        )


class Price(Row):
    """USD per million tokens."""

    input: Dollars
    cached: Dollars
    cache_write: Dollars | None = None
    """None: written at the price of plain input."""
    output: Dollars


class LongPrompt(Row):
    """Above so many input tokens the whole request costs more."""

    above: NonNegativeInt
    input_factor: Factor
    """Multiplies input, cached and cache_write."""
    output_factor: Factor


class PriceRow(Row):
    """The prices of a model between two dates (UTC)."""

    since: date | None = None
    until: date | None = None
    """The first day on which the row no longer holds."""
    realtime: Price | None
    """None, written as `null`: the model is not sold so."""
    batch: Price | None
    """None, written as `null`: the model has no batch."""
    long_prompt: LongPrompt | None = None
    source: str
    checked: date
    uncertain: str | None = None
    """What of it is assumed; None when all was read at the source."""

    def holds(self, day: date) -> bool:
        """Say whether these are the prices of a day."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day < self.until
        )


class Model(Row):
    """One model of a vendor."""

    own: ClassVar[bool] = False
    """Whether it stands in the user's own file."""

    abilities: Abilities = Abilities()
    prices: tuple[PriceRow, ...] = ()

    @model_validator(mode="after")
    def _no_day_has_two_prices(self) -> "Self":
        for row in self.prices:
            if row.since and row.until and row.since >= row.until:
                raise ValueError(f"a row of prices ends on {row.until}, before it begins")
        for earlier, later in pairwise(self.prices):
            if earlier.until is None or later.since is None or earlier.until > later.since:
                raise ValueError(
                    "rows of prices overlap: the oldest comes first, and its `until` "
                    "is not after the next one's `since`"
                )
        return self


class OwnModel(Model):
    """One model of the user's own file."""

    own: ClassVar[bool] = True


class BatchLimits(Row):
    """What a vendor takes in batches, of one account. None: no such limit is known.

    Where it depends on the account's tier, these are the lowest tier's: who may do more says so in
    a file of their own.
    """

    requests: PositiveInt
    """In one batch."""
    size_bytes: PositiveInt
    """Of one batch, with what its vendor wants around the requests."""
    queued_requests: PositiveInt | None = None
    """In all batches that are not over."""
    queued_tokens: PositiveInt | None = None
    """Of prompts, in all batches of one model that are not over."""
    queued_tokens_of: dict[str, PositiveInt] = {}
    """Of models for which that is another number."""
    jobs: PositiveInt | None = None
    """Batches that are not over."""
    created_per_hour: PositiveInt | None = None
    window_hours: PositiveFloat
    """After so many the vendor itself ends a batch, whatever is left of it."""

    def queue(self, model: str) -> int | None:
        """Return how many tokens of a model may wait; None if nobody says."""
        return self.queued_tokens_of.get(model, self.queued_tokens)

    def overruled(self, said: "Mapping[str, Any]") -> dict[str, Any]:
        """Return the limits with some of them replaced, as a file would say it: unchecked."""
        of = said.get("queued_tokens_of")
        merged = {**self.queued_tokens_of, **of} if isinstance(of, dict) else of
        told = {**self.model_dump(), **said}
        return told if merged is None else {**told, "queued_tokens_of": merged}


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
    batch_limits: BatchLimits | None = None
    """None: it has no batch lane."""
    free: bool = False
    models: dict[str, Model]

    def with_models(self, models: "Mapping[str, Model]") -> "Vendor":
        """Return the vendor with more models, or others under the same name."""
        return self.model_copy(update={"models": {**self.models, **models}})

    def with_batch_limits(self, limits: BatchLimits | None) -> "Vendor":
        """Return the vendor with other limits of batches."""
        return self.model_copy(update={"batch_limits": limits})


class Registry(Row):
    """All of models.yaml."""

    format: Literal[1]
    shared: dict[str, Any] | None = None
    """Where the file keeps what its rows have in common."""
    vendors: dict[str, Vendor]
