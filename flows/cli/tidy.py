"""`octobatch tidy`: bring runs and what Prefect knows of them together."""

import click

__all__ = ["command"]


@click.command("tidy")
@click.option("--dry-run", is_flag=True, help="Say what there is to do, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="For other programs.")
def command(*, dry_run: bool, as_json: bool) -> int:
    """Put in order what was left behind; exit 1 when a run needs a person.

    Runs that were cancelled in Prefect while they waited are given up at their providers, what
    cancelled batches had done is fetched, flow runs whose process was killed are begun anew, and
    Prefect is told what it has missed. It says which runs wait for you.
    """
    from flows import tidying

    return tidying.tidy(dry_run=dry_run, as_json=as_json)
