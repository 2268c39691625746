"""Which provider and model answers a step, and at what price."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pipelines import Launch, Pipeline, Step
from providers import prices, registry
from providers.address import is_loopback
from providers.keys import keys_set
from providers.prices import Lane, Rate
from tasks.errors import NoPrice, NoProvider

__all__ = ["Asked", "Choice", "check_priced", "choices", "choose", "settle_choice"]

MAX_TOKENS = 4096
"""Room for an answer, its reasoning included, when nobody says; a truncated unit gets more."""
TIMEOUT_SECONDS = 600.0


class Asked(NamedTuple):
    """Who answers a step."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is asked at a step, within which bounds, at which price."""

    provider: str
    model: str
    base_url: str | None
    """Where, if not at the provider's own address."""
    rate: Rate | None
    """In realtime; None when the price is unknown."""
    batch_rate: Rate | None
    """In batches; None when the price is unknown, or there is no batch lane."""
    max_tokens: int
    max_output: int
    """The most that a truncated unit may be given."""
    timeout_seconds: float
    concurrency: int | None
    requests_per_minute: int | None
    tokens_per_minute: int | None

    def rate_in(self, lane: Lane) -> Rate | None:
        """Return the price in a lane."""
        return self.rate if lane == "realtime" else self.batch_rate


def choices() -> tuple[str, ...]:
    """Return whom a launch can name as its provider."""
    return tuple(name for name, vendor in registry.vendors().items() if vendor.base_url)


def choose(pipeline: Pipeline, step: Step, launch: Launch) -> Asked:
    """Return who answers: launch over step over pipeline over the provider's default model.

    Raises:
        NoProvider: nobody says which provider; the message lists the choices.
        UnknownProvider: there is none of that name.
    """
    if launch.local:
        return Asked("local", launch.model or registry.default_model("local"))
    provider = launch.provider or step.provider or pipeline.api.provider
    if provider is None:
        raise NoProvider(_no_provider(pipeline, step))
    # A model named for another provider says nothing about this one.
    if launch.model:
        model = launch.model
    elif step.model and provider == (step.provider or pipeline.api.provider):
        model = step.model
    elif pipeline.api.model and provider == pipeline.api.provider:
        model = pipeline.api.model
    else:
        model = registry.default_model(provider)
    return Asked(provider, model)


def check_priced(choice: Choice, lane: Lane) -> None:
    """See that a cap on what is spent can hold.

    Raises:
        NoPrice: nobody knows what the model costs.
    """
    if choice.rate_in(lane) is None:
        raise NoPrice(
            f"--max-cost cannot hold: what {choice.model!r} of {choice.provider} costs is unknown. "
            "Leave the cap out, choose another model (octobatch models lists them), or give its "
            "price in a file of your own that OCTOBATCH_MODELS names."
        )


def settle_choice(
    pipeline: Pipeline, step: Step, asked: Asked, *, base_url: str | None, at: datetime
) -> Choice:
    """Return everything that asking at `step` needs; the rate is the one that holds at `at`."""
    provider, model = asked
    abilities = registry.abilities(provider, model)
    most = abilities.max_output
    room = step.max_tokens or abilities.default_max_tokens or MAX_TOKENS
    own = base_url or _base_url(pipeline, step, provider)
    return Choice(
        provider=provider,
        model=model,
        base_url=own,
        rate=_rate(provider, model, own, "realtime", at),
        batch_rate=_rate(provider, model, own, "batch", at),
        max_tokens=min(room, most) if most else room,
        max_output=most or room * 8,
        timeout_seconds=step.timeout_seconds or TIMEOUT_SECONDS,
        concurrency=step.concurrency,
        requests_per_minute=step.requests_per_minute,
        tokens_per_minute=step.tokens_per_minute,
    )


def _rate(provider: str, model: str, base_url: str | None, lane: Lane, at: datetime) -> Rate | None:
    vendor = registry.vendor(provider)
    if base_url in {None, vendor.base_url}:
        return prices.rate(provider, model, lane, at)
    if vendor.free and not is_loopback(str(base_url)):
        return None
    # Another's server has prices of its own, which only the user knows.
    return prices.rate(provider, model, lane, at, own_only=True)


def _base_url(pipeline: Pipeline, step: Step, provider: str) -> str | None:
    """Return the address that the pipeline gives for this provider; another's would get its key."""
    if step.base_url and provider == (step.provider or pipeline.api.provider):
        return step.base_url
    return pipeline.api.base_url if provider == pipeline.api.provider else None


def _no_provider(pipeline: Pipeline, step: Step) -> str:
    keys = keys_set()
    known = ", ".join(name for name, vendor in registry.vendors().items() if vendor.key)
    there = f"keys are set for: {', '.join(keys)}" if keys else "no key is set"
    return (
        f"step {step.name!r} of {pipeline.name} names no provider, nor does the pipeline's `api`. "
        f"Add --provider (one of: {known}; {there}), or --emulate to try it without a key."
    )
