"""`octobatch info`: one run, its counts, its failures, where its files are."""

import click

__all__ = ["command"]


@click.command("info")
@click.argument("run", default="last")
@click.option("--json", "as_json", is_flag=True, help="For other programs.")
def command(run: str, *, as_json: bool) -> None:
    """Show RUN: a name, the beginning of one, a path, or `last` (the default)."""
    import runs
    from flows import summary

    summary.say(runs.read(runs.resolve(run)), as_json=as_json)
