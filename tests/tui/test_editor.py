"""Which editor is opened."""

import pytest

from tui.editor import editor_of


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
