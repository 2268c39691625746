"""A thousand units in batches: each asked as often as it must be, and accounted for by its id."""

import json
from pathlib import Path

import pytest

import runs
from providers.emulator import client
from runs import RunView
from tests.providers.asking import SDK_WARNINGS
from tests.tasks.mill import STEPS, VENDORS, finished

pytestmark = SDK_WARNINGS

ASKING = ("write", "grade")
NOW_AND_THEN_WRONG = {
    f"rehearsal/{step}.jinja2": "{% if random.random() < 0.05 %}I would rather not say."
    f"{{% else %}}{good}{{% endif %}}"
    for step, good in (("write", '{"word": "w-{{ unit_id }}"}'), ("grade", '{"grade": {{ size }}}'))
}
WRONG_AT_FIRST = {
    "rehearsal/write.jinja2": "{% if attempt == 1 and unit_id[1:] | int % 6 %}Well."
    '{% else %}{"word": "w-{{ unit_id }}"}{% endif %}',
}
"""Five of any six units that follow one another."""


def ids(file: Path) -> list[str]:
    """Return the units of a file, in its order."""
    return [json.loads(line)["unit_id"] for line in file.read_text().splitlines()]


def see_that_every_unit_is_accounted_for(view: RunView) -> int:
    """Follow the ids of each chunk through its steps; return how many answers there are."""
    answers = 0
    for chunk in view.state.chunks:
        paths = view.paths.chunk(chunk)
        entered = ids(paths.input)
        for step in (spec.name for spec in view.state.spec.steps):
            passed, failed = ids(paths.validated(step)), ids(paths.failures(step))
            assert sorted(passed + failed) == entered
            if step in ASKING:
                histories = runs.attempts(paths.results(step))
                assert sorted(histories) == entered
                for history in histories.values():
                    told = [attempt.attempt for attempt in history if not attempt.lost]
                    assert told == list(range(1, len(told) + 1))
                    answers += len(told)
            entered = passed
        assert ids(paths.final) == entered
    return answers


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_thousand_units_are_accounted_for(vendor, make_mill, url):
    """Of the replies 5 % are bad, 1 % of the lines fail: each unit is paid for as often as needed.

    No batch is there twice, none is unknown to the run, and what failed is not on the bill.
    """
    client.script(url, [{"match": "BATCH ", "do": "status", "status": 500, "share": 0.01}])
    run_dir = make_mill(vendor, units=1000, chunk_size=100, bent=NOW_AND_THEN_WRONG)
    view = finished(run_dir)
    answers = see_that_every_unit_is_accounted_for(view)
    totals, ledger = runs.totals(view.state), client.ledger(url)
    assert totals.valid + totals.failed == totals.units == 1000
    assert totals.failed < 10
    assert totals.possible_usd == 0
    assert 2050 < answers == totals.attempts == ledger.calls
    batches = view.state.batches.values()
    assert sorted(str(batch.batch_id) for batch in batches) == sorted(ledger.batches[vendor])
    assert {sum(b.requests for b in batches if b.step == step) > 1000 for step in ASKING} == {True}
    first = [batch for batch in batches if {parcel.attempt for parcel in batch.parcels} == {1}]
    assert len(first) >= 20


def test_what_fails_in_many_chunks_travels_again_together(make_mill, url):
    """Five units in each of a hundred chunks: one batch."""
    one_step = {"pipeline": STEPS[:1], "min_pass_rate": 0}
    run_dir = make_mill("openai", units=600, chunk_size=6, config=one_step, bent=WRONG_AT_FIRST)
    view = finished(run_dir)
    batches = tuple(view.state.batches.values())
    assert [len(batch.parcels) for batch in batches] == [*[1] * 100, 100]
    assert batches[-1].requests == 500
    assert see_that_every_unit_is_accounted_for(view) == client.ledger(url).calls == 1100
