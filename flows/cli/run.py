"""`octobatch run`: start a run of a pipeline, or go on with a run."""

from decimal import Decimal, InvalidOperation
from typing import Any

import click

__all__ = ["command"]


class Usd(click.ParamType[Decimal]):
    """An amount of US dollars above 0."""

    name = "usd"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return the amount, with or without a dollar sign."""
        try:
            usd = Decimal(str(value).removeprefix("$"))
        except InvalidOperation:
            usd = Decimal(0)
        if not (usd.is_finite() and usd > 0):
            self.fail(f"{value!r} is not an amount of dollars, such as 2.50", param, ctx)
        return usd


@click.command("run")
@click.argument("target")
@click.option(
    "--realtime",
    "lane",
    flag_value="realtime",
    help="Ask one by one, answers at once (the default for a new run).",
)
@click.option(
    "--batch",
    "lane",
    flag_value="batch",
    help="Ask in batches: half the price, answers within a day.",
)
@click.option(
    "--watch", "lane", flag_value="batch", help="Of a run: look after its batches to the end."
)
@click.option("--init", "init_only", is_flag=True, help="Make the run directory and stop there.")
@click.option("--resume", is_flag=True, help="Go on with the run TARGET (the default for a run).")
@click.option(
    "--items", metavar="FILE|-", help="Other items than the pipeline's; - is JSON lines on stdin."
)
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    help="Each unit N times; the pipeline's `repeat` does not count.",
)
@click.option("--max-units", type=click.IntRange(min=1), help="The first N units only.")
@click.option("--sample", type=click.IntRange(min=1), help="N units at random, always the same N.")
@click.option("--provider", help="Ask this provider at every step.")
@click.option("--model", help="Ask this model at every step.")
@click.option(
    "--max-cost",
    type=Usd(),
    metavar="USD",
    help="Pause before more than so many dollars are spent; go on with a higher one.",
)
@click.option(
    "--emulate", is_flag=True, help="Rehearse: a stand-in on this machine answers, nothing is paid."
)
@click.option(
    "--local",
    is_flag=False,
    flag_value="default",
    metavar="[FILE.gguf]",
    help="A real, small model on this machine answers (see `make demo-local`).",
)
@click.option(
    "--allow-scripts", is_flag=True, help="Run the pipeline's own scripts, with your rights."
)
@click.option(
    "--ask-again",
    is_flag=True,
    help="Of a run: ask what is in batches that nobody can find once more; it may be paid twice.",
)
@click.option("--name", help="Name of the run directory.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before many units are paid for.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on the console; logs stay whole.")
@click.option("--json", "as_json", is_flag=True, help="The closing summary as JSON.")
@click.option("--debug", is_flag=True, help="Tracebacks, and Prefect's own log lines.")
def command(
    target: str,
    *,
    init_only: bool,
    resume: bool,
    yes: bool,
    quiet: bool,
    as_json: bool,
    debug: bool,
    **told: Any,
) -> int:
    """Run TARGET: a pipeline (name, folder) or a run to go on with (name, prefix, path, `last`)."""
    from flows import door

    return door.run(
        target,
        told,
        init_only=init_only,
        resume=resume,
        yes=yes,
        show=door.Show(quiet=quiet, as_json=as_json, debug=debug),
    )
