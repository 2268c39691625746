"""`octobatch preview`: what would be said to the models about one unit; nothing is sent."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.text import Text

    from pipelines import Pipeline, Unit
    from tasks.preview import Shown

__all__ = ["command"]

MOST = 1_000_000
"""Characters of a line: a prompt is shown whole."""


@click.command("preview")
@click.argument("pipeline")
@click.option("--unit", default="1", help="Its number, counted from 1 (the default), or its id.")
@click.option("--step", help="This step only.")
@click.option(
    "--items", metavar="FILE|-", help="Other items than the pipeline's; - is JSON lines on stdin."
)
@click.option("--provider", help="As if this provider were asked at every step.")
@click.option("--model", help="As if this model were asked at every step.")
@click.option("--json", "as_json", is_flag=True, help="For other programs.")
def command(
    pipeline: str,
    *,
    unit: str,
    step: str | None,
    items: str | None,
    provider: str | None,
    model: str | None,
    as_json: bool,
) -> int:
    """Show what each step of PIPELINE would ask about one unit. Needs no key and sends nothing.

    Later steps know what earlier ones would reply from the pipeline's rehearsals. Exit 1 if the
    unit does not come so far.
    """
    import asyncio

    import pipelines
    from flows.spool import spooled
    from pipelines import Launch

    with spooled(items) as source:
        loaded = pipelines.load(pipelines.find(pipeline), source)
        known = loaded.step(step).name if step else None
        chosen = _chosen(loaded, unit)
    shown = asyncio.run(_shown(loaded, chosen, Launch(provider=provider, model=model), known))
    wanted = [one for one in shown if known in {None, one.step}]
    # Without what was asked for, what stands in its way is shown.
    seen = wanted or shown[-1:]
    _print(chosen, seen, as_json=as_json)
    return 1 if seen[-1].failed or not wanted else 0


def _chosen(pipeline: "Pipeline", wanted: str) -> "Unit":
    """Return the unit of this number or id."""
    import pipelines
    from flows.errors import BadRequest

    number = int(wanted) if wanted.isascii() and wanted.isdecimal() else None
    there = 0
    for there, unit in enumerate(pipelines.units(pipeline), 1):
        if number == there or (number is None and unit["unit_id"] == wanted):
            return unit
    raise BadRequest(
        f"--unit {wanted}: {pipeline.name} has no such unit. It has {there:,}: say a number from 1 "
        f"to {there}, or an id (octobatch items {pipeline.name} prints them)."
    )


async def _shown(
    pipeline: "Pipeline", unit: "Unit", launch: Any, until: str | None
) -> list["Shown"]:
    from contextlib import aclosing

    from tasks.preview import preview

    seen: list[Shown] = []
    async with aclosing(preview(pipeline, unit, launch)) as steps:
        async for shown in steps:
            seen.append(shown)
            if shown.step == until:
                break
    return seen


def _print(unit: "Unit", shown: Sequence["Shown"], *, as_json: bool) -> None:
    from flows.console import screen
    from flows.pipes import out
    from runs.jsonl import dumps

    if as_json:
        out(dumps({"unit": unit, "steps": [_row(one) for one in shown]}, pretty=True))
        return
    console = screen()
    for line in _drawn(unit, shown):
        console.print(line)


def _row(shown: "Shown") -> dict[str, Any]:
    request, prompt = shown.request, shown.prompt
    return {
        "step": shown.step,
        "scope": shown.scope.value,
        "unit_id": shown.unit_id,
        "prompt": prompt and {"system": prompt.system, "turns": prompt.turns},
        "request": request
        and {
            "provider": request.provider,
            "model": request.model,
            "tokens_estimate": request.tokens,
            "body": request.body,
        },
        "gained": shown.gained,
        "note": shown.note,
        "failed": shown.failed,
    }


def _drawn(unit: "Unit", shown: Sequence["Shown"]) -> Iterator["Text"]:
    """Draw a preview for people; what templates and data say is text, never markup."""
    from rich.text import Text

    fields = {name: value for name, value in unit.items() if name != "unit_id"}
    yield Text.assemble("unit ", (_line(unit["unit_id"]), "bold"))
    yield from _block(None, _json(fields))
    for one in shown:
        yield Text("")
        yield Text.assemble((one.step, "bold"), f" ({one.scope.value})", _whom(one))
        if one.prompt is not None:
            yield from _block("system", one.prompt.system)
            for speaker, text in one.prompt.turns:
                yield from _block(speaker, text)
        if one.request is not None:
            estimate = f"request, about {one.request.tokens:,} tokens (an estimate: bytes / 4)"
            yield from _block(estimate, _json(one.request.body))
        elif one.prompt is not None:
            yield from _block("no request: nobody is named to be asked; try --provider openai", "")
        if one.note:
            yield Text(f"  {_line(one.note)}", style="yellow" if one.failed else "dim")
        yield from _block(None, _json(one.gained) if one.gained else None)


def _whom(shown: "Shown") -> str:
    asked = shown.request
    return f" asks {_line(asked.model)} of {asked.provider}" if asked else ""


def _block(title: str | None, text: str | None) -> Iterator["Text"]:
    from rich.text import Text

    if text is None:
        return
    if title is not None:
        yield Text(f"  {title}", style="dim")
    for line in text.split("\n") if text else ():
        yield Text(f"    {_line(line)}")


def _json(value: Any) -> str:
    from runs.jsonl import dumps

    return dumps(value, pretty=True).decode()


def _line(text: str) -> str:
    from flows.summary import visible

    return visible(text, most=MOST)
