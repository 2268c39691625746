"""What is found where a run and Prefect's idea of it have come apart."""

import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flows.reconcile import Action, FlowRunView, Kind, findings
from runs import Liveness, Status, Waiting
from runs.lock import Holder

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=3)
JUST_NOW = NOW - timedelta(seconds=20)
SINCE_THEN = NOW - timedelta(minutes=30)
"""After the run was let go of."""


@pytest.fixture
def stands(make_view):
    """Say how a run stands that was let go of an hour ago, and has no batch."""

    def make(liveness, deployment="Sailor/nightly", **changes):
        deferred = liveness is Liveness.DEFERRED
        under_way = liveness in {Liveness.DEFERRED, Liveness.DETACHED, Liveness.ACTIVE}
        status = Status.RUNNING if under_way else Status(liveness.value)
        waiting = Waiting(NOW + timedelta(hours=1), "1 batch at openai") if deferred else None
        view = make_view(Status.PAUSED, reason="interrupted", closed=False)
        state = replace(
            view.state,
            status=status,
            waiting=waiting,
            deployment=deployment,
            updated=NOW - timedelta(hours=1),
            **changes,
        )
        return replace(view, state=state, liveness=liveness)

    return make


def flow_run(kind, state="", since=LONG_AGO, **more):
    return FlowRunView("f1", kind, state or kind.value.title(), since, **more)


AWAITING = flow_run(Kind.SCHEDULED, "AwaitingBatch", due=NOW + timedelta(minutes=5))
WAKING = flow_run(Kind.RUNNING, since=JUST_NOW)
DIED = flow_run(Kind.RUNNING)
CANCELLED = flow_run(Kind.CANCELLED, since=SINCE_THEN)
PAUSED = flow_run(Kind.CANCELLED, "Paused", since=SINCE_THEN)
CRASHED = flow_run(Kind.CRASHED, crashes=1)
OVERDUE = flow_run(Kind.SCHEDULED, "AwaitingBatch", due=LONG_AGO)


@pytest.mark.parametrize(
    ("liveness", "flow_runs"),
    [
        (Liveness.ACTIVE, [CANCELLED]),  # whoever works on it hears of it
        (Liveness.DEFERRED, [AWAITING]),
        (Liveness.DETACHED, [WAKING]),
        (Liveness.DETACHED, [PAUSED, AWAITING]),
        (Liveness.DETACHED, [flow_run(Kind.SCHEDULED, "Late", due=JUST_NOW)]),
        (Liveness.COMPLETE, [flow_run(Kind.COMPLETED)]),
        (Liveness.COMPLETE, []),
        (Liveness.CANCELLED, [CANCELLED]),
        (Liveness.PAUSED, [flow_run(Kind.SCHEDULED, "Resuming")]),  # somebody has resumed it
        (Liveness.PENDING, []),
    ],
)
def test_nothing_is_found_where_all_is_well(stands, liveness, flow_runs):
    assert findings(stands(liveness), flow_runs, NOW) == []


@pytest.mark.parametrize("liveness", [Liveness.DEFERRED, Liveness.DETACHED])
@pytest.mark.parametrize("flow_runs", [[CANCELLED], [PAUSED, CANCELLED], [CANCELLED, DIED]])
def test_what_was_cancelled_in_prefect_is_given_up(stands, liveness, flow_runs):
    """No hook runs for a flow run that waits: it is found by whoever looks next."""
    [found] = findings(stands(liveness), flow_runs, NOW)
    assert found.action is Action.GIVE_UP


def test_one_that_sticks_in_cancelling_is_given_up(stands):
    stuck = flow_run(Kind.CANCELLING, since=SINCE_THEN)
    [found] = findings(stands(Liveness.DEFERRED), [stuck], NOW)
    assert found.action is Action.GIVE_UP


def test_a_flow_run_that_was_cancelled_before_says_nothing(stands):
    """Somebody has gone on with the run since then."""
    before = flow_run(Kind.CANCELLED, since=LONG_AGO)
    assert findings(stands(Liveness.DEFERRED), [before, AWAITING], NOW) == []


