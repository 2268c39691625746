"""Bring runs and what Prefect knows of them together: `octobatch tidy`, and as a scheduled flow."""

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed

import runs
from flows import flow_runs
from flows.keyring import keys_of
from flows.reconcile import Action, Finding, FlowRunView, findings
from runs import RunError, RunView
from runs.times import now
from tasks.errors import NotGivenUp
from tasks.giving_up import give_up
from tasks.withholding import withholding

__all__ = ["Tidied", "tidied", "tidy"]


class Tidied(NamedTuple):
    """What was found of a run, and done about it."""

    run: str
    action: Action
    message: str


async def tidied(
    folders: Iterable[Path], *, dry_run: bool = False, ask_prefect: bool = True
) -> AsyncIterator[Tidied]:
    """Look at runs, do what needs nobody, and give what was found.

    Args:
        folders: Where they are.
        dry_run: Do nothing.
        ask_prefect: Ask its server; without it nothing is known of flow runs.

    Raises:
        flows.flow_runs.UNHEARD: the server went while it was asked.
    """
    views: list[RunView] = []
    for folder in folders:
        try:
            views.append(runs.read(folder))
        except RunError as error:
            yield Tidied(folder.name, Action.PERSON, str(error))
    ids = [one for view in views for one in view.state.flow_runs]
    known = await flow_runs.known(ids) if ask_prefect and ids else {}
    for view in views:
        of_it = [known[one] for one in view.state.flow_runs if one in known]
        for finding in findings(view, of_it, now()) if ask_prefect else _without(view):
            done = None if dry_run else await _carried_out(finding, view, of_it)
            yield Tidied(view.name, *(done or (finding.action, finding.why)))


def _without(view: RunView) -> list[Finding]:
    """Return what can be found of a run without Prefect."""
    return [
        one
        for one in findings(view, [], now())
        if one.action is Action.GIVE_UP or view.liveness is not runs.Liveness.DEFERRED
    ]


async def _carried_out(
    finding: Finding, view: RunView, known: Sequence[FlowRunView]
) -> tuple[Action, str] | None:
    """Do what is to be done; return what came of it if that is not what the finding says."""
    match finding.action:
        case Action.GIVE_UP:
            return await _given_up(finding, view, known)
        case Action.TELL if finding.flow_run is not None:
            await flow_runs.tell(finding.flow_run, runs.read(view.paths.dir))
        case Action.GO_ON if finding.flow_run is not None:
            await flow_runs.begin_anew(finding.flow_run)
        case _:
            pass
    return None


async def _given_up(
    finding: Finding, view: RunView, known: Sequence[FlowRunView]
) -> tuple[Action, str] | None:
    try:
        # Without Prefect there are no flow runs known, and no keys kept.
        await give_up(view.paths.dir, await keys_of(view.paths.dir) if known else None)
    except (RunError, NotGivenUp) as error:
        return Action.PERSON, f"{finding.why}, and it cannot be given up: {error}"
    view = runs.read(view.paths.dir)
    for one in known:
        if not one.kind.final:
            await flow_runs.tell(one.id, view)
    if left := len(view.state.batches.open):
        return Action.GIVE_UP, f"{finding.why}: {left} batches are still to end at their providers"
    return None


@flow(name="tidy", persist_result=False, result_serializer="json", log_prints=False)
async def tidy() -> State[Any]:
    """Bring all runs and what Prefect knows of them together, and say which of them need a person.

    Runs that were cancelled while they waited are given up at their providers, flow runs whose
    process was killed are begun anew, and Prefect is told what it has missed.
    """
    log = get_run_logger()
    with withholding():
        found = [one async for one in tidied(runs.list_runs())]
    for one in found:
        say = log.warning if one.action is Action.PERSON else log.info
        say("%s: %s (%s)", one.run, one.message, one.action)
    need = sorted({one.run for one in found if one.action is Action.PERSON})
    if need:
        return Completed(name="NeedsAttention", message=f"need a person: {', '.join(need)}")
    done = "1 thing was" if len(found) == 1 else f"{len(found)} things were"
    return Completed(message=f"{done} put in order" if found else "all is well")
