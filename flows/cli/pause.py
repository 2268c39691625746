"""`octobatch pause`: let a run that somebody works on stop, with everything kept."""

import click

__all__ = ["command"]


@click.command("pause")
@click.argument("run", default="last")
def command(run: str) -> int:
    """Let RUN stop: what is under way may land, batches stay at their providers."""
    from flows import ending

    return ending.pause(run)
