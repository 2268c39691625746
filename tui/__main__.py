"""`python -m tui [RUN]`, and `octobatch tui`: the screens, and what shows them elsewhere."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.source import Source

__all__ = ["command"]

THEME = "tokyo-night"
PORT = 8300


class Refused(click.ClickException):
    """What was asked for cannot be done, and why."""

    exit_code = 2


class ThemeName(click.ParamType[str]):
    """A theme that there is."""

    name = "theme"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name as it is."""
        from textual.theme import BUILTIN_THEMES

        if value not in BUILTIN_THEMES:
            self.fail(f"{value!r} is none; there are {', '.join(BUILTIN_THEMES)}", param, ctx)
        return value


@click.command("tui")
@click.argument("run", required=False)
@click.option("--dump", is_flag=True, help="Print what the screen shows, and end.")
@click.option("--json", "as_json", is_flag=True, help="With --dump: for other programs.")
@click.option("--keys", is_flag=True, help="Print all keys, in Markdown, and end.")
@click.option("--read-only", is_flag=True, help="Refuse what would start, stop or change anything.")
@click.option("--web", is_flag=True, help="Serve the screens to a browser here, read-only.")
@click.option("--port", type=click.IntRange(1, 65535), help=f"With --web; {PORT} if not given.")
@click.option(
    "--theme",
    type=ThemeName(),
    envvar="TEXTUAL_THEME",
    default=THEME,
    show_default=True,
    help="Colours; ^p changes them, too.",
)
def command(
    run: str | None,
    *,
    dump: bool,
    as_json: bool,
    keys: bool,
    read_only: bool,
    web: bool,
    port: int | None,
    theme: str,
) -> None:
    """Look at all runs, or begin with RUN: a name, the beginning of one, a path, or `last`."""
    if keys:
        from tui.keymap import document

        click.echo(document(), nl=False)
        return
    if as_json and not dump:
        raise click.UsageError("--json goes with --dump.")
    if port is not None and not web:
        raise click.UsageError("--port goes with --web.")
    if dump and web:
        raise click.UsageError("--dump and --web do not go together.")
    run_dir = _found(run)
    if dump:
        _dump(run_dir, as_json=as_json)
    elif web:
        _serve(run_dir, port or PORT, theme)
    else:
        _show(run_dir, theme, read_only=read_only)


def _found(run: str | None) -> Path | None:
    import runs
    from tui.clean import clean

    try:
        return runs.resolve(run) if run else None
    except runs.RunError as error:
        raise Refused(clean(str(error), lines=True)) from error


def _dump(run: Path | None, *, as_json: bool) -> None:
    from runs import dumps
    from tui.dump import document, seen, text
    from tui.printing import columns, print_lines

    snapshot = seen(_root(), run)
    if snapshot.unread is not None:
        raise Refused(snapshot.unread.why)
    if as_json:
        click.echo(dumps(document(snapshot), pretty=True))
    else:
        print_lines(text(snapshot, columns()))


def _show(run: Path | None, theme: str, *, read_only: bool) -> None:
    from functools import partial

    from tui.app import OctobatchApp
    from tui.reader import Reader

    if not (sys.stdin.isatty() and sys.stdout.isatty()) and "TEXTUAL_DRIVER" not in os.environ:
        raise Refused("There is no terminal here. --dump prints what it would show.")
    connect: Callable[..., Source] = partial(Reader, _root())
    OctobatchApp(connect, run, theme=theme, read_only=read_only).run()


def _serve(run: Path | None, port: int, theme: str) -> None:
    try:
        from tui.web import serve
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("textual_serve"):
            raise
        raise Refused("--web needs textual-serve: pip install 'octobatch[web]'.") from error
    try:
        serve(run, port, theme)
    except OSError as error:
        raise Refused(f"Port {port} cannot be had: {error}. --port takes another.") from error


def _root() -> Path:
    from runs import runs_root

    return runs_root()


if __name__ == "__main__":
    command(prog_name="python -m tui")
