"""`octobatch items`: a pipeline's units as JSON lines, ready for `python -m tasks.step`."""

import sys

import click

__all__ = ["command"]


@click.command("items")
@click.argument("pipeline")
@click.option(
    "--items", metavar="FILE|-", help="Other items than the pipeline's; - is JSON lines on stdin."
)
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    help="Each N times; the pipeline's `repeat` does not count.",
)
@click.option("--max-units", type=click.IntRange(min=1), help="The first N only.")
@click.option("--sample", type=click.IntRange(min=1), help="N at random, always the same N.")
def command(pipeline: str, items: str | None, **which: int | None) -> None:
    """Print the units of PIPELINE as JSON lines."""
    import orjson

    import pipelines
    from flows.spool import spooled

    with spooled(items) as source:
        loaded = pipelines.load(pipelines.find(pipeline), source)
        for unit in pipelines.units(loaded, **which):
            sys.stdout.buffer.write(orjson.dumps(unit, option=orjson.OPT_APPEND_NEWLINE))
