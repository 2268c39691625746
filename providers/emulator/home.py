"""Where an emulator lives on disk: the one module that knows its files' names."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Home"]


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of the emulator that serves one root. Its lock says whether it is alive."""

    dir: Path

    @classmethod
    def under(cls, root: Path) -> "Home":
        return cls(Path(root).absolute() / "_emulator")

    @property
    def lock(self) -> Path:
        """Held by the living process, whose pid it contains."""
        return self.dir / "lock"

    @property
    def port(self) -> Path:
        return self.dir / "port"

    @property
    def ledger(self) -> Path:
        return self.dir / "ledger.jsonl"

    @property
    def memory(self) -> Path:
        return self.dir / "memory.sqlite"

    @property
    def batches(self) -> Path:
        """A folder for each batch: its requests and its results."""
        return self.dir / "batches"

    @property
    def files(self) -> Path:
        """What callers have uploaded."""
        return self.dir / "files"

    @property
    def log(self) -> Path:
        return self.dir / "emulator.log"

    def make(self) -> None:
        self.dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    def last_port(self) -> int | None:
        """Return the port that the last emulator here listened on."""
        try:
            return int(self.port.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def remember_port(self, port: int) -> None:
        fresh = self.port.with_suffix(".tmp")
        fresh.write_text(str(port))
        fresh.replace(self.port)

    def holder(self) -> int | None:
        """Return the pid of the living emulator, or None."""
        with _taken(self.lock, fcntl.LOCK_SH) as free:
            return None if free else int(self.lock.read_text() or 0) or None

    @contextmanager
    def held(self) -> Generator[bool]:
        """Hold the home for as long as the context lasts; False if another process does."""
        self.make()
        with _taken(self.lock, fcntl.LOCK_EX) as free:
            if free:
                self.lock.write_text(str(os.getpid()))
            yield free


@contextmanager
def _taken(path: Path, how: int) -> Generator[bool]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        yield True
        return
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
