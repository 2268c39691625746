"""Standard input as a file of items: units are made more than once, and a stream is read once."""

import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from pipelines import Launch, PipelineError

__all__ = ["spooled"]

NAME = "items.jsonl"
STDIN = Path("standard input (JSON lines)")


@contextmanager
def spooled(items: str | None, folder: Path | None = None) -> Generator[Path | None]:
    """Give the file that `items` means, as long as it is needed; None for a pipeline's own.

    Args:
        items: A file, or `-` for standard input, which is read as JSON lines.
        folder: Where to keep what standard input brought; without one it goes again.

    Raises:
        PipelineError: as it comes, but standard input is called so.
    """
    if items != Launch.STDIN:
        yield None if items is None else Path(items)
        return
    with tempfile.TemporaryDirectory() as passing:
        path = (folder or Path(passing)) / NAME
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            yield path
        except PipelineError as error:
            raise PipelineError(
                replace(problem, path=STDIN if problem.path == path else problem.path)
                for problem in error.problems
            ) from error
