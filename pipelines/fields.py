"""What is known of the fields of units, between one step and the next."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

from pipelines.nearest import did_you_mean

__all__ = ["Field", "Fields", "Names", "listed", "unknown"]

MOST_LISTED = 12


class Field(NamedTuple):
    """A field that units may have."""

    maker: str
    """Who makes it: "the items", "step 'score'"."""
    lacking: str | None = None
    """Why some units lack it; None: all have it."""


Fields: TypeAlias = Mapping[str, Field] | None
"""Fields by name; None: nobody can tell which there are."""


class Names(NamedTuple):
    """What names may mean at a step."""

    known: Fields
    others: Mapping[str, str]
    """What is no field here, but something, with what to say of each."""


def unknown(name: str, known: Mapping[str, object], others: Mapping[str, str]) -> str:
    """Return what to say of a name that nothing has at this point.

    Args:
        name: The name.
        known: What there is.
        others: What is no field here, but something, with what to say of each.
    """
    if name in others:
        return f"{name!r} {others[name]}"
    near = did_you_mean(name, known)
    return f"{name!r} is no field of the units here{near or listed(known)}"


def listed(known: Iterable[str]) -> str:
    """Return "; there are: a, b", or nothing where there is nothing."""
    names = sorted(name for name in known if not name.startswith("_"))
    shown = ", ".join(names[:MOST_LISTED]) + ", …" * (len(names) > MOST_LISTED)
    return f"; there are: {shown}" if names else ""
