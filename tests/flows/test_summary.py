"""The closing summary: what it says, and which exit code goes with it."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from flows import summary
from flows.money import cap, cost_in_words
from runs import Counts, Run, Status, Told, read

HOSTILE = "[red]gone[/red] \x1b[2J\x1b]0;owned\x07 \u202e\x00 end"


def drawn(view):
    file = StringIO()
    console = Console(file=file, width=200, force_terminal=True, color_system="truecolor")
    console.print(summary._drawn(summary.summarise(view)))
    return file.getvalue()


@pytest.mark.parametrize(
    ("code", "status", "reason", "fails"),
    [
        (0, Status.COMPLETE, None, 0),
        (1, Status.COMPLETE, None, 1),
        (1, Status.COMPLETE, None, 3),
        (130, Status.PAUSED, "interrupted", 0),
        (4, Status.PAUSED, "provider: the key is refused", 0),
        (130, Status.CANCELLED, None, 0),
        (70, Status.FAILED, None, 0),
    ],
)
def test_the_exit_code_says_how_a_run_ended(make_view, failure, code, status, reason, fails):  # noqa: PLR0917 - a table
    """The table of DESIGN 3."""
    view = make_view(status, reason=reason, failures=[failure()] * fails)
    assert summary.exit_of(view) == code


def test_a_summary_counts_units_and_says_why_they_failed(make_view, failure):
    """Reasons are by step, class and rule, the most frequent first, with an example."""
    sure, kind = failure(), failure("enum_kind", "'x' is none of fact, guess")
    said = summary.summarise(make_view(failures=[sure, kind, sure]))
    assert (said.units, said.valid, said.failed) == (3, 0, {"validation": 3})
    assert [(reason.units, reason.rule) for reason in said.reasons] == [
        (2, "sure"),
        (1, "enum_kind"),
    ]
    assert said.reasons[0].message == "only 0.2 sure"


def test_what_sending_back_was_good_for(make_view):
    """Units are told once however often they came; before and after stand side by side."""
    play = Counts(entered=14, valid=14, again=4, mended=4, attempts=14)
    judge = Counts(entered=14, valid=9, failed={"validation": 1}, returned=4, again=4, mended=3)
    said = replace(summary.summarise(make_view()), steps={"play": play, "judge": judge})
    lines = [line.plain for line in summary._sent_back(said)]
    assert lines == [
        "judge sent units back 4 times: 6 of 10 passed at first (60%), 9 in the end (90%)"
    ]
    file = StringIO()
    Console(file=file, width=200).print(summary._funnel(said))
    assert re.search(r"play +10 +10 +0 +0 +14", file.getvalue())
    assert re.search(r"judge +10 +9 +1 +4 +0 +1 validation", file.getvalue())


def test_what_is_waited_for_before_a_batch_is_handed_in_is_told(make_view):
    """A run that has nothing at its providers may stand still for an hour."""
    why = "openai was given 2000 batches in the last hour"
    view = make_view(Status.RUNNING)
    view = replace(view, state=replace(view.state, progress={"no_room": [why]}))
    assert f"for room: {why}" in drawn(view)
    paused = replace(view, state=replace(view.state, status=Status.PAUSED))
    assert summary.summarise(paused).no_room == ()


def test_units_that_were_sent_back_once_are_told_in_words(make_view):
    """Not as 1 times."""
    judge = Counts(entered=3, valid=2, returned=1, again=1, mended=1, attempts=3)
    said = replace(summary.summarise(make_view()), steps={"judge": judge})
    [line] = summary._sent_back(said)
    assert line.plain.startswith("judge sent units back once: 1 of 2")


@pytest.mark.parametrize(
    ("amount", "said"),
    [("1.0", "$1.00"), ("2500", "$2,500.00"), ("0.5", "$0.50"), ("1e-3", "$0.001")],
)
def test_a_cap_is_told_as_it_was_named(amount, said):
    """Never rounded."""
    assert cap(Decimal(amount)) == said


def test_what_was_done_at_the_end_is_told(make_view):
    """A table that could not be made is red, and fails nothing."""
    told = (Told("Tones", "wrote outputs/tones.csv"), Told("Moods", "no field", failed=True))
    said = replace(summary.summarise(make_view()), told=told)
    file = StringIO()
    Console(file=file, width=200, force_terminal=True).print(summary._facts(said))
    assert "wrote outputs/tones.csv" in file.getvalue()
    assert "\x1b[31mno field" in file.getvalue()


def test_what_was_done_at_the_end_is_told_to_programs_too(make_view, capfd):
    """As JSON, with whether it failed."""
    run = Run.open(make_view(Status.RUNNING).paths.dir)
    run.set_status(Status.COMPLETE, told=[Told("Tones", "wrote outputs/tones.csv")])
    run.close()
    summary.say(read(run.paths.dir), as_json=True)
    said = json.loads(capfd.readouterr().out)
    assert said["told"] == [
        {"name": "Tones", "message": "wrote outputs/tones.csv", "failed": False}
    ]


def test_a_long_list_of_reasons_is_cut(make_view, failure):
    """Only the top reasons are said; the file has them all."""
    assert summary.TOP_REASONS == 5
    records = [{"step": "tell", **failure(f"rule_{n}")} for n in range(9)]
    assert len(summary._reasons(records)) == 5


def test_people_read_what_came_out(make_view, failure):
    """Units, classes, reasons, tokens, cost, places, what to do next: nothing is left to guess."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", drawn(make_view(failures=[failure()])))
    assert "Sailor is complete: 2 of 3 units valid, 1 failed." in text
    assert "1 at tell: sure: only 0.2 sure" in text
    assert "30 in, 15 out" in text
    assert "$0.0123 (emulated: nothing was paid)" in text
    assert "outputs/results.jsonl" in text
    assert "read the failures" in text


