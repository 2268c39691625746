"""What a run tells Prefect, as values: keys, numbers, words; never the text of a unit."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from flows import report
from flows.funnel import funnel
from runs import Batch, Batches, BatchState, Counts, Parcel, Status, StepSpec, Waiting

BEGAN = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
ROW = "a row of somebody's"


def told(view):
    return str(report.report(view).data)


def test_keys_are_what_prefect_takes_and_each_its_own(make_view):
    """Steps may be called alike but for their signs, or as the funnel is, or in any letters."""
    state = make_view().state
    names = ("tell_it", "tell-it", "funnel", "Übel", "судья")
    steps = tuple(replace(state.steps[0], name=name) for name in names)
    spec = replace(state.spec, pipeline="NpcDialog", steps=steps)
    keys = report._keys(replace(state, spec=spec))
    assert keys == [
        *("npc-dialog-report", "npc-dialog-funnel", "npc-dialog-tell-it", "npc-dialog-tell-it-2"),
        *("npc-dialog-funnel-2", "npc-dialog-bel", "npc-dialog-x"),
    ]
    assert all(re.fullmatch("[a-z0-9-]+", key) for key in keys)


def test_the_funnel_counts_what_the_manifest_counts(make_view, failure):
    """Four askings of three units: one was asked again."""
    view = make_view(failures=[failure()])
    *bars, table = report.standing(view.state)
    assert [bar.data for bar in bars] == [100.0]
    assert bars[0].description == "3 units: 2 valid, 1 failed"
    assert json.loads(str(table.data)) == [
        {
            "step": "tell",
            "in": 3,
            "valid": 2,
            "skipped": 0,
            "failed": 1,
            "asked again": 1,
            "in batches": 0,
            "cost": "($0.0123)",
        }
    ]
    assert table.description.endswith("Costs in brackets are emulated: nothing was paid.")


@pytest.mark.parametrize(
    ("cost_usd", "emulate", "words"),
    [
        (Decimal("0.0123"), False, "$0.0123"),
        (Decimal("0.0123"), True, "($0.0123)"),
        (None, False, "unknown"),
    ],
)
def test_a_cost_is_what_is_known_of_it(make_view, cost_usd, emulate, words):
    """Unknown is not nothing, and what was rehearsed was not paid."""
    view = make_view(cost_usd=cost_usd, emulate=emulate)
    assert f" {words} |" in told(view)
    assert ("nothing was paid" in told(view)) is emulate
    [row] = json.loads(str(report.standing(view.state)[-1].data))
    assert row["cost"] == words


def test_a_step_that_asks_nobody_costs_nothing_to_speak_of(make_view):
    state = make_view().state
    local = StepSpec("tell", "expression", None, None)
    one = replace(state, spec=replace(state.spec, steps=(local,)))
    assert json.loads(str(report.standing(one)[-1].data))[0]["cost"] == ""


def test_a_step_whose_units_are_still_to_be_made_is_at_its_beginning(make_view):
    """Behind a fan-out nobody knows how many there will be."""
    state = make_view(Status.PAUSED, reason="interrupted", closed=False).state
    fan = replace(state.steps[0], name="fan", scope="fan_out")
    spec = replace(state.spec, steps=(fan, replace(state.steps[0], name="after")))
    assert report._percent(replace(funnel(replace(state, spec=spec))[-1], due=0)) == 0.0


def test_a_report_says_why_units_failed_by_rule_and_nothing_they_hold(make_view, failure):
    sure, kind = failure(message=ROW), failure("enum|`kind", ROW, "schema_validation")
    text = told(make_view(failures=[sure, kind, sure]))
    assert "| units | step | class | rule |" in text
    assert "| 2 | `tell` | validation | `sure` |" in text
    assert "| 1 | `tell` | schema_validation | `enum\\|'kind` |" in text
    assert "- `outputs/failures.jsonl`: what failed, each with its reply" in text
    assert ROW not in text


def test_a_report_of_a_complete_run_says_where_its_results_are(make_view):
    view = make_view()
    assert told(view).startswith("# The run is complete\n")
    assert "| 3 | 3 (100.0%) | 0 (0.0%) | ($0.0123) |" in told(view)
    assert f"\nIn `{view.paths.dir}`:\n\n- `outputs/results.jsonl`: what passed" in told(view)
    assert "outputs/failures.jsonl" not in told(view)
    assert report.report(view).description == "3 of 3 valid, 0 failed"
    assert report.ending(view).startswith("Complete: 3 of 3 units valid, 0 failed; $0.0123 (emu")


@pytest.mark.parametrize(("deployment", "verb"), [(None, "run"), ("Sailor/nightly", "resume")])
def test_a_report_of_a_paused_run_says_how_to_go_on(make_view, deployment, verb):
    """But not why it paused: that may quote a unit, and stands in the run's own folder."""
    view = make_view(Status.PAUSED, reason=f"pass rate: {ROW}", closed=False)
    view = replace(view, state=replace(view.state, deployment=deployment))
    assert f"\n    octobatch {verb} Sailor" in told(view)
    assert "| 3 | 0 (0.0%) | 0 (0.0%) | 3 (100.0%) |" in told(view)
    assert "results.jsonl" not in told(view)
    assert ROW not in told(view) + report.ending(view)


