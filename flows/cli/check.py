"""`octobatch check`: everything wrong with a pipeline, at once."""

import click

__all__ = ["command"]


@click.command("check")
@click.argument("pipeline")
@click.option("--json", "as_json", is_flag=True, help="Problems as JSON, for editors.")
def command(pipeline: str, *, as_json: bool) -> int:
    """List everything that is wrong with PIPELINE, with file and line; exit 2 if anything is."""
    import orjson

    import pipelines

    folder = pipelines.find(pipeline)
    try:
        loaded, problems = pipelines.load(folder), ()
    except pipelines.PipelineError as error:
        loaded, problems = None, error.problems
    if as_json:
        rows = [{"path": str(p.path), "line": p.line, "message": p.message} for p in problems]
        click.echo(orjson.dumps({"pipeline": str(folder), "problems": rows}))
    elif loaded is not None:
        steps = " -> ".join(step.name for step in loaded.steps)
        click.echo(f"{loaded.name} is fine: {steps}.")
    else:
        click.echo("\n".join(str(problem) for problem in problems))
        click.echo(f"{len(problems)} problem{'s' * (len(problems) != 1)} in {folder}.", err=True)
    return 2 if problems else 0
