"""The doors `pause` and `cancel`: through whoever holds the run, else by taking it."""

import asyncio

import runs
from flows import pipes
from flows.errors import BadRequest
from runs import RunHeld, RunView, Status, Verb

__all__ = ["cancel", "pause"]


def pause(run: str) -> int:
    """Ask whoever works on a run to stop; return the exit code.

    Raises:
        BadRequest: nobody works on it, or who does is deaf.
    """
    view = _view(run)
    if view.holder is None or view.state.status is not Status.RUNNING:
        raise BadRequest(f"nobody works on {view.name}: it is {view.state.status}.")
    _ask(view, Verb.PAUSE)
    pipes.say(f"{view.name} stops. Go on with: octobatch run {view.name}")
    return 0


def cancel(run: str) -> int:
    """Give a run up, its batches as well; return the exit code.

    Raises:
        BadRequest: it is at its end already, or who works on it is deaf.
    """
    view = _view(run)
    if view.state.status in {Status.COMPLETE, Status.CANCELLED}:
        raise BadRequest(f"{view.name} is {view.state.status} already.")
    try:
        asyncio.run(_give_up(view))
    except RunHeld:
        _ask(view, Verb.CANCEL)
    pipes.say(f"{view.name} is cancelled: what came is kept in {view.paths.dir}.")
    return 0


def _view(run: str) -> RunView:
    return runs.read(runs.resolve(run))


def _ask(view: RunView, verb: Verb) -> None:
    if not runs.request(view.paths, verb):
        raise BadRequest(
            f"who works on {view.name} does not answer: kill it, and say it once more."
        )


async def _give_up(view: RunView) -> None:
    from tasks.batch_lane import BatchLane
    from tasks.opening import opened
    from tasks.shipping import Shipping

    async with opened(view.paths.dir) as session:
        session.batch_lane = BatchLane(session, Shipping(session.run, session.desk))
        session.cancel()
        await session.end()
