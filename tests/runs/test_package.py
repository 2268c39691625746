"""The package's front door."""

from pathlib import Path
from types import ModuleType

import runs


def test_all_is_what_is_exported():
    """Nothing more, nothing less, in order."""
    exported = {
        name
        for name, value in vars(runs).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert set(runs.__all__) == exported
    assert runs.__all__ == sorted(runs.__all__)


def test_the_folder_of_code_is_a_folder_of_runs_too():
    """Folders in it are runs, ignored by git: code is in files only."""
    assert not list(Path(runs.__file__).parent.rglob("*/*.py"))
