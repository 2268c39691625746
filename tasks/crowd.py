"""Whether a run would stand in line: many small chunks are many batches."""

import math
from collections import Counter

from pipelines import Launch, Pipeline
from providers.registry import batch_limits
from tasks.choose import choose

__all__ = ["crowded"]


def crowded(pipeline: Pipeline, launch: Launch, units: int) -> str | None:
    """Return what to do about more first batches than a provider lets be made in an hour, if so.

    Raises:
        NoProvider, UnknownProvider: a step that nobody answers.
    """
    if launch.mode != "batch":
        return None
    chunks = math.ceil(units / pipeline.chunk_size)
    batches: Counter[str] = Counter()
    for step in pipeline.asking:
        batches[choose(pipeline, step, launch).provider] += chunks
    for provider, number in batches.items():
        most = batch_limits(provider).created_per_hour
        if most is not None and number > most:
            return (
                f"{chunks:,} chunks of {pipeline.chunk_size} units make {number:,} batches, and "
                f"{provider} lets {most:,} be made in an hour: a larger chunk_size takes less time."
            )
    return None
