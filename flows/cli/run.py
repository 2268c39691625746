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


class Span(click.ParamType[float]):
    """A span of time."""

    name = "span"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return it in seconds."""
        from pipelines.durations import seconds

        try:
            return seconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


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
@click.option("--watch", is_flag=True, help="Of a run: look after its batches to the end.")
@click.option(
    "--tick", is_flag=True, help="One look at its batches, and what follows; exit 5: still waiting."
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
@click.option(
    "--retry-failures",
    is_flag=True,
    help="Of a run: take the units that failed through it once more.",
)
@click.option(
    "--interval", type=Span(), metavar="SECONDS", help="Look at batches so often (30, 90s, 5m)."
)
@click.option(
    "--timeout", type=Span(), metavar="SPAN", help="Pause after so long (90m, 2h); exit 3."
)
@click.option(
    "--deadline",
    type=Span(),
    metavar="SPAN",
    help="Batches for so long (6h); what is left then is asked one by one.",
)
@click.option(
    "--no-canary",
    "skip_canary",
    is_flag=True,
    help="Do not ask three units one by one before a large run goes out in batches.",
)
@click.option(
    "--min-pass-rate",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Pause when fewer first replies of a step pass; 0: never (else as the pipeline says).",
)
@click.option("--detach", is_flag=True, help="Work in the background; `octobatch watch` shows it.")
@click.option(
    "--notify",
    metavar="CMD|URL",
    help="Tell a command or an address how it ended: complete, paused, failed.",
)
@click.option("--name", help="Name of the run directory.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before many units are paid for.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on the console; logs stay whole.")
@click.option("--json", "as_json", is_flag=True, help="The closing summary as JSON.")
@click.option("--debug", is_flag=True, help="Tracebacks, and Prefect's own log lines.")
def command(
    target: str,
    *,
    watch: bool,
    detach: bool,
    notify: str | None,
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

    waits = {"--watch": watch, "--tick": told["tick"], "--deadline": told["deadline"]}
    for_batches = next((name for name, said in waits.items() if said), None)
    if for_batches and told["lane"] == "realtime":
        raise click.UsageError(f"{for_batches} is for batches, not for --realtime: choose one.")
    if init_only and (watch or told["tick"]):
        raise click.UsageError(
            f"--init makes a run and stops there; {for_batches} looks after one: choose one."
        )
    if init_only and detach:
        raise click.UsageError("--init makes a run and stops there; --detach works on it.")
    return door.run(
        target,
        {**told, "lane": "batch" if for_batches else told["lane"]},
        init_only=init_only,
        resume=resume,
        detached=detach,
        yes=yes,
        show=door.Show(quiet=quiet, as_json=as_json, debug=debug, tell=notify),
    )
