"""A script decides which calls go wrong: by count, by share, by what is asked."""

from collections import Counter

import pytest
from pydantic import ValidationError

from providers.emulator.script import Do, Script

CHAT = "POST /openai/v1/chat/completions"


class Counts:
    """What the emulator's memory counts, in a dict."""

    def __init__(self):
        self._times = Counter()

    def __call__(self, rule, request):
        self._times[rule, request] += 1
        return self._times[rule, request]


def struck(rule, requests, *, seed=0):
    """Return, call by call, whether a rule struck."""
    script = Script.model_validate({"seed": seed, "rules": [{"do": "reset_before", **rule}]})
    count = Counts()
    return [script.fault(CHAT, body, body, count) is not None for body in requests]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [True] * 6),
        ({"nth": [2, 5]}, [False, True, False, False, True, False]),
        ({"every": 3}, [False, False, True, False, False, True]),
        ({"match": "POST /openai"}, [True] * 6),
        ({"match": "/batches"}, [False] * 6),
        ({"contains": "odd"}, [True, False] * 3),
        ({"contains": "odd", "nth": [2]}, [False, False, True, False, False, False]),
        ({"share": 1}, [True] * 6),
    ],
)
def test_rule_strikes_by_count_and_content(rule, expected):
    assert struck(rule, [b"odd", b"even"] * 3) == expected


def test_share_is_near_what_was_asked_for():
    hits = sum(struck({"share": 0.3}, [b"%d" % n for n in range(2000)]))
    assert 500 < hits < 700


def test_share_does_not_depend_on_the_order_of_arrival():
    requests = [b"%d" % n for n in range(100)]
    forwards = dict(zip(requests, struck({"share": 0.5}, requests), strict=True))
    backwards = dict(zip(requests[::-1], struck({"share": 0.5}, requests[::-1]), strict=True))
    assert forwards == backwards
    assert list(forwards.values()) != struck({"share": 0.5}, requests, seed=1)


def test_network_is_drawn_anew_when_a_request_comes_again():
    """A retry gets through."""
    assert set(struck({"share": 0.5}, [b"same"] * 50)) == {True, False}


@pytest.mark.parametrize("do", [do for do in Do if do.by_model])
def test_model_says_the_same_when_a_request_comes_again(do):
    """A run that was killed and resumed must get what an undisturbed one got."""
    for request in (b"one", b"two", b"three"):
        needed = {Do.TEXT: {"text": "hello"}, Do.USAGE: {"usage": {"cached_share": 0.5}}}
        rule = {"do": do, "share": 0.5, **needed.get(do, {})}
        assert len(set(struck(rule, [request] * 20))) == 1


def test_first_rule_that_strikes_decides_and_all_count():
    script = Script.model_validate(
        {"rules": [{"do": "cut", "nth": [1]}, {"do": "stall", "nth": [2]}, {"do": "delay"}]}
    )
    count = Counts()
    faults = [script.fault(CHAT, b"", b"", count) for _ in range(3)]
    assert [fault.do for fault in faults if fault] == [Do.CUT, Do.STALL, Do.DELAY]


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"do": "explode"},
        {"do": "status"},
        {"do": "text"},
        {"do": "cut", "status": 500},
        {"do": "cut", "text": "hello"},
        {"do": "cut", "nth": [0]},
        {"do": "cut", "nth": [1], "every": 2},
        {"do": "cut", "share": 2},
        {"do": "cut", "unknown": 1},
        {"do": "status", "status": 200},
        {"do": "status", "status": 429, "retry_after": -1},
        {"do": "cut", "retry_after": 3},
        {"do": "usage"},
        {"do": "reset_before", "usage": {"cached_share": 0.5}},
        {"do": "status", "status": 500, "usage": {"cached_share": 0.5}},
        {"do": "text", "text": "Hi.", "usage": {"cached_share": 1.5}},
        {"do": "usage", "usage": {"cached_share": 0.7, "cache_write_share": 0.7}},
        {"do": "usage", "usage": {"reasoning_tokens": -1}},
    ],
)
def test_rule_that_makes_no_sense_is_refused(rule):
    with pytest.raises(ValidationError):
        Script.model_validate({"rules": [rule]})
