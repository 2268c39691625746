"""`octobatch new`: a pipeline to begin with."""

from pathlib import Path

import click

__all__ = ["command"]


@click.command("new")
@click.argument("name")
@click.option(
    "--in",
    "parent",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Make it in this folder; else it stands among the other pipelines.",
)
def command(name: str, *, parent: Path | None) -> None:
    """Make a small pipeline called NAME (or at the path NAME) that checks and rehearses at once."""
    from flows.pipes import out
    from pipelines.scaffold import scaffold

    folder = _place(name, parent)
    scaffold(folder)
    target = _typed(folder)
    out(
        f"Made {folder}: two steps, six messages to try them on, and replies to rehearse with.\n"
        "Next:\n"
        f"  octobatch check {target}\n"
        f"  octobatch preview {target}\n"
        f"  octobatch run {target} --emulate"
    )


def _place(name: str, parent: Path | None) -> Path:
    from pipelines import pipelines_root

    if parent is None and "/" not in name:
        parent = pipelines_root()
    return ((parent or Path()) / name).expanduser().absolute()


def _typed(folder: Path) -> str:
    """Return what means this folder on the command line, from here."""
    import shlex

    from flows.summary import shown
    from pipelines import pipelines_root

    if folder.parent == pipelines_root():
        return folder.name
    path = shown(folder)
    # A bare word could be a pipeline's or a run's name.
    return shlex.quote(path if "/" in path else f"./{path}")
