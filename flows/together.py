"""A run and its deployment's flow runs, from a command: each is told what only the other knows."""

import asyncio
from collections.abc import Awaitable, Callable

import runs
from flows import pipes, server
from flows.reconcile import Action, FlowRunView, findings
from runs import Liveness, RunView
from runs.times import now
from tasks.giving_up import give_up

__all__ = ["agreed", "flow_runs_of", "tell"]

WAITS = frozenset({Liveness.DEFERRED, Liveness.DETACHED})


def agreed(view: RunView) -> RunView:
    """Return a run that waits once its flow run has been asked for: that may have been cancelled.

    A server that does not answer holds nobody up.
    """
    if view.liveness not in WAITS or not (flow_runs := flow_runs_of(view)):
        return view
    if not any(one.action is Action.GIVE_UP for one in findings(view, flow_runs, now())):
        return view
    pipes.say(f"{view.name} was cancelled in Prefect: its batches are cancelled as well.")
    asyncio.run(give_up(view.paths.dir))
    given_up = runs.read(view.paths.dir)
    tell(given_up)
    return given_up


def flow_runs_of(view: RunView) -> list[FlowRunView]:
    """Return the flow runs of a run from a deployment, oldest first, if Prefect answers."""
    if view.state.deployment is None or server.there() is None:
        return []
    from flows.flow_runs import known

    found: dict[str, FlowRunView] = {}

    async def ask() -> None:
        found.update(await known(view.state.flow_runs))

    _heard(ask)
    return [found[one] for one in view.state.flow_runs if one in found]


def tell(view: RunView) -> None:
    """Tell the flow runs that were to go on with a run how it stands."""
    waiting = [one.id for one in flow_runs_of(view) if not one.kind.final]

    async def tell_all() -> None:
        from flows import flow_runs

        for one in waiting:
            await flow_runs.tell(one, view)

    if waiting:
        _heard(tell_all)


def _heard(what: Callable[[], Awaitable[None]]) -> None:
    """Exchange something with the server; one that has gone is told by `octobatch tidy`."""
    from flows.flow_runs import UNHEARD

    async def exchange() -> None:
        await what()

    try:
        asyncio.run(exchange())
    except UNHEARD as error:
        pipes.say(f"Prefect does not know yet: {error}. `octobatch tidy` will tell it.")
