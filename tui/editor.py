"""A file in the editor of whoever looks: the screens stand aside until it is closed."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from tui.clean import clean
from tui.folders import Folder

if TYPE_CHECKING:
    from tui.app import OctobatchApp

__all__ = ["edit", "editor_of"]


def editor_of(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the command of the editor; nothing if none is named."""
    named = environ.get("VISUAL") or environ.get("EDITOR") or ""
    try:
        return shlex.split(named)
    except ValueError:  # a quote is open
        return []


def edit(app: "OctobatchApp", folder: Folder, name: str) -> None:
    """Open a file of a pipeline, or say where it is if that cannot be."""
    path, command = folder.path / name, editor_of()
    where = f"The file is {clean(str(path))}"
    if folder.frozen:
        app.say(f"A run's own copy is only read here. {where}")
    elif not command:
        app.say(f"No editor is named: set VISUAL or EDITOR. {where}")
    else:
        _open(app, [*command, str(path)], where)


def _open(app: "OctobatchApp", command: list[str], where: str) -> None:
    try:
        with app.suspend():
            code = subprocess.run(command, check=False).returncode  # noqa: S603 - it is the user's own
    except SuspendNotSupported:
        app.say(f"No editor can be opened from here. {where}")
    except OSError as error:
        app.say(f"{command[0]} cannot be started: {error.strerror}. {where}")
    else:
        if code:
            app.say(f"{Path(command[0]).name} ended with {code}. {where}")
