"""Keys that are kept at the Prefect server, each in a Secret block."""

from collections.abc import Iterable

from prefect.blocks.system import Secret

from tasks.keys import Key, Keys, secret_name, wanted

__all__ = ["kept_keys"]


async def kept_keys(providers: Iterable[str]) -> Keys:
    """Return the keys of these providers that the environment has not, as far as they are kept.

    They stay in this process: no child is handed them, and no environment holds them.
    """
    kept: dict[str, Key] = {}
    for variable in wanted(providers):
        try:
            secret = await Secret.aload(secret_name(variable))
        except ValueError:  # there is none of that name
            continue
        kept[variable] = Key(str(secret.get()).strip())
    return kept
