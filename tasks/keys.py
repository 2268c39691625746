"""Keys that are kept elsewhere than in the environment: which of them a run needs."""

import os
from collections.abc import Iterable

from providers.keys import Key, Keys, secret_name, variable_of

__all__ = ["Key", "Keys", "secret_name", "wanted"]


def wanted(providers: Iterable[str]) -> frozenset[str]:
    """Return the variables that would hold the keys of these providers, and are not set."""
    variables = {variable for name in providers if (variable := variable_of(name))}
    return frozenset(name for name in variables if not os.environ.get(name, "").strip())