def test_a_process_that_died_is_begun_anew(stands):
    """Whether Prefect has seen it die or not; but not for ever."""
    view = stands(Liveness.DETACHED)
    for last in (DIED, CRASHED):
        [found] = findings(view, [last], NOW)
        assert (found.action, found.flow_run) == (Action.GO_ON, "f1")
    [found] = findings(view, [replace(CRASHED, crashes=3)], NOW)
    assert found.action is Action.PERSON
    assert "3 times" in found.why


def test_a_process_that_died_while_it_left_is_begun_anew(stands):
    """The run is deferred, its flow run was not told: nobody would wake it."""
    [found] = findings(stands(Liveness.DEFERRED), [DIED], NOW)
    assert found.action is Action.GO_ON


def test_a_process_that_is_seen_dead_is_not_waited_for(stands):
    """It had signed the run's lock after its flow run began; one that is just waking had not."""
    dead = Holder(999999999, socket.gethostname(), JUST_NOW + timedelta(seconds=1), 0.0)
    view = replace(stands(Liveness.DETACHED), holder=dead)
    [found] = findings(view, [WAKING], NOW)
    assert found.action is Action.GO_ON
    assert findings(view, [replace(WAKING, since=NOW)], NOW) == []


def test_a_command_that_was_killed_leaves_a_flow_run_that_nobody_works_on(stands):
    """It is told so; the run itself goes on by its deployment, or waits for a person."""
    died = replace(DIED, deployed=False)
    [told] = findings(stands(Liveness.DEFERRED), [AWAITING, died], NOW)
    assert told.action is Action.TELL
    found = findings(stands(Liveness.DETACHED, deployment=None), [died], NOW)
    assert [one.action for one in found] == [Action.TELL, Action.PERSON]


@pytest.mark.parametrize(
    ("flow_runs", "why"),
    [
        ([], "does not know its flow run"),
        ([OVERDUE], "no worker has begun it since 2026-11-23 09:00"),
        ([flow_run(Kind.PAUSED, "Suspended")], "suspended"),
        ([flow_run(Kind.FAILED)], "nobody goes on"),
    ],
)
def test_what_only_a_person_can_mend_is_said(stands, flow_runs, why):
    [found] = findings(stands(Liveness.DETACHED), flow_runs, NOW)
    assert found.action is Action.PERSON
    assert why in found.why


def test_who_looks_at_batches_with_a_timer_of_their_own_is_left_alone(stands):
    """`--tick` leaves a run that is deferred, and no flow run that goes on with it."""
    ticked = replace(flow_run(Kind.COMPLETED, "AwaitingBatch"), deployed=False)
    assert findings(stands(Liveness.DEFERRED, deployment=None), [ticked], NOW) == []
    [found] = findings(stands(Liveness.DETACHED, deployment=None), [ticked], NOW)
    assert found.action is Action.PERSON


@pytest.mark.parametrize(
    ("liveness", "last"),
    [
        (Liveness.COMPLETE, AWAITING),  # a person finished it meanwhile
        (Liveness.COMPLETE, CRASHED),  # the server was away when it ended
        (Liveness.COMPLETE, DIED),
        (Liveness.CANCELLED, AWAITING),
        (Liveness.CANCELLED, flow_run(Kind.CANCELLING)),
    ],
)
def test_prefect_is_told_what_it_has_missed(stands, liveness, last):
    [found] = findings(stands(liveness), [last], NOW)
    assert (found.action, found.flow_run) == (Action.TELL, "f1")


@pytest.mark.parametrize("liveness", [Liveness.PAUSED, Liveness.FAILED])
def test_what_was_stopped_waits_for_a_person(stands, liveness):
    """And a flow run that was to go on with it is told."""
    view = stands(liveness, paused_reason="cap: $5 of $5")
    found = findings(view, [AWAITING], NOW)
    assert [one.action for one in found] == [Action.TELL, Action.PERSON]
    assert "cap: $5 of $5" in found[-1].why
