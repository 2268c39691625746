"""`octobatch watch`: see how a run goes on, from another terminal."""

import click

__all__ = ["command"]


@click.command("watch")
@click.argument("run", default="last")
@click.option("--json", "as_json", is_flag=True, help="The closing summary as JSON.")
def command(run: str, *, as_json: bool) -> int:
    """Show how RUN goes on until it stands still. Ctrl-C ends the watching, and not the run."""
    from flows import watching

    return watching.watch(run, as_json=as_json)
