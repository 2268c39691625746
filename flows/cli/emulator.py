"""`octobatch emulator`: the providers' stand-in on this machine."""

import click

__all__ = ["command"]


@click.group("emulator")
def command() -> None:
    """The providers' stand-in on this machine: their wire formats, no key, no cost."""


@command.command()
def start() -> None:
    """Start it (a run with --emulate does so by itself) and print where it listens."""
    from providers.emulator import client
    from runs import runs_root

    click.echo(client.start(runs_root()))


@command.command()
def status() -> int:
    """Say where it is and what it has been asked; exit 1 if it does not run."""
    from providers.emulator import client
    from runs import runs_root

    found = client.status(runs_root())
    if found is None:
        click.echo("The emulator is not running. A run with --emulate starts it.")
        return 1
    for name, value in found.items():
        click.echo(f"{name}: {value}")
    return 0


@command.command()
def stop() -> None:
    """Stop it. Its ledger stays."""
    from providers.emulator import client
    from runs import runs_root

    click.echo(
        "Stopped the emulator." if client.stop(runs_root()) else "The emulator was not running."
    )


@command.command()
def reset() -> None:
    """Forget its ledger, its faults and its rehearsed replies."""
    from providers.emulator import client
    from runs import runs_root

    client.reset(runs_root())
    click.echo("The emulator has forgotten everything.")
