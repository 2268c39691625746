"""`octobatch deploy`: a pipeline as a deployment that workers run, by hand or on a schedule."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flows.deploy import Deployed, Wanted
    from flows.server import Server
    from pipelines import Launch

__all__ = ["command"]

OF_A_RUN = frozenset({"ask_again", "retry_failures", "run", "tick"})
ELSEWHERE = ("OCTOBATCH_RUNS_DIR", "OCTOBATCH_MODELS")
"""What says where things are: a worker is told what the shell that deploys says."""


@click.command("deploy")
@click.argument("pipeline")
@click.option(
    "--name",
    default="default",
    show_default=True,
    metavar="NAME",
    help="What to call it; deploying by the same name again changes it.",
)
@click.option("--cron", metavar="'M H D M W'", help="Begin a run by itself, as in '0 2 * * *'.")
@click.option(
    "--timezone", default="UTC", show_default=True, metavar="ZONE", help="Whose clock --cron means."
)
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of its runs, as in lane=batch or max-cost=5; may be said again.",
)
@click.option(
    "--pool",
    default="octobatch",
    show_default=True,
    metavar="POOL",
    help="The work pool; it is made if it is not there.",
)
def command(
    pipeline: str, *, name: str, cron: str | None, timezone: str, params: tuple[str, ...], pool: str
) -> None:
    """Deploy PIPELINE (name or folder): a worker runs it when you say, or on a schedule."""
    import asyncio

    import pipelines
    from flows import server
    from flows.launching import launch_of
    from tasks.keys import wanted as wanting
    from tasks.ready import lines_of

    folder = pipelines.find(pipeline)
    said = _said(params)
    launch = launch_of(folder.name, said)
    loaded = pipelines.load(folder, launch.items_file)
    lines = lines_of(loaded, launch)
    chosen = server.ready(server.ensure())
    from flows.deploy import Wanted, deploy  # imports Prefect, which reads its server's address

    wanted = Wanted(
        pipeline=loaded.name,
        description=loaded.description,
        name=name,
        pool=pool,
        parameters=_parameters(launch, said),
        cron=cron,
        timezone=timezone,
        environment=_environment(folder),
    )
    deployed = asyncio.run(deploy(wanted))
    _tell(deployed, wanted, chosen)
    if not launch.free:
        _tell_keys(wanting(line.provider for line in lines))
    _tell_next(wanted, chosen)


def _said(params: tuple[str, ...]) -> dict[str, str]:
    """Return options by name, as they were typed."""
    from flows.errors import BadRequest

    said: dict[str, str] = {}
    for param in params:
        typed, equals, value = param.partition("=")
        name = typed.strip().removeprefix("--").replace("-", "_")
        if not equals:
            raise BadRequest(f"--param {param!r} says no value: write {name}=VALUE.")
        if name in OF_A_RUN:
            raise BadRequest(f"{name!r} is said of a run that is there, not of a deployment.")
        if (name, value) == ("items", "-"):
            raise BadRequest("A worker has no standard input: items=FILE names a file.")
        said[name] = value
    return said


def _parameters(launch: "Launch", said: dict[str, str]) -> dict[str, object]:
    """Return options as the form of the deployment has them."""
    from decimal import Decimal

    from flows.form import is_span

    meant = {name: getattr(launch, name) for name in said}
    plain = {n: float(value) if isinstance(value, Decimal) else value for n, value in meant.items()}
    return {name: said[name] if is_span(name) else value for name, value in plain.items()}


def _environment(folder: "Path") -> dict[str, str]:
    """Return what a worker has to know of where things are, as this shell knows it."""
    import os
    from pathlib import Path

    from pipelines import pipelines_root

    told = {name: os.environ[name] for name in ELSEWHERE if os.environ.get(name)}
    where = {name: str(Path(path).expanduser().absolute()) for name, path in told.items()}
    if os.environ.get("OCTOBATCH_PIPELINES_DIR") or folder.parent != pipelines_root():
        where["OCTOBATCH_PIPELINES_DIR"] = str(folder.parent)
    return where


def _tell(deployed: "Deployed", wanted: "Wanted", chosen: "Server") -> None:
    """Say what was done."""
    from flows.pipes import say

    if deployed.pool_created:
        say(f"Made the work pool {wanted.pool}.")
    done = "Created" if deployed.created else "Updated"
    when = f"at {wanted.cron} ({wanted.timezone})" if wanted.cron else "without a schedule"
    say(f"{done} the deployment {wanted.pipeline}/{wanted.name}, {when}.")
    if deployed.dropped:
        say(f"It had a schedule that it has no more: {'; '.join(deployed.dropped)}.")
    for name, value in wanted.environment.items():
        say(f"Its runs have {name}={value}")
    say(f"Prefect UI: {chosen.url.removesuffix('/api')}")


def _tell_keys(variables: "Iterable[str]") -> None:
    """Say which keys a worker would miss that is started in this shell."""
    from flows.pipes import say
    from tasks.keys import secret_name

    for name in sorted(variables):
        say(
            f"{name} is not set here: set it where the worker runs, or keep the key in a Prefect "
            f"Secret block called {secret_name(name)!r}."
        )


def _tell_next(wanted: "Wanted", chosen: "Server") -> None:
    """Print the commands that make it run."""
    from flows.pipes import out, say

    prefect = _prefect()
    say("Next:")
    if chosen.ours:
        out(f"  export PREFECT_API_URL={chosen.url}")
    out(f"  {prefect} worker start --pool {wanted.pool}")
    out(f"  {prefect} deployment run {wanted.pipeline}/{wanted.name}")


def _prefect() -> str:
    """Return what is typed for the `prefect` beside this program."""
    import shutil
    import sys
    from pathlib import Path

    from flows.summary import shown

    beside = Path(sys.executable).with_name("prefect")
    return "prefect" if shutil.which("prefect") == str(beside) else shown(beside)
