"""What docs/pipelines.md says of the language is what the language is."""

import re
from pathlib import Path

from pipelines.language import FUNCTIONS, METHODS, RANDOM

DOCS = Path(__file__).parents[2] / "docs" / "pipelines.md"


def test_every_function_and_method_is_documented_and_no_other():
    """Between the marks in the page stand all of them, with what each gives."""
    told = DOCS.read_text().split("<!-- language -->")[1].split("<!-- /language -->")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", told, re.MULTILINE))
    assert rows == {**FUNCTIONS, **RANDOM}
    methods = told.split("Methods of text")[1]
    assert set(re.findall(r"`(\w+)`", methods)) == METHODS
