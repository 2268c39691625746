"""The doors `pause` and `cancel`: through whoever holds the run, else by taking it."""

import runs
from flows import pipes, together
from flows.errors import BadRequest
from runs import Run, RunHeld, RunView, Status, Verb

__all__ = ["cancel", "pause"]


def pause(run: str) -> int:
    """Have a run stop with everything kept; return the exit code.

    One that waits for batches is not woken any more; they stay at their providers.

    Raises:
        BadRequest: nobody works on it, or who does is deaf.
    """
    view = together.agreed(_view(run))
    if view.state.status is not Status.RUNNING:
        raise BadRequest(f"nobody works on {view.name}: it is {view.state.status}.")
    try:
        taken = Run.open(view.paths.dir)
    except RunHeld:
        _ask(view, Verb.PAUSE)
    else:
        taken.set_status(Status.PAUSED, reason="interrupted")
        taken.close()
        together.tell(_view(run))
    again = "resume" if view.state.deployment else "run"
    pipes.say(f"{view.name} stops. Go on with: octobatch {again} {view.name}")
    return 0


def cancel(run: str) -> int:
    """Give a run up, its batches as well; return the exit code.

    Raises:
        BadRequest: it is at its end already, or who works on it is deaf.
    """
    view = _view(run)
    if view.state.status is Status.COMPLETE or _is_over(view):
        raise BadRequest(f"{view.name} is {view.state.status} already.")
    try:
        together.give_up(view)
    except RunHeld:
        _ask(view, Verb.CANCEL)
    pipes.say(f"{view.name} is cancelled: what came is kept in {view.paths.dir}.")
    if left := len(_view(run).state.batches.open):
        pipes.say(
            f"{'One batch is' if left == 1 else f'{left:,} batches are'} still to end at the "
            "provider: octobatch tidy fetches what it had done by then."
        )
    return 0


def _view(run: str) -> RunView:
    return runs.read(runs.resolve(run))


def _is_over(view: RunView) -> bool:
    return view.state.status is Status.CANCELLED and not view.state.batches.open


def _ask(view: RunView, verb: Verb) -> None:
    if not runs.request(view.paths, verb):
        raise BadRequest(
            f"who works on {view.name} does not answer: kill it, and say it once more."
        )
