"""The door `resume`: a run that came from a deployment goes on through it, as it began."""

import asyncio

import runs
from flows import pipes, server, together
from flows.errors import BadRequest
from flows.reconcile import FlowRunView, Kind
from runs import Liveness, RunView, Status, waits
from runs.times import now

__all__ = ["through_its_deployment"]


def through_its_deployment(run: str) -> bool:
    """Have a worker go on with a run; return False if it came from no deployment, or is complete.

    Raises:
        BadRequest: it cannot be gone on with so; the message says how it can.
        ServerError: no Prefect server answers.
    """
    view = runs.read(runs.resolve(run))
    if view.state.deployment is None:
        return False
    server.ready(server.ensure())
    view = together.agreed(view)
    if view.state.status is Status.COMPLETE:
        return False
    if view.state.status is Status.CANCELLED:
        raise BadRequest(f"{view.name} was cancelled: it does not go on.")
    if view.liveness in {Liveness.ACTIVE, Liveness.STUCK}:
        raise BadRequest(f"{view.name} is worked on: octobatch watch {view.name} shows how.")
    pipes.say(_gone_on(view, together.flow_runs_of(view)))
    pipes.say(f"See it go on with: octobatch watch {view.name}")
    return True


def _gone_on(view: RunView, flow_runs: list[FlowRunView]) -> str:
    from flows.flow_runs import begin, begin_anew, unsuspend

    deployment = str(view.state.deployment)
    running = view.state.status is Status.RUNNING
    one = next((one for one in reversed(flow_runs) if not one.kind.final), None)
    if one is None and running and flow_runs and flow_runs[-1].kind is Kind.CRASHED:
        one = flow_runs[-1]
    match one:
        case None:
            begun = asyncio.run(begin(deployment, _named(view)))
            there = f"{view.name} goes on through {deployment}, in the flow run {begun.name}."
            if begun.workers or begun.pool is None:
                return there
            return f"{there} No worker is up: prefect worker start --pool {begun.pool}"
        case FlowRunView(kind=Kind.PAUSED):
            asyncio.run(unsuspend(one.id))
        case _ if running and one.waits() and not one.died(view.holder, now()):
            return (
                f"{view.name} goes on by itself: {_when(view)}. To look after it here instead: "
                f"octobatch run {view.name} --watch"
            )
        case _:
            asyncio.run(begin_anew(one.id))
    return f"{view.name} goes on through {deployment}, in the flow run that it had."


def _when(view: RunView) -> str:
    waiting = view.state.waiting
    if waiting is None:
        return "a worker is about to begin it"
    told = "; ".join(map(str, waits(view.state.batches, now()))) or waiting.reason
    return f"{told}; next look {waiting.until:%H:%M} UTC"


def _named(view: RunView) -> str:
    return view.name if view.paths.dir.parent == runs.runs_root() else str(view.paths.dir)
