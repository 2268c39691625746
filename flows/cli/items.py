"""`octobatch items`: a pipeline's units as JSON lines, ready for `python -m tasks.step`."""

import sys

import click

__all__ = ["command"]


@click.command("items")
@click.argument("pipeline")
@click.option("--max-units", type=click.IntRange(min=1), help="The first N only.")
@click.option("--sample", type=click.IntRange(min=1), help="N at random, always the same N.")
def command(pipeline: str, max_units: int | None, sample: int | None) -> None:
    """Print the units of PIPELINE as JSON lines."""
    import orjson

    import pipelines

    loaded = pipelines.load(pipelines.find(pipeline))
    for unit in pipelines.units(loaded, max_units=max_units, sample=sample):
        sys.stdout.buffer.write(orjson.dumps(unit, option=orjson.OPT_APPEND_NEWLINE))
