"""The door `octobatch`, and what people see when something goes wrong."""

import sys
import traceback
from collections.abc import Sequence

import click

from flows import pipes
from flows.cli import (
    cancel,
    check,
    deploy,
    emulator,
    info,
    items,
    models,
    new,
    pause,
    preview,
    ps,
    resume,
    run,
    schema,
    server,
    tidy,
    tui,
    watch,
)
from flows.cli.exits import Exit, exit_of
from flows.settings import read_dotenv
from tasks.leaving import leaving

__all__ = ["enter", "main", "octobatch"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="octobatch")
@click.option("--debug", is_flag=True, expose_value=False, help="Show where an error happened.")
def octobatch() -> None:
    """Put thousands to millions of items through several LLM steps, without losing one."""


_MODULES = (
    *(run, resume, watch, tui, pause, cancel, tidy, ps, info, items),
    *(check, new, preview, schema, models, deploy, emulator, server),
)
for _module in _MODULES:
    octobatch.add_command(_module.command)


def main(arguments: Sequence[str] | None = None, *, command: click.Command = octobatch) -> None:
    """Run a command and leave with its exit code; errors are said in a sentence or two.

    Raises:
        SystemExit: always.
    """
    pipes.hold_open()
    given = list(sys.argv[1:] if arguments is None else arguments)
    read_dotenv()
    try:
        code = command.main(given, prog_name=command.name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = Exit.BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        pipes.say("Stopped.")
        code = Exit.INTERRUPTED
    except BrokenPipeError:
        code = Exit.DONE
    except Exception as error:  # noqa: BLE001 - the boundary where errors become sentences
        if "--debug" in given:
            traceback.print_exc()
        code = exit_of(error)
        pipes.say(f"Error: {_visible(str(error)) or type(error).__name__}")
        if code == Exit.OURS and "--debug" not in given:
            pipes.say("This is a fault of ours. `octobatch --debug …` shows where it happened.")
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        pipes.vanish(sys.stdout)
    sys.exit(code if isinstance(code, int) else Exit.DONE)


def enter() -> None:
    """Run what the command line says, in a process of its own."""
    leaving(main)


def _visible(message: str) -> str:
    """Return a message whose parts others may have written, fit for a terminal."""
    from flows.summary import visible

    return "\n".join(visible(line, most=2000) for line in message.splitlines())
