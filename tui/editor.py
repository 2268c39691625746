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

__all__ = ["command_of", "edit", "editor_of"]

PLUS = frozenset({"emacs", "hx", "joe", "kak", "mcedit", "micro", "nano", "nvim", "vi", "vim"})
"""Editors that go to the line that stands before the file as +LINE; most take that."""
GOTO = frozenset({"code", "code-insiders", "codium", "cursor", "windsurf"})
"""Editors that take `--goto FILE:LINE`."""


def editor_of(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the command of the editor; nothing if none is named."""
    named = environ.get("VISUAL") or environ.get("EDITOR") or ""
    try:
        return shlex.split(named)
    except ValueError:  # a quote is open
        return []


def command_of(editor: list[str], path: Path, line: int | None) -> list[str]:
    """Return the command that opens a file, at a line if one is given and the editor knows how."""
    known = Path(editor[0]).stem
    if line is not None and known in PLUS:
        return [*editor, f"+{line}", str(path)]
    if line is not None and known in GOTO:
        return [*editor, "--goto", f"{path}:{line}"]
    return [*editor, str(path)]


def edit(app: "OctobatchApp", folder: Folder, name: str, line: int | None = None) -> None:
    """Open a file of a pipeline, at a line if one is given; or say where it is."""
    path, editor = folder.path / name, editor_of()
    where = f"The file is {clean(str(path))}"
    if folder.frozen:
        app.say(f"A run's own copy is only read here. {where}")
    elif not editor:
        app.say(f"No editor is named: set VISUAL or EDITOR. {where}")
    else:
        _open(app, command_of(editor, path, line), where)


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
