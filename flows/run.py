"""`python -m flows.run TARGET …`: the same as `octobatch run TARGET …`."""

from flows.cli import run
from flows.cli.main import main

if __name__ == "__main__":
    main(command=run.command)
