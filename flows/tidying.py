"""The door `tidy`: what was found of all runs, and done about it."""

import asyncio

import orjson

import runs
from flows import pipes, server
from flows.reconcile import Action

__all__ = ["tidy"]

SAYS = {
    Action.GIVE_UP: "given up",
    Action.TELL: "Prefect is told",
    Action.GO_ON: "begun anew",
    Action.PERSON: "needs you",
}


def tidy(*, dry_run: bool, as_json: bool) -> int:
    """Look at all runs; return the exit code: 1 when one needs a person."""
    there = server.there()
    if there is None:
        pipes.say("No Prefect server answers: what only it knows is not looked at.")
    from flows.tidy import Tidied, tidied

    async def all_of_it() -> list[Tidied]:
        folders = runs.list_runs()
        looked = tidied(folders, dry_run=dry_run, ask_prefect=there is not None)
        return [one async for one in looked]

    found = asyncio.run(all_of_it())
    if as_json:
        pipes.out(orjson.dumps([one._asdict() for one in found]))
    for one in () if as_json else found:
        would = "to be " if dry_run and one.action in {Action.GIVE_UP, Action.GO_ON} else ""
        pipes.out(f"{one.run}: {would}{SAYS[one.action]}: {one.message}")
    if not found and not as_json:
        pipes.say("All is well.")
    return int(any(one.action is Action.PERSON for one in found))
