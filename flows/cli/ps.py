"""`octobatch ps`: all runs at a glance."""

import click

__all__ = ["command"]


@click.command("ps")
@click.option("--json", "as_json", is_flag=True, help="For other programs.")
def command(*, as_json: bool) -> None:
    """List the runs, newest first."""
    import orjson
    from rich.table import Table
    from rich.text import Text

    import runs
    from flows.console import screen
    from flows.pipes import out, say
    from flows.summary import cost_in_words

    views: list[runs.RunView] = []
    for run in runs.list_runs():
        try:
            views.append(runs.read(run))
        except runs.RunError as error:  # one that cannot be read hides no other
            say(f"{run.name}: {error}")
    rows = [(view, runs.totals(view.state)) for view in views]
    if as_json:
        out(
            orjson.dumps(
                [
                    {
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
                    for view, numbers in rows
                ]
            )
        )
        return
    if not rows:
        click.echo(f"No runs in {runs.runs_root()} yet. Try: octobatch run NpcDialog --emulate")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("run", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for heading in ("done", "units", "valid", "failed", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("started, UTC", no_wrap=True)
    for view, numbers in rows:
        table.add_row(
            Text(view.name),
            view.liveness.value,
            f"{numbers.progress:.0%}",
            f"{numbers.units:,}",
            f"{numbers.valid:,}",
            f"{numbers.failed:,}",
            cost_in_words(numbers.cost_usd, emulated=view.state.spec.emulate, short=True),
            f"{view.state.created:%m-%d %H:%M}",
        )
    screen().print(table)
    if any(view.state.spec.emulate for view in views):
        say("(costs in brackets: emulated, nothing was paid)")
