"""When to look at batches again: soon at first, slower as they age, as is usual for them."""

__all__ = ["FIRST_SECONDS", "patience"]

FIRST_SECONDS = 5.0
SLOWEST_SECONDS = 300.0
SHARE_OF_AGE = 0.1
"""A look costs at most so much of the time that was waited already."""
SHARE_OF_USUAL = 0.05
"""About the time at which batches usually end, looks come so often."""


def patience(age: float, usual: float | None) -> float:
    """Return in how many seconds to look again at a batch.

    Args:
        age: For how many seconds it has been at its provider.
        usual: How many seconds that takes as a rule; None when it is not known.
    """
    if usual is None:
        return _bounded(age * SHARE_OF_AGE)
    close = _bounded(usual * SHARE_OF_USUAL)
    # Before its usual time a batch is left alone for most of what is left; after it, watched.
    return min(max(close, (usual - age) * 0.8), SLOWEST_SECONDS)


def _bounded(seconds: float) -> float:
    return min(max(FIRST_SECONDS, seconds), SLOWEST_SECONDS)
