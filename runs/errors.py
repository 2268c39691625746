"""Errors of a run on disk, by what the caller can do.

RunError
├── RunNotFound       name another: the message has the nearest
├── AmbiguousRun      say more of the name: `candidates`
├── RunNameError      choose a name that can be a folder's
├── RunExists         choose another folder, or go on with the run that is there
├── RunHeld           wait, or stop the holder: `pid`, `host`, `since`
├── Superseded        stop at once: another process has taken the run over
├── Damaged           repair it: `path`, `line`, `reason`
└── UnknownFormat     use the newer version that wrote it

NotDurable            stop at once, as after a crash: the disk may have lost data (an OSError)
IllegalMove           a fault of ours: a change that the run's state does not allow (a RuntimeError)
Unaccounted           a fault of ours: what entered and what left differ (a RuntimeError)
"""

import errno
from datetime import datetime
from pathlib import Path

__all__ = [
    "AmbiguousRun",
    "Damaged",
    "IllegalMove",
    "NotDurable",
    "RunError",
    "RunExists",
    "RunHeld",
]
__all__ += ["RunNameError", "RunNotFound", "Superseded", "Unaccounted", "UnknownFormat"]
__all__ += ["disk_trouble"]


class RunError(Exception):
    """Base of the errors that whoever named, opened or made a run can act on."""


class RunNotFound(RunError):
    """No run goes by this name."""


class AmbiguousRun(RunError):
    """Several runs begin with these letters."""

    def __init__(self, target: str, candidates: tuple[str, ...]) -> None:
        super().__init__(target, candidates)
        self.target = target
        self.candidates = candidates

    def __str__(self) -> str:
        return f"{self.target!r} could be {', '.join(self.candidates)}. Give more of the name."


class RunNameError(RunError):
    """The name cannot be a run's."""


class RunExists(RunError):
    """The folder for a new run is not empty."""


class RunHeld(RunError):
    """Another process works on the run."""

    def __init__(self, run: str, pid: int | None, host: str | None, since: datetime | None) -> None:
        super().__init__(run, pid, host, since)
        self.run = run
        self.pid = pid
        self.host = host
        self.since = since

    def __str__(self) -> str:
        if self.pid is None or self.since is None:
            return f"Run {self.run!r} is held by another process. Try again in a moment."
        return (
            f"Run {self.run!r} is held by process {self.pid} on {self.host}, since "
            f"{self.since:%Y-%m-%d %H:%M:%S} UTC. Wait for it, or stop it (it pauses on Ctrl-C)."
        )


class Superseded(RunError):
    """This process no longer holds the run it had opened."""


class Damaged(RunError):
    """A file that is checked line by line has a bad line among good ones."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(path, line, reason)
        self.path = path
        self.line = line
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.path}:{self.line}: {self.reason}. This is not an interrupted write, for good "
            "lines follow: nothing was changed. Restore the file from a copy before going on."
        )


class UnknownFormat(RunError):
    """The run was written by a version that knows more than this one."""


class NotDurable(OSError):
    """A sync failed. Trying again could succeed falsely: the kernel may have dropped the data."""


class IllegalMove(RuntimeError):
    """The run's state does not allow this change."""


class Unaccounted(RuntimeError):
    """Units that entered a step and units that left it are not the same."""


_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE})


def disk_trouble(error: OSError) -> str | None:
    """Return what to do about a disk that takes no more; None for any other error."""
    if isinstance(error, NotDurable):
        return f"disk: {error}"
    if error.errno not in _DISK:
        return None
    where = f" ({error.filename})" if error.filename else ""
    return f"disk: {error.strerror}{where}; what was acknowledged is safe: make room, then go on"
