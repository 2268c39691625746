"""All counting is here: rounds add up, and everything else is derived from them."""

from decimal import Decimal

import pytest

from runs import Counts, Run, StepSpec, current_step, step_counts, totals

ONE = Counts(
    entered=10,
    valid=6,
    skipped=1,
    failed={"validation": 2, "refused": 1},
    attempts=14,
    tokens={"input": 100, "output": 20},
    cost_usd=Decimal("0.01"),
    seconds=2.0,
)
SENT_BACK = Counts(entered=5, valid=1, failed={"validation": 1}, returned=2)


def test_a_round_in_words():
    """What goes on, what is lost, what is open, what was asked again."""
    assert (ONE.passed, ONE.lost, ONE.open, ONE.retries) == (7, 3, 0, 5)
    assert Counts(entered=3, valid=1).open == 2
    assert (SENT_BACK.passed, SENT_BACK.open) == (1, 1)
    assert (SENT_BACK.repeated().again, SENT_BACK.repeated().mended) == (5, 1)


def test_counts_add():
    """Class by class, kind by kind."""
    both = ONE + Counts(entered=1, failed={"refused": 1}, tokens={"cached": 5}, attempts=1)
    assert both == Counts(
        entered=11,
        valid=6,
        skipped=1,
        failed={"validation": 2, "refused": 2},
        attempts=15,
        tokens={"input": 100, "output": 20, "cached": 5},
        cost_usd=Decimal("0.01"),
        seconds=2.0,
    )


def test_an_unknown_cost_makes_the_sum_unknown():
    """A part is not the whole; nothing was spent on nothing."""
    assert (ONE + Counts(cost_usd=None)).cost_usd is None
    assert (Counts(cost_usd=None) + ONE).cost_usd is None
    assert (ONE + Counts()).cost_usd == Decimal("0.01")


def test_counts_come_back_from_disk():
    """Where `entered` is called `in`."""
    row = ONE.to_json()
    assert row["in"] == 10
    assert Counts.from_json(row) == ONE
    again = SENT_BACK.repeated()
    assert Counts.from_json(again.to_json()) == again


def test_a_run_in_numbers(make_run, take):
    """Totals, steps and progress follow from the closed rounds alone."""
    run = Run.open(make_run(units=6, chunk_size=3))
    assert totals(run.state).progress == 0.0
    assert current_step(run.state) == "generate"
    take(run, "chunk_000", "generate", failing=1)
    take(run, "chunk_001", "generate", failing=3)
    numbers = totals(run.state)
    assert (numbers.units, numbers.valid, numbers.failed, numbers.open) == (6, 0, 4, 2)
    assert numbers.progress == 1 - 2 / 12  # two units have one of the twelve unit-steps ahead each
    assert current_step(run.state) == "score"
    take(run, "chunk_000", "score")
    run.close()
    numbers = totals(run.state)
    assert (numbers.valid, numbers.failed, numbers.open, numbers.progress) == (2, 4, 0, 1.0)
    assert (numbers.cost_usd, numbers.attempts) == (Decimal("0.0369"), 12)
    assert step_counts(run.state)["generate"].failed == {"validation": 4}
    assert step_counts(run.state)["score"].entered == 2
    assert current_step(run.state) is None


def test_units_that_are_sent_back_have_their_steps_ahead_again(make_run, take):
    """Those that wait for them have only what is behind the step that sent them back."""
    judge = StepSpec("judge", "chunk", None, None, retry_step="write")
    run = Run.open(make_run(units=3, steps=("write", judge, "rate")))
    take(run, "chunk_000", "write")
    assert totals(run.state).progress == pytest.approx(3 / 9)
    take(run, "chunk_000", "judge", back=2)
    assert totals(run.state).progress == pytest.approx(1 - (2 * 3 + 1) / 9)
    take(run, "chunk_000", "write", failing=1)
    take(run, "chunk_000", "judge")
    assert totals(run.state).progress == pytest.approx(1 - 2 / 9)
    take(run, "chunk_000", "rate")
    run.close()
    judged = step_counts(run.state)["judge"]
    assert (judged.entered, judged.again, judged.returned, judged.mended) == (4, 1, 2, 1)
    assert step_counts(run.state)["write"].lost == 1


def test_what_is_fanned_out_counts_by_its_children(make_run, take):
    """Units that failed before stay; the steps of the children come on top."""
    steps = ("write", StepSpec("scenes", "fan_out", None, None), "draw")
    run = Run.open(make_run(units=3, steps=steps))
    take(run, "chunk_000", "write", failing=1)
    run.settle("chunk_000", "scenes", valid=run.due("scenes", "chunk_000"))
    sizes = run.write_children("chunk_000", ({"unit_id": f"child{n}"} for n in range(4)))
    run.close_round("chunk_000", "scenes", Counts(entered=2, valid=2), children=sizes)
    numbers = totals(run.state)
    assert (numbers.units, numbers.valid, numbers.failed, numbers.open) == (5, 0, 1, 4)
    assert numbers.progress == pytest.approx(1 - 4 / (3 * 2 + 4))
    for child in run.state.chunks.children("chunk_000"):
        take(run, child, "draw")
    run.close()
    numbers = totals(run.state)
    assert (numbers.units, numbers.valid, numbers.open, numbers.progress) == (5, 4, 0, 1.0)


def test_an_open_round_counts_as_far_as_it_is_hinted(make_run, take):
    """What was asked and paid in a round that is not closed is part of the numbers."""
    run = Run.open(make_run(units=6, chunk_size=3))
    so_far = Counts(
        entered=3, valid=1, failed={"validation": 1}, attempts=4, cost_usd=Decimal("0.02")
    )
    run.hint({"chunk_000": ("generate", so_far)}, force=True)
    numbers = totals(run.state)
    assert (numbers.attempts, numbers.cost_usd, numbers.failed) == (4, Decimal("0.02"), 1)
    assert numbers.progress == 3 / 12  # one unit-step is done, two are not needed any more
    assert step_counts(run.state)["generate"].open == 1
    take(run, "chunk_000", "generate", failing=1)
    assert step_counts(run.state)["generate"].open == 0  # closed now: the hint is history
    run.close()


def test_a_unit_is_valid_once_it_has_passed_the_last_step(make_run, take):
    """Others of its chunk may still be on their way, in this round or sent back."""
    judge = StepSpec("judge", "chunk", None, None, retry_step="write")
    run = Run.open(make_run(units=4, chunk_size=4, steps=("write", judge)))
    take(run, "chunk_000", "write", failing=1)
    assert totals(run.state).valid == 0
    run.hint({"chunk_000": ("judge", Counts(entered=3, valid=1))}, force=True)
    assert (totals(run.state).valid, totals(run.state).open) == (1, 2)
    take(run, "chunk_000", "judge", back=1)
    assert (totals(run.state).valid, totals(run.state).open) == (2, 1)
    take(run, "chunk_000", "write")
    assert (totals(run.state).valid, totals(run.state).open) == (2, 1)
    take(run, "chunk_000", "judge")
    run.close()
    assert (totals(run.state).valid, totals(run.state).failed, totals(run.state).open) == (3, 1, 0)


def test_a_run_without_units_is_at_its_end(make_run):
    """Progress is 1, not a division by zero."""
    run = Run.open(make_run(units=0))
    run.close()
    assert totals(run.state).progress == 1.0


def test_a_fault_on_the_way_is_told_apart_from_a_bad_answer():
    """Screens show one in red, the other in yellow."""
    counts = Counts(9, failed={"validation": 2, "refused": 1, "rejected": 3, "template": 1})
    assert (counts.lost, counts.hard) == (7, 4)
