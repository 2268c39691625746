"""What Otto says is there, short, and true."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from runs import Counts, Liveness, Wait, Waiting
from tests.tui.moods import ALL, NAMES, TONE, WAITS, detail, moods, step
from tests.tui.shown import NOW
from tui.keymap import KEYS, Context, keys_of
from tui.otto.director import Mood, direct
from tui.otto.lines import CELLS, balanced
from tui.snapshot import Reason

SAYS = {
    Mood.HURT: "Stopped at drift: 429 quota. → octobatch resume RUN",
    Mood.ASLEEP: "Paused at score, 214 passed. cap: $5.00 of $5.00.",
    Mood.PARTY: "All done! Everything passed. 39 min, $0.0437.",
    Mood.CONTENT: "All done! Everything passed. 39 min, $0.0437.",
    Mood.SHRUG: "Done: 353 of 360. score: tone not in enum.",
    Mood.WORRY: "score rejects 1 in 4: tone not in enum.",
    Mood.WAIT: "Waiting for Claude, 9 min (usual 12).",
    Mood.BUSY: "score → verify ×12",  # noqa: RUF001
    Mood.IDLE: "Otto is orchestrating…",
}


def said(run, *events, **more: Any) -> str:
    return direct(None, run, events, NOW, **more).line


def _counts(entered: int, **more: Any) -> Counts:
    """Return counts of so many units, each asked once; those that did not fail have passed."""
    gone = sum(more.get("failed", {}).values()) + more.get("returned", 0)
    known: dict[str, Any] = {"entered": entered, "attempts": entered, "valid": entered - gone}
    return Counts(**{**known, **more})


@pytest.mark.parametrize("mood", Mood)
def test_each_mood_has_its_line(mood):
    run, events = moods()[mood]
    assert said(run, *events) == SAYS[mood]


def test_who_is_waited_for_and_for_how_long():
    active = detail(waits=WAITS)
    assert said(active) == "Waiting for Claude, 9 min (usual 12)."
    assert said(detail(waits=(WAITS[0]._replace(usual=None),))) == "Waiting for Claude, 9 min."
    long = Wait("gemini", 1, 10, 5400.0, 600.0, None)
    assert said(detail(waits=(*WAITS, long))) == "Waiting for Gemini, 1 h 30 min (usual 10 min)."
    emulated = said(detail(waits=WAITS, emulate=True))
    assert emulated == "Waiting for Claude, emulated, 9 min (usual 12)."
    woken = Waiting(NOW + timedelta(minutes=15), "2 batches")
    assert said(detail(Liveness.DEFERRED, waiting=woken)) == "Next look 14:20 UTC."


def test_why_nobody_works_on_it():
    assert said(detail(Liveness.DETACHED)).startswith(
        "Nobody works on it; remote work may be fine."
    )
    assert said(detail(Liveness.STUCK)).startswith("Its process lives, but is not heard of.")
    assert said(detail(Liveness.STUCK, trouble="clock is off")).startswith("clock is off.")
    assert said(detail(Liveness.PENDING, units=1)).startswith("Not begun yet: 1 unit.")
    assert said(detail(Liveness.CANCELLED)) == "Given up at score, 214 passed."
    assert said(detail(reason="cancelled")) == "Cancelling at score…"


def test_where_most_failed_if_there_is_room_for_it():
    some: dict[str, Any] = {**ALL, "valid": 353, "failed": 7}
    run = detail(Liveness.COMPLETE, **some)
    assert said(run) == "Done: 353 of 360, 7 failed."
    short = replace(run, reasons=(replace(TONE, message="too long"),))
    assert said(short) == "Done: 353 of 360. Most often at score: too long."
    long = replace(run, reasons=(replace(TONE, message="too long " * 9),))
    assert said(long) == "Done: 353 of 360, 7 failed."


def test_everything_passed_only_if_it_did():
    some: dict[str, Any] = {**ALL, "valid": 350}
    assert said(detail(Liveness.COMPLETE, **some)) == "Done: 350 of 360 units."
    none: dict[str, Any] = {**ALL, "valid": 0, "units": 0}
    assert said(detail(Liveness.COMPLETE, **none)) == "Done: 0 of 0 units."
    unpriced: dict[str, Any] = {**ALL, "cost_usd": None}
    assert said(detail(Liveness.COMPLETE, **unpriced)) == "All done! Everything passed. 39 min."


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        (_counts(19, failed={"validation": 10}), None),
        (_counts(200, failed={"validation": 10}), None),
        (_counts(100, returned=50), "score rejects 50%"),
        (_counts(100, failed={"validation": 25}), "score rejects 1 in 4"),
        (_counts(100, failed={"provider": 33}), "score fails 1 in 3"),
        (_counts(100, attempts=150), "score asks again 1 in 3"),
    ],
)
def test_a_step_worries_him_that_lets_few_units_through(counts, line):
    run = detail(steps=(step("generate"), step("score", counts=counts)))
    assert said(run) == (f"{line}." if line else "Otto is orchestrating…")


def test_a_reason_is_named_that_is_one():
    """Not one of another step, nor a fault for what a model said, nor one that is rare."""
    counts = Counts(entered=100, valid=75, failed={"validation": 25}, attempts=100)
    run = detail(steps=(step("score", counts=counts),))
    fault = Reason("score", "provider", "429", "too many requests", 3)
    other = replace(TONE, step="generate")
    assert said(replace(run, reasons=(other, fault))) == "score rejects 1 in 4."
    named = said(replace(run, reasons=(other, fault, replace(TONE, message=""))))
    assert named == "score rejects 1 in 4: enum."
    rare = replace(TONE, units=12)
    assert said(replace(run, reasons=(rare,))) == "score rejects 1 in 4."


def test_calls_under_way_are_counted():
    run = detail(steps=(step("score", in_flight=7), step("verify", in_flight=5)))
    assert said(run) == "Otto is orchestrating… 12 under way."


def test_how_to_go_on_is_a_command_while_no_key_does_it():
    later = next(key for key in keys_of(Context.RUN) if key.action == "go_on")
    assert later.later, "say `R goes on.`, and test that instead"
    stopped = detail(Liveness.FAILED, step=None, reason="quota")
    assert said(stopped) == f"Stopped: quota. → {later.instead}"
    assert "resume" not in said(stopped, read_only=True)


def test_a_key_that_goes_on_is_named_once_it_does(monkeypatch):
    live = replace(next(key for key in keys_of(Context.RUN) if key.action == "go_on"), instead=None)
    monkeypatch.setattr("tui.otto.lines.keys_of", lambda *_, **__: [live])
    stopped = detail(Liveness.FAILED, step="drift", reason="429 quota")
    assert said(stopped) == "Stopped at drift: 429 quota. R goes on."


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=90)


@st.composite
def any_run(draw):
    """Draw a run as odd as they come, of clean texts."""
    numbers = st.integers(0, 10**9)
    counts = draw(
        st.builds(
            Counts,
            entered=numbers,
            valid=numbers,
            skipped=st.integers(0, 9),
            failed=st.dictionaries(st.sampled_from(["validation", "provider"]), numbers),
            attempts=numbers,
            returned=numbers,
        )
    )
    name = draw(TEXTS)
    waits = st.builds(
        Wait, TEXTS, numbers, numbers, st.floats(0, 1e9), st.none() | st.floats(0, 1e9), st.none()
    )
    return detail(
        draw(st.sampled_from(Liveness)),
        names=(name,),
        steps=(step(name, counts=counts, in_flight=draw(numbers)),),
        waits=tuple(draw(st.lists(waits, max_size=2))),
        reasons=(Reason(name, "validation", draw(TEXTS), draw(TEXTS), 3),),
        units=draw(numbers),
        valid=draw(numbers),
        failed=draw(numbers),
        step=draw(st.none() | TEXTS),
        reason=draw(st.none() | TEXTS),
        trouble=draw(st.none() | TEXTS),
        cost_usd=draw(st.none() | st.just(Decimal("1234567.89"))),
        emulate=draw(st.booleans()),
    )


@given(any_run(), st.booleans())
def test_a_line_is_never_empty_nor_too_wide_nor_more_than_one(run, read_only):
    line = said(run, read_only=read_only)
    assert line.strip()
    assert cell_len(line) <= CELLS
    assert len(line.splitlines()) == 1


@given(any_run())
def test_below_the_picture_it_is_on_two_rows_or_three(run):
    rows = balanced(said(run), 30).split("\n")
    assert len(rows) <= 3
    assert max(map(cell_len, rows)) <= 30


def test_rows_are_about_as_wide():
    assert balanced("Waiting for Claude, 9 min (usual 12).", 30).split("\n") == [
        "Waiting for Claude,",
        "9 min (usual 12).",
    ]
    assert balanced("Otto is orchestrating…", 30) == "Otto is orchestrating…"
    assert balanced("Otto is orchestrating… 189 under way.", 30).split("\n") == [
        "Otto is orchestrating…",
        "189 under way.",
    ]
    assert balanced("", 30) == ""


def test_no_line_names_a_key_that_does_nothing():
    dead = {key.name for key in KEYS[Context.EVERYWHERE] if key.later}
    everything = [said(detail(liveness)) for liveness in Liveness]
    everything += [said(run, *events) for run, events in moods().values()]
    for line in everything:
        assert not dead & set(line.replace(".", " ").split()), line
    assert len(NAMES) <= 8
