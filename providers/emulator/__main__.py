"""`python -m providers.emulator --root DIR`: serve until stopped, or idle for half an hour."""

import argparse
import sys
from pathlib import Path

IDLE_MINUTES = 30.0


def main() -> int:
    """Run the emulator of one root; exit 0 also when it runs already."""
    parser = argparse.ArgumentParser(prog="python -m providers.emulator", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="its state is in ROOT/_emulator")
    parser.add_argument("--idle-minutes", type=float, default=IDLE_MINUTES)
    chosen = parser.parse_args()

    from providers.emulator.server import run

    if not run(chosen.root, idle_seconds=60 * chosen.idle_minutes):
        sys.stderr.write(f"An emulator serves {chosen.root} already.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