def test_a_report_of_a_failed_run_does_not_say_what_it_stumbled_over(make_view):
    view = make_view(Status.FAILED, error=f"TemplateError: {ROW}", closed=False)
    assert "is failed" in told(view)
    assert ROW not in told(view) + report.ending(view) + report.report(view).description


def test_a_run_that_waits_says_for_what_and_until_when(make_view):
    view = make_view(Status.RUNNING, closed=False)
    waiting = Waiting(datetime.now(UTC) + timedelta(minutes=5), "2 batches at openai, 41 min")
    state = replace(view.state, waiting=waiting)
    waits = replace(view, state=state, liveness=report.Liveness.DEFERRED)
    until = f"{waiting.until:%H:%M} UTC"
    assert f"goes on by itself at **{until}**" in told(waits)
    assert report.ending(waits) == (
        f"Waits until {until}: 2 batches at openai, 41 min. "
        "0 of 3 units valid, 0 failed; $0.0000 (emulated: nothing was paid)"
    )


def batch(number, *, step="tell", units=20, **changes) -> Batch:
    key = f"{number:08x}" * 8
    one = Batch(key, step, "openai", "m", (Parcel("chunk_000", units, 1),), units, 9, "", BEGAN)
    return replace(one, **changes)


def handed_in(number, **changes: Any) -> Batch:
    at = BEGAN + timedelta(seconds=number)
    more: dict[str, Any] = {
        "state": BatchState.SUBMITTED,
        "batch_id": f"b{number}",
        "submitted_at": at,
    }
    return batch(number, **{**more, **changes})


def over(number, **changes: Any) -> Batch:
    at = BEGAN + timedelta(seconds=100 + number)
    more: dict[str, Any] = {"state": BatchState.COLLECTED, "ended_at": at, "answered": 19}
    return handed_in(number, **{**more, **changes})


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ([], [], []),
        ([], [batch(1)], []),
        ([handed_in(1)], [handed_in(1)], []),
        ([], [handed_in(1, units=1)], ["1 batch of tell handed in at openai: 1 unit (00000001)"]),
        (
            [handed_in(1), handed_in(2, step="score")],
            [over(1), handed_in(2, step="score")],
            ["1 batch of tell fetched from openai: 20 units, 19 answered (00000001)"],
        ),
        (
            [],
            [over(n) for n in range(4)],
            [
                (
                    "4 batches of tell handed in at openai: 80 units "
                    "(00000000, 00000001, 00000002 and 1 more)"
                ),
                (
                    "4 batches of tell fetched from openai: 80 units, 76 answered "
                    "(00000000, 00000001, 00000002 and 1 more)"
                ),
            ],
        ),
        (
            [batch(1), handed_in(2)],
            [batch(1, state=BatchState.REFUSED), handed_in(2, state=BatchState.UNCERTAIN)],
            [
                "1 batch of tell not taken by openai: 20 units (00000001)",
                "1 batch of tell perhaps at openai: 20 units (00000002)",
            ],
        ),
        (
            [handed_in(1)],
            [over(1), handed_in(200, step="score")],
            [
                "1 batch of tell fetched from openai: 20 units, 19 answered (00000001)",
                "1 batch of score handed in at openai: 20 units (000000c8)",
            ],
        ),
    ],
)
def test_what_became_of_batches_is_told_in_lines(before, after, lines):
    """What happened together is one line, and lines stand in the order in which it happened."""
    assert report.batch_lines(Batches(before), Batches(after)) == lines


def test_a_flow_run_is_found_by_its_tags(make_view):
    assert report.tags(make_view().state) == {
        *("octobatch", "Sailor", "realtime", "openai", "emulated")
    }
    assert "emulated" not in report.tags(make_view(emulate=False, name="Paid").state)


def test_a_beginning_says_what_is_to_be_done(make_view):
    """And how much of it is done already, when a run is gone on with."""
    view = make_view(Status.PAUSED, reason="interrupted", closed=False)
    words = "3 units; in realtime, asking openai/gpt-6-luna (emulated). Run directory: "
    assert report.beginning(view.paths.dir, view.state) == f"{words}{view.paths.dir}"
    done = make_view(name="Done")
    assert report.beginning(done.paths.dir, done.state).startswith("3 units, 3 of them done; ")


def test_what_was_sent_back_was_asked_again(make_view):
    """Twelve came, two of them twice, and three were asked twice in a round."""
    [one] = funnel(make_view().state)
    counts = Counts(entered=14, valid=10, failed={"validation": 2}, returned=2, again=2)
    one = replace(one, counts=replace(counts, attempts=17))
    assert (one.through, one.valid, one.asked_again) == (12, 10, 5)
