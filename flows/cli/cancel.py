"""`octobatch cancel`: give a run up, at its providers as well."""

import click

__all__ = ["command"]


@click.command("cancel")
@click.argument("run", default="last")
def command(run: str) -> int:
    """Give RUN up: its batches are cancelled, what came is kept, and it does not go on."""
    from flows import ending

    return ending.cancel(run)
