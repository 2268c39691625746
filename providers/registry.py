"""The vendors and models we know: models.yaml, and what the user's own file adds."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import yaml

from providers import own_models
from providers.errors import Misconfigured, UnknownProvider
from providers.rows import (
    Abilities,
    BatchLimits,
    LongPrompt,
    Model,
    Price,
    PriceRow,
    Registry,
    Vendor,
)

__all__ = [
    "FILE",
    "OWN",
    "Abilities",
    "BatchLimits",
    "LongPrompt",
    "Model",
    "Price",
    "PriceRow",
    "Vendor",
    "abilities",
    "batch_limits",
    "default_model",
    "ours",
    "vendor",
    "vendors",
]

FILE = Path(__file__).with_name("models.yaml")

OWN = "OCTOBATCH_MODELS"
"""The environment variable that names the user's own file, in the form of models.yaml."""


def vendors() -> Mapping[str, Vendor]:
    """Return every provider by name.

    Raises:
        BadRegistry: the user's own file is not as it should be.
    """
    own = os.environ.get(OWN, "").strip()
    return _with(str(Path(own).expanduser().absolute())) if own else ours()


@cache
def ours() -> Mapping[str, Vendor]:
    """Return the providers of models.yaml alone."""
    return Registry.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8"))).vendors


@cache
def _with(own: str) -> Mapping[str, Vendor]:
    return own_models.added(ours(), Path(own))


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


def batch_limits(provider: str) -> BatchLimits:
    """Return what a provider takes in batches.

    Raises:
        Misconfigured: it has no batch lane.
    """
    limits = vendor(provider).batch_limits
    if limits is None:
        raise Misconfigured(f"provider {provider!r} has no batch lane: run it in realtime")
    return limits
