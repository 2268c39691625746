"""A step as a Unix filter, without a run and without Prefect: units in, valid ones out.

octobatch items NpcDialog | python -m tasks.step NpcDialog generate > generated.jsonl
"""

import asyncio
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import click
import orjson
from dotenv import load_dotenv

import pipelines
from pipelines import Launch, Pipeline, Scope, Step, Unit
from providers.errors import ProviderError
from tasks.brake import Brake
from tasks.choose import choose
from tasks.compute import children
from tasks.desk import opened_desk
from tasks.errors import TaskError
from tasks.leaving import leaving
from tasks.purse import Purse
from tasks.work import Due, Invalid, Nowhere, Open, Outcome, Returned, Skipped, Valid

__all__ = ["main", "through"]

ENVIRONMENT = Path(__file__).parents[1] / ".env"
READ_AHEAD = 1000
"""Units under way at once: the output keeps the order of the input, and memory stays flat."""


class _BadInput(click.ClickException):
    exit_code = 2  # 1 says that units failed


class Ends(NamedTuple):
    """Where a filter's lines go."""

    valid: BinaryIO
    failures: BinaryIO


def _untraced(**_: object) -> None:
    """Write no trace: there is no run to keep one in."""


async def through(
    pipeline: Pipeline, step: str, launch: Launch, units: Iterable[Unit], ends: Ends
) -> int:
    """Take units through one step, writing each outcome as a line; return how many failed."""
    one = pipeline.step(step)
    if one.scope is Scope.RUN:
        raise _BadInput(f"{step!r} is a script over a whole run, not a step that units go through")
    asked = {step: choose(pipeline, one, launch)} if one.scope is Scope.CHUNK else {}
    rest, failed = iter(units), 0
    async with opened_desk(pipeline, [one], launch, asked, brake=Brake(), purse=Purse()) as desk:
        while some := list(islice(rest, READ_AHEAD)):
            outcomes = await desk.take(step, [Due(unit) for unit in some], Nowhere(), _untraced)
            failed += sum(_written(outcome, one, ends) for outcome in outcomes)
            ends.valid.flush()
    return failed


def _written(outcome: Outcome, step: Step, ends: Ends) -> bool:
    """Write an outcome down; say whether the unit failed. Nobody is there to send it back to."""
    match outcome:
        case Valid() if step.scope is Scope.FAN_OUT:
            ends.valid.writelines(_line(child) for child in children([outcome], step))
        case Valid(unit=unit) | Skipped(unit=unit):
            ends.valid.write(_line(unit))
        case Invalid(record=record) | Returned(record=record):
            ends.failures.write(_line(record))
            return True
        case Open():
            raise AssertionError("nothing stops a filter half-way")
    return False


def _units(lines: Iterable[bytes]) -> Iterator[Unit]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            unit = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise _BadInput(f"standard input, line {number}: not JSON ({error})") from error
        if not (isinstance(unit, dict) and isinstance(unit.get("unit_id"), str)):
            raise _BadInput(
                f"standard input, line {number}: not a unit, which is an object with a unit_id "
                "(octobatch items PIPELINE prints them)"
            )
        yield unit


def _line(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


@click.command()
@click.argument("pipeline")
@click.argument("step")
@click.option("--provider", help="Ask this provider.")
@click.option("--model", help="Ask this model.")
@click.option("--emulate", is_flag=True, help="Rehearse: a stand-in on this machine answers.")
@click.option("--failures", type=click.File("wb"), help="File for failure records; else stderr.")
def main(
    *,
    pipeline: str,
    step: str,
    provider: str | None,
    model: str | None,
    emulate: bool,
    failures: BinaryIO | None,
) -> None:
    """Take units from standard input through STEP of PIPELINE; valid ones go to standard output."""
    load_dotenv(ENVIRONMENT)
    launch = Launch(provider=provider, model=model, emulate=emulate)
    try:
        loaded = pipelines.load(pipelines.find(pipeline))
        ends = Ends(sys.stdout.buffer, failures or sys.stderr.buffer)
        failed = asyncio.run(through(loaded, step, launch, _units(sys.stdin.buffer), ends))
    except (
        pipelines.PipelineError,
        pipelines.PipelineNotFound,
        pipelines.UnknownStep,
        ProviderError,
        TaskError,
    ) as error:
        raise _BadInput(str(error)) from error
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    leaving(main)
