"""`octobatch resume`: go on with a run, in the lane that it is in."""

import click

__all__ = ["command"]


@click.command("resume")
@click.argument("run", default="last")
@click.pass_context
def command(context: click.Context, run: str) -> int:
    """Go on with RUN where it stands.

    One that came from a deployment goes on through it, in a worker; `octobatch run RUN` goes on
    with any run here.
    """
    from flows.resuming import through_its_deployment

    if through_its_deployment(run):
        return 0
    from flows.cli.run import command as start

    return context.invoke(start, target=run, resume=True)
