"""One table of keys, in which nothing is said twice."""

from collections import Counter
from pathlib import Path

import pytest

from tui.keymap import KEYS, Context, document, keys_of


@pytest.mark.parametrize("context", Context)
def test_no_key_does_two_things(context):
    keys = keys_of(context)
    assert max(Counter(key.key for key in keys).values()) == 1
    assert max(Counter(key.action for key in keys).values()) == 1


@pytest.mark.parametrize(
    "context", [Context.HOME, Context.RUN, Context.PIPELINES, Context.PIPELINE]
)
def test_a_letter_means_the_same_everywhere(context):
    """No screen has another use for it."""
    shared = {key.key for key in KEYS[Context.EVERYWHERE]}
    assert not shared & {key.key for key in KEYS[context]}


def test_letters_hold_in_both_cases():
    by_action = {key.action: key for key in KEYS[Context.EVERYWHERE]}
    assert by_action["new"].keys == "n,N"
    assert by_action["filter"].keys == "slash"


def test_every_key_is_explained():
    """In a word or two for the footer, in a sentence for the help."""
    for context in Context:
        for key in KEYS[context]:
            assert 0 < len(key.label) <= 12
            assert key.says.endswith(".")


def test_what_comes_later_says_what_does_it_today():
    assert {key.action for key in KEYS[Context.EVERYWHERE] if key.later} == {
        *("new", "go_on", "stop", "archive", "doctor", "report")
    }


def test_the_documentation_holds_every_key():
    there = (Path(__file__).parents[2] / "docs/keys.md").read_text(encoding="utf-8")
    assert there == document(), "renew it: octobatch tui --keys > docs/keys.md"
