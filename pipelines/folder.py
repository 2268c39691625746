"""Where pipelines are: their root, and the folder that a name stands for."""

import os
import re
from pathlib import Path, PurePosixPath

from pipelines.errors import PipelineError, PipelineNotFound, Problem

__all__ = ["CONFIG", "NAME", "available", "find", "inside", "pipelines_root"]

CONFIG = "config.yaml"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""What a pipeline or a step may be called: it becomes a flow's, a file's, an attribute's name."""


def pipelines_root() -> Path:
    """Return the folder of pipelines: OCTOBATCH_PIPELINES_DIR, else pipelines/ of the checkout."""
    named = os.environ.get("OCTOBATCH_PIPELINES_DIR")
    return (Path(named).expanduser() if named else Path(__file__).parent).resolve()


def available() -> list[str]:
    """Return the names of the pipelines under the root."""
    root = pipelines_root()
    if not root.is_dir():
        return []
    return sorted(
        entry.name
        for entry in root.iterdir()
        if NAME.fullmatch(entry.name) and (entry / CONFIG).is_file()
    )


def find(target: str) -> Path:
    """Return the folder of the pipeline `target`: a name under the root, or a path to a folder.

    Raises:
        PipelineNotFound: neither; the message names the nearest and lists what exists.
    """
    root = pipelines_root()
    if NAME.fullmatch(target) and (root / target / CONFIG).is_file():
        return root / target
    folder = Path(target).expanduser()
    if folder.name == CONFIG and folder.is_file():
        folder = folder.parent
    if target and (folder / CONFIG).is_file():
        return folder.resolve()
    if target and folder.is_dir():
        raise PipelineError([Problem(folder / CONFIG, None, "is what makes a folder a pipeline")])
    raise PipelineNotFound(target, root, tuple(available()))


def inside(folder: Path, name: str) -> Path | None:
    """Return the file `name` under `folder`, or None when the name or a link leads out of it."""
    if not name or "\0" in name or "\\" in name:
        return None
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or name.startswith("~"):
        return None
    path = folder / relative
    try:
        return path if path.resolve().is_relative_to(folder.resolve()) else None
    except (OSError, RuntimeError):  # links that lead to one another
        return None
