"""Where a run and what Prefect knows of it have come apart, and what brings them together again.

No hook tells a run that its flow run was cancelled while it waited, that its process was killed, or
that a server was away when it ended. Both sides are compared, and the run directory is right; only
that somebody has cancelled it may be known to Prefect alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from runs import Liveness, RunView, Status
from runs.lock import Holder
from runs.view import GRACE
from tasks.withholding import outward, outward_fault

__all__ = ["AWAITING", "PAUSED", "Action", "Finding", "FlowRunView", "Kind", "findings"]

AWAITING = "AwaitingBatch"
"""What the state of a flow run is called that waits for batches."""
PAUSED = "Paused"
"""What the state of a flow run is called whose run was stopped with work left."""
MOST_CRASHES = 3
"""A flow run whose process has died that often is not begun anew by itself."""
NO_WORKER = timedelta(minutes=10)
"""So long after its time a flow run may wait for a worker before somebody is told."""
TOLERANCE = timedelta(minutes=1)
"""By which the clocks of a machine and of its Prefect server may differ."""


class Kind(StrEnum):
    """Prefect's types of states."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    CRASHED = "crashed"

    @property
    def final(self) -> bool:
        return self in {Kind.COMPLETED, Kind.CANCELLED, Kind.FAILED, Kind.CRASHED}


@dataclass(frozen=True, slots=True)
class FlowRunView:
    """A flow run as Prefect has it."""

    id: str
    kind: Kind
    state: str
    """What the state is called."""
    since: datetime
    due: datetime | None = None
    """When a scheduled one is to begin."""
    deployed: bool = True
    crashes: int = 0
    """How often its process has died."""

    def died(self, holder: Holder | None, at: datetime) -> bool:
        """Say whether it is at work in Prefect's eyes only, where nobody holds its run."""
        if self.kind not in {Kind.PENDING, Kind.RUNNING, Kind.CANCELLING}:
            return False
        seen_dead = holder is not None and holder.alive is False and holder.since > self.since
        return seen_dead or at - self.since > GRACE

    def waits(self) -> bool:
        """Say whether it will be woken, or is just waking."""
        return self.kind in {Kind.SCHEDULED, Kind.PENDING, Kind.RUNNING}

    def given_up(self, since: datetime) -> bool:
        """Say whether somebody has cancelled it after a run was let go of, `since`."""
        cancelled = self.kind is Kind.CANCELLED and self.state != PAUSED
        return (cancelled or self.kind is Kind.CANCELLING) and self.since > since - TOLERANCE


class Action(StrEnum):
    """What is to be done."""

    GIVE_UP = "give up"
    """Cancel the run, its batches too, or fetch what is left of one that was cancelled."""
    TELL = "tell"
    """Tell Prefect how the run stands."""
    GO_ON = "go on"
    """Have a worker begin the flow run anew: what it was told is done, and nothing is lost."""
    PERSON = "person"
    """Nobody but a person can go on."""


class Finding(NamedTuple):
    """Something that does not fit."""

    action: Action
    why: str
    flow_run: str | None = None


def findings(view: RunView, flow_runs: Sequence[FlowRunView], at: datetime) -> list[Finding]:
    """Return what does not fit together, and what is to be done about it; nothing if all is well.

    Args:
        view: The run.
        flow_runs: Those that have worked on it, oldest first, as far as Prefect knows them.
        at: This moment.
    """
    match view.liveness:
        case Liveness.ACTIVE | Liveness.PENDING:
            return []
        case Liveness.STUCK:
            return [_stuck(view)]
        case Liveness.DEFERRED | Liveness.DETACHED:
            return _of_one_under_way(view, flow_runs, at)
        case _:
            return _of_one_that_stands(view, flow_runs, at)


def _stuck(view: RunView) -> Finding:
    assert view.holder is not None, "somebody holds a run that is stuck"
    where = f"process {view.holder.pid} on {view.holder.host}"
    return Finding(Action.PERSON, f"{where} holds it, and has not been heard of: look, or kill it")


def _of_one_that_stands(
    view: RunView, flow_runs: Sequence[FlowRunView], at: datetime
) -> list[Finding]:
    """Of a run that is paused, complete, failed or cancelled."""
    status, found = view.state.status, list[Finding]()
    if status is Status.CANCELLED and view.state.batches.open:
        found.append(Finding(Action.GIVE_UP, "its providers may still work on what was cancelled"))
    behind = [
        one for one in flow_runs if one.died(view.holder, at) or (one.kind, one.state) == WAITING
    ]
    lost = {Kind.CRASHED, Kind.FAILED}
    if status is Status.COMPLETE and flow_runs and flow_runs[-1].kind in lost:
        behind.append(flow_runs[-1])  # its end was not heard
    found += (Finding(Action.TELL, f"the run is {status}", one.id) for one in behind)
    ahead = [one for one in flow_runs if one not in behind and one.waits()]
    if status in {Status.PAUSED, Status.FAILED} and not ahead:
        error, reason = view.state.error, view.state.paused_reason
        why = outward_fault(error) if error else outward(str(reason))
        found.append(Finding(Action.PERSON, f"{status}: {why}"))
    return found


WAITING = (Kind.SCHEDULED, AWAITING)


def _of_one_under_way(
    view: RunView, flow_runs: Sequence[FlowRunView], at: datetime
) -> list[Finding]:
    """Of a run that is to be gone on with, and that nobody holds."""
    if any(one.given_up(view.state.updated) for one in flow_runs):
        return [Finding(Action.GIVE_UP, "its flow run was cancelled")]
    found = [_of_an_open_one(one, view.holder, at) for one in flow_runs if not one.kind.final]
    doing = [one for one in found if one is not None and one.action is not Action.PERSON]
    by_itself = None in found or any(one.action is Action.GO_ON for one in doing)
    if by_itself or (view.liveness is Liveness.DEFERRED and view.state.deployment is None):
        return doing
    return [*doing, *(_of_people(found) or [_of_none(flow_runs, view.state.deployment)])]


def _of_people(found: Sequence[Finding | None]) -> list[Finding]:
    return [one for one in found if one is not None and one.action is Action.PERSON]


def _of_an_open_one(one: FlowRunView, holder: Holder | None, at: datetime) -> Finding | None:
    """Of a flow run that is not at its end; None if it goes on with its run."""
    if one.kind is Kind.PAUSED:
        return Finding(Action.PERSON, "its flow run is suspended: resume it", one.id)
    if one.died(holder, at):
        why = "the process that worked on it has died"
        return Finding(Action.GO_ON if one.deployed else Action.TELL, why, one.id)
    if one.kind is Kind.SCHEDULED and one.due is not None and at > one.due + NO_WORKER:
        why = f"no worker has begun it since {one.due:%Y-%m-%d %H:%M} UTC: is there one?"
        return Finding(Action.PERSON, why, one.id)
    return None


def _of_none(flow_runs: Sequence[FlowRunView], deployment: str | None) -> Finding:
    """Of a run that no flow run goes on with."""
    last = flow_runs[-1] if flow_runs else None
    if last is not None and last.kind is Kind.CRASHED and last.deployed:
        if last.crashes < MOST_CRASHES:
            return Finding(Action.GO_ON, "the process that worked on it has died", last.id)
        why = f"the process that worked on it has died {last.crashes} times"
        return Finding(Action.PERSON, why)
    if last is None and deployment is not None:
        return Finding(Action.PERSON, "its Prefect server does not know its flow run any more")
    return Finding(Action.PERSON, "nobody goes on with it")
