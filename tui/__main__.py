"""`python -m tui [RUN]`: the screens."""

import argparse
from functools import partial

import runs
from tui.app import OctobatchApp
from tui.reader import Reader

__all__ = ["main"]


def main(run: str | None = None) -> None:
    """Show all runs, or begin with one.

    Raises:
        RunError: there is none that this could mean.
    """
    OctobatchApp(partial(Reader, runs.runs_root()), runs.resolve(run) if run else None).run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tui", description="Look at runs.")
    parser.add_argument("run", nargs="?", help="begin with this run: a name, a prefix or `last`")
    main(parser.parse_args().run)
