"""The command line: `octobatch …`, one module per subcommand, heavy imports inside them."""

from flows.cli.main import main

__all__ = ["main"]
