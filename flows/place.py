"""Where a flow run keeps its run directory: one pure function, for the flow and its hooks."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from runs import runs_root

__all__ = ["place"]


def place(
    pipeline: str, parameters: Mapping[str, Any], *, flow_run: UUID, expected_start: datetime
) -> Path:
    """Return the run directory of a flow run, whether it exists or not.

    A flow run that goes on with a run is told which (`run`, a name or a path). Any other has its
    own, named for its expected start and its id: the same after a retry, a deferral or a crash.
    """
    if run := parameters.get("run"):
        return runs_root() / run  # an absolute path stays what it is
    # Launch lets no name be a path.
    stem = parameters.get("name") or f"{pipeline}_{expected_start.astimezone(UTC):%Y%m%d_%H%M%S}"
    return runs_root() / f"{stem}_{flow_run.hex[:8]}"
