"""Which editor is opened."""

from pathlib import Path

import pytest

from tui.editor import command_of, editor_of


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({"VISUAL": "code --wait", "EDITOR": "vi"}, ["code", "--wait"]),
        ({"EDITOR": "vi"}, ["vi"]),
        ({"VISUAL": "", "EDITOR": "'my editor'"}, ["my editor"]),
        ({}, []),
        ({"EDITOR": "'open"}, []),
    ],
)
def test_it_is_the_one_that_is_named(environ, command):
    assert editor_of(environ) == command


@pytest.mark.parametrize(
    ("editor", "line", "command"),
    [
        (["vim"], 12, ["vim", "+12", "/p/config.yaml"]),
        (["/usr/bin/nano", "-w"], 3, ["/usr/bin/nano", "-w", "+3", "/p/config.yaml"]),
        (["code", "--wait"], 7, ["code", "--wait", "--goto", "/p/config.yaml:7"]),
        (["gedit"], 7, ["gedit", "/p/config.yaml"]),
        (["vim"], None, ["vim", "/p/config.yaml"]),
    ],
)
def test_it_goes_to_the_line_if_it_knows_how(editor, line, command):
    assert command_of(editor, Path("/p/config.yaml"), line) == command
