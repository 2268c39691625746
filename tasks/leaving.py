"""End a process in which a sandbox has lived: Monty 1.4 sometimes aborts in Python's own ending."""

import atexit
import os
import sys
from collections.abc import Callable
from typing import NoReturn

__all__ = ["leave", "leaving"]


def leaving(main: Callable[[], object]) -> NoReturn:
    """Call `main`, and leave with the exit code that it raises as SystemExit."""
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    # What others want done at the end is still done; there is no public way to ask for it.
    atexit._run_exitfuncs()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    leave(code)


def leave(code: int) -> NoReturn:
    """End this process at once, whatever its threads are at."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # nobody reads it any more
    os._exit(code)
