"""Keys that are kept at the Prefect server, each in a Secret block."""

from collections.abc import Iterable
from pathlib import Path

from prefect.blocks.system import Secret

from pipelines import Launch
from runs import read
from tasks.keys import Key, Keys, secret_name, wanted

__all__ = ["kept_keys", "keys_of"]


async def keys_of(run_dir: Path) -> Keys:
    """Return the kept keys of whom a run asks; none where a stand-in answers."""
    state = read(run_dir).state
    free = Launch.model_validate(state.launch).free
    return {} if free else await kept_keys(step.provider for step in state.steps if step.provider)


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
