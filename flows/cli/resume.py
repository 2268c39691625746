"""`octobatch resume`: go on with a run, in the lane that it is in."""

import click

__all__ = ["command"]


@click.command("resume")
@click.argument("run", default="last")
@click.pass_context
def command(context: click.Context, run: str) -> int:
    """Go on with RUN where it stands: the same as `octobatch run RUN`."""
    from flows.cli.run import command as start

    return context.invoke(start, target=run, resume=True)
