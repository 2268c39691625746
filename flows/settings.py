"""The `.env` beside the roots: read by every door, whatever the current directory."""

from pathlib import Path

from dotenv import load_dotenv

__all__ = ["read_dotenv"]

FILE = Path(__file__).parents[1] / ".env"


def read_dotenv() -> None:
    """Take what the environment does not say already from `.env`."""
    load_dotenv(FILE)
