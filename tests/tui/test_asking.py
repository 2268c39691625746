"""The command is asked, and what it says is understood."""

import sys

from tests.tui.shelf import change, put
from tui.asking import checked


def test_the_command_knows_who_can_be_asked(tmp_path):
    folder = put(tmp_path)
    change(folder, "provider: openai", "provider: opnai")
    found = checked(folder)
    assert found is not None
    assert any("there is no provider 'opnai'" in problem.message for problem in found.problems)


def test_what_cannot_be_asked_says_nothing(tmp_path, monkeypatch):
    """Nor does one that answers something else."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert checked(tmp_path) is None
    command = tmp_path / "octobatch"
    command.write_text("#!/bin/sh\necho '[1'\n")
    command.chmod(0o700)
    assert checked(tmp_path) is None
    command.write_text("#!/bin/sh\necho '{}'\nexit 2\n")
    assert checked(tmp_path) is None
