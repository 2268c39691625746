"""The command line: `octobatch …`, one module per subcommand, heavy imports inside them."""

from flows.cli.main import enter

__all__ = ["enter"]
