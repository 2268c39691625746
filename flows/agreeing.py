"""Show what a run will cost, and ask, before much is paid for."""

import asyncio
import os
import sys
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from itertools import chain, islice

import click
from rich.table import Table
from rich.text import Text

import pipelines
from flows.console import screen
from flows.errors import BadRequest
from flows.money import usd
from pipelines import Launch, Pipeline
from tasks.estimate import SAMPLE, Estimate, estimate

__all__ = ["agree"]

UNITS = ("OCTOBATCH_ASK_ABOVE_UNITS", Decimal(100))
USD = ("OCTOBATCH_ASK_ABOVE_USD", Decimal(1))


def agree(pipeline: Pipeline, launch: Launch, *, yes: bool, say: Callable[[str], object]) -> None:
    """Say what a run will cost; ask about a large one unless it was agreed to already.

    Raises:
        BadRequest: nobody is here to answer.
        click.Abort: the answer is no.
    """
    units = pipelines.units(
        pipeline, max_units=launch.max_units, sample=launch.sample, repeat=launch.repeat
    )
    sample = list(islice(units, SAMPLE))
    count = sum(1 for _ in chain(sample, units))
    told = asyncio.run(estimate(pipeline, launch, sample, units=count))
    if yes or not _is_large(told):
        say(_in_words(told))
        return
    screen(stderr=True).print(_drawn(told))
    question = f"{_in_words(told)} Go on?"
    if not sys.stdin.isatty():
        raise BadRequest(f"{question} Nobody is here to answer: say --yes.")
    click.confirm(question, abort=True, err=True)


def _is_large(told: Estimate) -> bool:
    if told.units > _setting(*UNITS):
        return True
    return told.about_usd is not None and told.about_usd > _setting(*USD)


def _setting(variable: str, default: Decimal) -> Decimal:
    said = os.environ.get(variable, "").strip()
    try:
        return Decimal(said) if said else default
    except InvalidOperation:
        raise BadRequest(f"{variable} is {said!r}, which is no number.") from None


def _in_words(told: Estimate) -> str:
    if told.about_usd is None or told.most_usd is None:
        return f"At least {told.requests:,} requests; what they cost is unknown."
    return (
        f"At least {told.requests:,} requests, for about {usd(told.about_usd)}; "
        f"{usd(told.most_usd)} if every reply is as long as it may be."
    )


def _drawn(told: Estimate) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("step")
    table.add_column("model")
    for heading in ("requests", "tokens in", "tokens out", "about", "at most"):
        table.add_column(heading, justify="right")
    for step in told.steps:
        assumed = "~" if step.guessed else ""
        table.add_row(
            Text(step.step),
            Text(f"{step.provider}/{step.model}"),
            f"{step.requests:,}",
            f"{assumed}{step.input_tokens:,} each",
            f"{assumed}{step.output_tokens:,} each",
            usd(step.about_usd),
            usd(step.most_usd),
        )
    return table
