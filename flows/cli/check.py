"""`octobatch check`: everything wrong and everything doubtful with a pipeline, at once."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines import Findings, Problem

__all__ = ["command"]


@click.command("check")
@click.argument("pipeline")
@click.option(
    "--items",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Check it for these items instead of its own.",
)
@click.option("--json", "as_json", is_flag=True, help="What is found as JSON, for editors.")
@click.option("--strict", is_flag=True, help="Exit with 2 if anything is doubtful.")
def command(pipeline: str, *, items: Path | None, as_json: bool, strict: bool) -> int:
    """List what is wrong and doubtful in PIPELINE, by file and line; exit with 2 if it is wrong."""
    import orjson

    import pipelines
    from flows.pipes import out
    from tasks.check import check_asking

    folder = pipelines.find(pipeline)
    found = pipelines.inspect(folder, items)
    problems, doubts = list(found.problems), list(found.doubts)
    if found.draft is not None:
        asked = check_asking(found.draft, found.document)
        problems += asked.problems
        doubts += asked.doubts
    if as_json:
        said = {"problems": _rows(problems), "doubts": _rows(doubts)}
        out(orjson.dumps({"pipeline": str(folder), **said}))
    else:
        _say(folder, found, problems, doubts)
    return 2 if problems or (strict and doubts) else 0


def _rows(found: "Sequence[Problem]") -> list[dict[str, Any]]:
    return [
        {"path": str(one.path), "line": one.line, "column": one.column, "message": one.message}
        for one in found
    ]


def _say(
    folder: Path,
    found: "Findings",
    problems: "Sequence[Problem]",
    doubts: "Sequence[Problem]",
) -> None:
    from flows.pipes import out, say

    lines = [f"{_place(one)}: {one.message}" for one in problems]
    lines += [f"{_place(one)}: doubtful: {one.message}" for one in doubts]
    if lines:
        out("\n".join(lines))
    counts = [_counted(len(problems), "problem"), _counted(len(doubts), "doubt")]
    if problems:
        say(f"{' and '.join(count for count in counts if count)} in {folder}.")
        return
    assert found.pipeline is not None, "without problems there is a pipeline"
    steps = " -> ".join(step.name for step in found.pipeline.steps)
    how = f"can be run, with {counts[1]}" if doubts else "is fine"
    out(f"{found.pipeline.name} {how}: {steps}.")


def _place(one: "Problem") -> str:
    from flows.summary import shown

    return ":".join(str(part) for part in (shown(one.path), one.line, one.column) if part)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}" if count else ""
