"""Which units of a chunk failed in it, and began again in chunks of their own."""

from runs import Chunk, Chunks, RunPaths, is_retry
from runs.jsonl import read_jsonl

__all__ = ["begun_again"]


def begun_again(run: RunPaths, chunks: Chunks, chunk: Chunk) -> frozenset[str]:
    """Return the ids of those units; their failures are still told in the files of `chunk`.

    Raises:
        what reading a file may raise that is torn, damaged, or not there.
    """
    if not chunk.moved:
        return frozenset()
    retries = (name for name in chunks.children(chunk.name) if is_retry(name, chunk.name))
    return frozenset(
        unit["unit_id"] for name in retries for unit in read_jsonl(run.chunk(name).input)
    )
