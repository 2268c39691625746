"""`octobatch server`: the background Prefect server that runs report to."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flows.server import Server

__all__ = ["command"]


@click.group("server")
def command() -> None:
    """The background Prefect server that runs report to."""


@command.command()
def start() -> None:
    """Start it, unless you have one; print the line that workers and `prefect deploy` need."""
    from flows import server

    _say(server.ready(server.ensure()))


@command.command()
def status() -> int:
    """Say where it is; exit 1 if there is none."""
    from flows import server

    running = server.running()
    if running is None:
        click.echo("None was started here. A run starts one, as does `octobatch server start`.")
        return 1
    _say(running)
    return 0


@command.command()
def stop() -> None:
    """Stop it. Its database stays; runs on disk are untouched."""
    from flows import server

    click.echo("Stopped the Prefect server." if server.stop() else "No Prefect server was running.")


def _say(chosen: "Server") -> None:
    click.echo(f"Prefect UI: {chosen.url.removesuffix('/api')}", err=True)
    click.echo(f"export PREFECT_API_URL={chosen.url}")
