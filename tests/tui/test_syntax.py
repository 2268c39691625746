"""Colours of what people write."""

import pytest

from tui.paint import Tone
from tui.syntax import LONGEST, coloured


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        (
            "a.jinja2",
            "Say {{ who }} {% if x %}{# no #}!",
            {"{{ who }}": "accent", "{# no #}": "dim"},
        ),
        ("a.yaml", '  - name: "x: y" # why', {"  - name": "live", "# why": "dim"}),
        ("a.json", '{"a": "b:c", "d": 1}', {'"a"': "live", '"d"': "live"}),
        ("a.py", "def f(): {{ no }}", {}),
    ],
)
def test_what_is_no_plain_text_has_a_tone(file, line, found):
    parts = coloured(line, file)
    assert "".join(part.text for part in parts) == line
    toned = {part.text: part.tone.value for part in parts if part.tone is not Tone.PLAIN}
    assert found.items() <= toned.items()
    assert bool(found) == bool(toned)


def test_a_line_that_nobody_wrote_has_none():
    """It would take a while."""
    line = "{{" * LONGEST
    assert [part.text for part in coloured(line, "a.jinja2")] == [line]
