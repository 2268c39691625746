"""Check a pipeline's folder: its name, what lies in it, and that nothing leads out of it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from pipelines.folder import CONFIG, NAME, inside
from pipelines.model import Pipeline
from pipelines.report import Report

__all__ = ["check_folder", "check_links", "shadowed"]

TAKEN = frozenset({"flows", "pipelines", "providers", "runs", "tasks", "tui"}) | frozenset(
    {"PipelineFlow", "flow", "flow_of", "read_dotenv"}
)
"""What this program consists of, and the names that flows.catalog has beside its flows."""
_PARTS = ("templates", "schemas", "rehearsal", "scripts")


def check_folder(pipeline: Pipeline, report: Report) -> None:
    """The folder becomes a flow's name, and may stand beside this package's modules."""
    folder = pipeline.folder
    if not NAME.fullmatch(folder.name):
        message = "a pipeline's folder is named with letters, digits and '_', a letter first"
        report.wrong_file(folder, None, f"{message}: rename it")
    elif module := shadowed(folder):
        message = f"a folder of this name would shadow the module {module}: rename it"
        report.wrong_file(folder, None, message)
    elif folder.name != pipeline.name:
        message = f"the name {pipeline.name!r} is not the folder's: write `name: {folder.name}`"
        report.wrong(("name",), message)
    if (folder / "__init__.py").exists():
        message = "a pipeline's folder is no Python package: remove this file"
        report.wrong_file(folder / "__init__.py", None, message)


def shadowed(folder: Path) -> str | None:
    """Return the module that Python might no longer find, were there such a folder."""
    if folder.with_suffix(".py").exists():
        return f"{folder.name}.py"
    if folder.name in sys.stdlib_module_names:
        return f"{folder.name!r} of Python"
    return f"{folder.name!r} of Octobatch" if folder.name in TAKEN else None


def check_links(pipeline: Pipeline, report: Report) -> None:
    """What is read with the pipeline, or copied with a run, must not lie outside of its folder."""
    for path in _links(pipeline.folder):
        if inside(pipeline.folder, path.relative_to(pipeline.folder).as_posix()) is None:
            message = "is a link that leads out of the pipeline's folder: put a copy here instead"
            report.wrong_file(path, None, message)


def _links(folder: Path) -> Iterator[Path]:
    if (folder / CONFIG).is_symlink():
        yield folder / CONFIG
    for part in _PARTS:
        if (folder / part).is_symlink():
            yield folder / part
            continue
        for root, folders, files in os.walk(folder / part):
            paths = (Path(root, name) for name in sorted((*folders, *files)))
            yield from (path for path in paths if path.is_symlink())
