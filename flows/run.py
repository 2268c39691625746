"""`python -m flows.run TARGET …`: the same as `octobatch run TARGET …`."""

from functools import partial

from flows.cli import run
from flows.cli.main import main
from tasks.leaving import leaving

if __name__ == "__main__":
    leaving(partial(main, command=run.command))
