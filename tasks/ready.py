"""See that a run can be paid for and answered before anything of it is written."""

import asyncio
from collections.abc import Iterable

from providers.connect import connect
from providers.keys import key
from providers.preflight import preflight
from tasks.choose import Asked

__all__ = ["make_ready"]


def make_ready(asked: Iterable[Asked], *, free: bool) -> None:
    """Check the keys, then ask each model for one word; a run that asks no provider needs neither.

    Raises:
        MissingKey: set the variable, or emulate.
        Misconfigured: the provider refuses the key, the account or the model.
        Unreachable: there is nobody at the address.
    """
    if free:
        return
    models = sorted(set(asked))
    for provider, _ in models:
        key(provider)
    asyncio.run(_ask_each(models))


async def _ask_each(models: Iterable[Asked]) -> None:
    for provider, model in models:
        live = connect(provider)
        try:
            await preflight(live, model)
        finally:
            await live.close()
