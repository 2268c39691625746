"""A run and its deployment's flow runs, from a command: each is told what only the other knows."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import runs
from flows import pipes, server
from flows.reconcile import Action, FlowRunView, findings
from runs import Liveness, RunView
from runs.times import now
from tasks import giving_up

if TYPE_CHECKING:
    from tasks.keys import Keys

__all__ = ["agreed", "flow_runs_of", "give_up", "tell"]

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
    give_up(view)
    return runs.read(view.paths.dir)


def give_up(view: RunView) -> None:
    """Cancel a run that nobody works on, and tell its flow runs.

    Raises:
        RunHeld: somebody does.
        NotGivenUp: a provider that has batches of it cannot be asked from here.
    """
    asyncio.run(_give_up(view))
    tell(runs.read(view.paths.dir))


async def _give_up(view: RunView) -> None:
    """Cancel a run; keys may be kept where its deployment is."""
    kept: Keys | None = None
    if view.state.deployment is not None and server.there() is not None:
        from flows.flow_runs import UNHEARD
        from flows.keyring import keys_of

        with contextlib.suppress(*UNHEARD):
            kept = await keys_of(view.paths.dir)
    await giving_up.give_up(view.paths.dir, kept)


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
