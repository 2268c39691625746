"""`octobatch tui`: the screens."""

import click

__all__ = ["command"]


@click.command("tui")
@click.argument("run", required=False)
def command(run: str | None) -> None:
    """Look at all runs, or begin with RUN. It shows what is there, and changes nothing."""
    from tui.__main__ import main

    main(run)
