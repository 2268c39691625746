"""Named places at which a crash would be worst; tests kill the process at each of them."""

from collections.abc import Callable

__all__ = ["at", "on"]

_hook: Callable[[str], None] | None = None


def at(point: str) -> None:
    """Say that this place is reached."""
    if _hook is not None:
        _hook(point)


def on(hook: Callable[[str], None] | None) -> None:
    """Call `hook` with the name of every place that is reached from now on; None: no more."""
    global _hook  # noqa: PLW0603  one process, one run, one trial
    _hook = hook
