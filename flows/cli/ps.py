"""`octobatch ps`: all runs at a glance."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from runs import RunView

__all__ = ["command"]


@click.command("ps")
@click.option("--json", "as_json", is_flag=True, help="For other programs.")
def command(*, as_json: bool) -> None:
    """List the runs, newest first."""
    import orjson

    import runs
    from flows.console import screen
    from flows.pipes import out, say

    views = list(_readable())
    if as_json:
        out(orjson.dumps([_row(view) for view in views]))
    elif not views:
        out(f"No runs in {runs.runs_root()} yet. Try: octobatch run NpcDialog --emulate")
    else:
        screen().print(_table(views))
        if any(view.state.spec.emulate for view in views):
            say("(costs in brackets: emulated, nothing was paid)")


def _readable() -> Iterable["RunView"]:
    """Yield the runs that can be read; one that cannot hides no other."""
    import runs
    from flows.pipes import say

    for run in runs.list_runs():
        try:
            yield runs.read(run)
        except runs.RunError as error:
            say(f"{run.name}: {error}")


def _row(view: "RunView") -> dict[str, Any]:
    from runs import totals

    numbers = totals(view.state)
    return {
        "run": view.name,
        "state": view.liveness.value,
        "units": numbers.units,
        "valid": numbers.valid,
        "failed": numbers.failed,
        "progress": numbers.progress,
        "cost_usd": None if numbers.cost_usd is None else float(numbers.cost_usd),
        "emulated": view.state.spec.emulate,
        "created": view.state.created,
    }


def _table(views: Iterable["RunView"]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    from flows.money import cost_in_words
    from runs import totals

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for heading in ("done", "units", "valid", "failed", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("started, UTC", no_wrap=True)
    for view in views:
        numbers, emulated = totals(view.state), view.state.spec.emulate
        table.add_row(
            Text(view.name),
            view.liveness.value,
            f"{numbers.progress:.0%}",
            f"{numbers.units:,}",
            f"{numbers.valid:,}",
            f"{numbers.failed:,}",
            cost_in_words(numbers.cost_usd, emulated=emulated, short=True),
            f"{view.state.created:%m-%d %H:%M}",
        )
    return table