@pytest.mark.parametrize("where", ["message", "rule", "reason"])
def test_what_others_wrote_is_shown_and_never_obeyed(make_view, failure, where):
    """Markup and control characters of models and providers arrive as visible text."""
    match where:
        case "message":
            text = drawn(make_view(failures=[failure(message=HOSTILE)]))
        case "rule":
            text = drawn(make_view(failures=[failure(rule=HOSTILE)]))
        case _:
            text = drawn(make_view(Status.PAUSED, reason=f"provider: {HOSTILE}"))
    assert "[red]gone[/red]" in text
    assert r"\x1b[2J\x1b]0;owned\x07 \u202e\x00 end" in text
    assert not set(text) & {"\x07", "\x00", "\u202e"}
    assert set(re.findall(r"\x1b(.)", text)) <= {"["}  # rich's own colours
    assert "\x1b[2J" not in text


@pytest.mark.parametrize(
    ("cost_usd", "emulated", "words"),
    [
        (Decimal("1234.5"), False, "$1,234.50"),
        (Decimal(0), False, "$0.0000"),
        (None, False, "unknown"),
        (None, True, "unknown (emulated: nothing was paid)"),
    ],
)
def test_a_cost_is_never_guessed(cost_usd, emulated, words):
    """Unknown is a word, not 0; what was not paid is marked."""
    assert cost_in_words(cost_usd, emulated=emulated) == words


@pytest.mark.parametrize(
    ("status", "closed", "next_"),
    [
        (Status.COMPLETE, True, "read the results"),
        (Status.PAUSED, False, "octobatch run Sailor"),
        (Status.FAILED, False, "octobatch run Sailor"),
        (Status.CANCELLED, False, "nothing: it was cancelled"),
    ],
)
def test_every_end_says_what_can_be_done_next(make_view, status, closed, next_):
    """A stopped run names the command that goes on with it."""
    assert next_ in summary.summarise(make_view(status, closed=closed)).next


def test_units_without_a_verdict_are_still_to_go(make_view):
    """A paused run does not call its open units failed."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", drawn(make_view(Status.PAUSED, closed=False)))
    assert "0 of 3 units valid, 3 to go." in text


def test_programs_read_json(make_view, failure, capsysbinary):
    """Numbers are numbers, places are strings, an unknown cost is null."""
    summary.say(make_view(failures=[failure()], cost_usd=None), as_json=True)
    said = json.loads(capsysbinary.readouterr().out)
    assert said["units"] == 3
    assert said["steps"]["tell"]["valid"] == 2
    assert said["cost_usd"] is None
    assert said["emulated"] is True
    assert said["results"].endswith("outputs/results.jsonl")
    assert said["reasons"][0]["units"] == 1


def test_a_pipe_gets_whole_lines(make_view, failure, capsys):
    """No terminal, no width: a table in a pipe is not cut to 80 characters."""
    classes = "a_class_of_failure_with_a_name_as_long_as_a_line_of_a_terminal_of_eighty_columns_is"
    summary.say(make_view(failures=[failure(stage=classes)]), as_json=False)
    assert f"1 {classes}" in capsys.readouterr().out
