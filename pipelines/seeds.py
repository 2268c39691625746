"""Where randomness begins: a stream of its own for each unit and step, the same on every machine.

Seeds are hashes, never counters: neighbours that differ by one have streams that are alike.
"""

import hashlib

__all__ = ["repetition_seed", "stream_seed"]

_SEED_BYTES = 8
_31_BITS = 0x7FFFFFFF


def stream_seed(unit_id: str, step: str, seed: int | None) -> int:
    """Return the seed of a unit's stream at a step; `seed` is the pipeline's (`units.seed`)."""
    told = "" if seed is None else seed
    digest = hashlib.sha256(f"{told}\0{unit_id}\0{step}".encode()).digest()
    return int.from_bytes(digest[:_SEED_BYTES], "big")


def repetition_seed(unit_id: str, repetition: int, seed: int | None) -> int:
    """Return the `_repetition_seed` of a unit: a number for templates and expressions to use.

    Args:
        unit_id: The id that all repetitions share.
        repetition: Counted from 0.
        seed: What the pipeline says (`units.seed`); without it the number is the original
            Octobatch's, with it the hash is that of seed, NUL and id.
    """
    told = unit_id if seed is None else f"{seed}\0{unit_id}"
    return (int(hashlib.sha256(told.encode()).hexdigest(), 16) & _31_BITS) + repetition
