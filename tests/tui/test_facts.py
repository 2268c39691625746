"""What there is to know of a run, in words."""

from dataclasses import replace
from decimal import Decimal

import pytest

from runs import Liveness
from tests.tui.moods import detail
from tests.tui.shown import row
from tui.facts import facts, totals, what_to_type


@pytest.mark.parametrize(("emulated", "estimate"), [(True, "~($0.0810)"), (False, "~$0.0810")])
def test_what_it_will_have_cost_is_in_brackets_if_nobody_pays(emulated, estimate):
    run = detail(emulate=emulated)
    line = "".join(part.text for cell in totals(run) for part in cell)
    assert f" of {estimate}" in line
    assert f"will be   {estimate}" in told(run)
    assert "will be" not in told(detail(Liveness.COMPLETE))


def told(run) -> str:
    """Return the facts as one text."""
    return "\n".join("".join(part.text for part in line) for line in facts(run, None, 80))


@pytest.mark.parametrize(
    ("liveness", "failed", "command"),
    [
        (Liveness.PAUSED, 3, "octobatch resume Npc_1"),
        (Liveness.DETACHED, 3, "octobatch resume Npc_1"),
        (Liveness.FAILED, 3, "octobatch resume Npc_1"),
        (Liveness.COMPLETE, 3, "octobatch run Npc_1 --retry-failures"),
        (Liveness.COMPLETE, 0, None),
        (Liveness.CANCELLED, 3, None),
        (Liveness.ACTIVE, 3, None),
        (Liveness.DEFERRED, 3, None),
    ],
)
def test_a_run_that_stands_still_says_what_to_type(liveness, failed, command):
    todo = what_to_type(row("Npc_1", liveness, failed=failed))
    assert (todo and todo[1]) == command


def test_a_name_is_one_word_to_a_shell():
    todo = what_to_type(row("a b", Liveness.PAUSED))
    assert todo is not None
    assert todo[1] == "octobatch resume 'a b'"


def test_what_calls_without_an_answer_may_have_cost_is_told():
    run = detail()
    assert "may add" not in told(run)
    some = replace(run, totals=replace(run.totals, possible_usd=Decimal("0.5")))
    assert "may add   up to $0.5000" in told(some)
    unknown = replace(run, totals=replace(run.totals, possible_usd=None))
    assert "may add   nobody knows what" in told(unknown)
    assert "octobatch resume NpcDialog_20261123_132501" in told(detail(Liveness.PAUSED))
