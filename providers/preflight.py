"""Find out before a run whether the provider will serve it: one call, a few tokens."""

from providers.connect import wire
from providers.errors import Misconfigured, RequestRejected, Retryable, UnknownOutcome, Unreachable
from providers.neutral import Request
from providers.protocol import Provider

__all__ = ["answers", "preflight"]

PATIENCE_SECONDS = 30.0


async def preflight(provider: Provider, model: str) -> None:
    """Ask the model for one word. A free look-up would not notice an empty account.

    Raises:
        Misconfigured: the provider refuses the key, the account, or the model.
        Unreachable: there is nobody at the address.
    """
    try:
        await _say_ok(provider, model)
    except RequestRejected as error:
        raise Misconfigured(f"{provider.name} refuses {model!r}: {error}") from error
    except Retryable as error:
        if error.status is None:
            raise Unreachable(str(error), attempts=1) from error
    except UnknownOutcome:
        # A slow or busy provider is a working one: the limiter copes with it.
        return


async def answers(provider: Provider, model: str) -> bool:
    """Say whether the model answers anything at all at the moment.

    Raises:
        Misconfigured: the provider refuses the key, the account, or the model.
    """
    try:
        await _say_ok(provider, model)
    except (RequestRejected, Retryable, UnknownOutcome):
        return False
    return True


async def _say_ok(provider: Provider, model: str) -> None:
    request = Request("preflight", model, None, (("user", "Say ok."),), max_tokens=16)
    await provider.ask(wire(provider.name, request), model=model, timeout_seconds=PATIENCE_SECONDS)
