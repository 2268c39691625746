"""Take units of a demo through expression steps, without a run; printed, when it is a program."""

import asyncio
import sys
from collections.abc import Sequence

import orjson

from pipelines import Computed, Pipeline, Sandbox, Unit, find, load, prepare, stream_seed, units


def compute(
    pipeline: Pipeline, given: Sequence[Unit], *steps: str, at_once: int = 1000
) -> list[Unit]:
    """Return `given` with what these steps add to each, computed so many at once."""

    async def computed() -> list[Unit]:
        async with Sandbox() as sandbox:
            parts = [given[first : first + at_once] for first in range(0, len(given), at_once)]
            for step in steps:
                parts = [await _gained(pipeline, step, part, sandbox) for part in parts]
            return [unit for part in parts for unit in part]

    return asyncio.run(computed())


async def _gained(
    pipeline: Pipeline, step: str, part: Sequence[Unit], sandbox: Sandbox
) -> list[Unit]:
    prepared = prepare(pipeline, pipeline.step(step))
    assert prepared.computation is not None
    seeded = [(unit, stream_seed(unit["unit_id"], step, pipeline.units.seed)) for unit in part]
    gained: list[Unit] = []
    for unit, answer in zip(part, await prepared.computation.run(seeded, sandbox), strict=True):
        assert isinstance(answer, Computed), answer
        gained.append({**unit, **answer.fields})
    return gained


def lines(name: str, step: str, *, repeat: int, at_once: int) -> bytes:
    """Return what a step computes of so many repetitions of a demo."""
    pipeline = load(find(name))
    computed = compute(pipeline, list(units(pipeline, repeat=repeat)), step, at_once=at_once)
    return b"".join(orjson.dumps(unit) + b"\n" for unit in computed)


if __name__ == "__main__":
    _, name, step, repeat, at_once = sys.argv
    sys.stdout.buffer.write(lines(name, step, repeat=int(repeat), at_once=int(at_once)))
