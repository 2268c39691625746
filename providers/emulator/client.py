"""Start, stop and steer the emulator of a root from another process."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from providers.emulator.home import Home
from providers.emulator.jsons import dumps, loads
from providers.errors import Misconfigured, Retryable

__all__ = [
    "Ledger",
    "batches",
    "clock",
    "latency",
    "ledger",
    "limits",
    "rehearse",
    "reset",
    "script",
    "start",
    "status",
    "stop",
]

START_SECONDS = 15.0
STOP_SECONDS = 5.0
ANSWER_SECONDS = 30.0
LOOK_SECONDS = 0.02
CHECKOUT = Path(__file__).parents[2]

# Emulators outlive the value that started them. Kept, they end unseen; dropped, Python warns.
_started: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was charged."""

    calls: int
    keys: Mapping[str, Mapping[str, int]]
    """For each key: calls, and tokens as in `model.Usage`."""
    models: Mapping[str, Mapping[str, int]]
    """The same for each model."""
    requests: Mapping[str, int]
    """How often each request was charged, by the SHA-256 of its body."""
    batch_models: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """The part of `models` that came in batches."""
    batches: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The ids of all batches that were created, by vendor, oldest first."""

    @property
    def repeated(self) -> int:
        """Return how many calls were charged beyond the first of each request."""
        return self.calls - len(self.requests)


def start(root: Path) -> str:
    """Return the URL of the root's emulator, starting one in the background if there is none.

    It belongs to nobody: it outlives the process that started it, and serves all who start it.

    Raises:
        Misconfigured: it does not start; its log says why.
    """
    home = Home.under(root)
    home.make()
    child: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if _status(home) is not None:
            return _url(home)
        if home.holder() is None and (child is None or child.poll() is not None):
            if child is not None and child.returncode != 0:
                break
            child = _spawn(root, home)
        time.sleep(LOOK_SECONDS)
    raise Misconfigured(f"the emulator does not start; its log: {home.log}")


def status(root: Path) -> dict[str, Any] | None:
    """Return what the root's emulator says of itself; None if it does not run."""
    home = Home.under(root)
    said = _status(home)
    return said and {"url": _url(home), **said}


def stop(root: Path) -> bool:
    """Stop the root's emulator, keeping what it remembers; False if it did not run."""
    home = Home.under(root)
    pid = home.holder()
    if pid is None:
        return False
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(pid, kind)
        if _comes_true(lambda: home.holder() is None, within=STOP_SECONDS):
            break
    for child in _started:
        if child.pid == pid:
            with suppress(subprocess.TimeoutExpired):
                child.wait(STOP_SECONDS)
    _started[:] = [child for child in _started if child.poll() is None]
    return True


def reset(root: Path) -> None:
    """Make the root's emulator forget all: ledger, script, latency, limits, rehearsed replies."""
    home = Home.under(root)
    if _status(home) is not None:
        _exchange(_url(home), "POST", "/_reset", None)
        return
    for path in home.dir.glob("memory.sqlite*"):
        path.unlink()
    home.ledger.unlink(missing_ok=True)
    for folder in (home.batches, home.files):
        shutil.rmtree(folder, ignore_errors=True)


async def rehearse(url: str, replies: Mapping[str, str]) -> None:
    """Give the texts to answer requests with, by the hexadecimal SHA-256 of the request's body.

    Raises:
        Retryable: the emulator does not answer; nothing was asked yet.
    """
    import aiohttp

    body = dumps(replies)
    try:
        async with aiohttp.request("POST", f"{url}/_rehearse", data=body) as response:
            response.raise_for_status()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Retryable(f"the emulator at {url} takes no rehearsal: {error!r}") from error


def script(url: str, rules: Iterable[Mapping[str, Any]], *, seed: int = 0) -> None:
    """Play a script of faults from now on, in place of the last; see `script.Rule`."""
    _exchange(url, "POST", "/_script", {"seed": seed, "rules": list(rules)})


def latency(url: str, seconds: float) -> None:
    """Make every reply take that long."""
    _exchange(url, "POST", "/_latency", seconds)


def limits(url: str, limits: Iterable[Mapping[str, Any]]) -> None:
    """Refuse what is beyond these limits from now on, in place of the last; see `limits.Limit`."""
    _exchange(url, "POST", "/_limits", list(limits))


def batches(url: str, **batching: Any) -> None:
    """Take batches like this from now on, in place of the last; see `mischief.Batching`."""
    _exchange(url, "POST", "/_batches", batching)


def clock(url: str, *, step: float = 0.0, rate: float | None = None) -> None:
    """Move the clock of the batches: at once, and from then on so many times as fast as the wall's.

    Batches that are at work catch up with it before this returns, if that takes seconds at most.
    """
    _exchange(url, "POST", "/_clock", {"step": step, "rate": rate})


def ledger(url: str) -> Ledger:
    """Return what was charged since the last reset."""
    return Ledger(**_exchange(url, "GET", "/_ledger"))


def _status(home: Home) -> dict[str, Any] | None:
    if home.last_port() is None:
        return None
    try:
        said = _exchange(_url(home), "GET", "/_status")
    except (OSError, HTTPException, ValueError):
        return None
    # Somebody else may have the port by now.
    return said if said.get("dir") == str(home.dir) else None


def _url(home: Home) -> str:
    return f"http://127.0.0.1:{home.last_port()}"


def _spawn(root: Path, home: Home) -> subprocess.Popen[bytes]:
    without_keys = {name: value for name, value in os.environ.items() if "API_KEY" not in name}
    with home.log.open("ab") as log:
        child = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", "providers.emulator", "--root", str(Path(root).absolute())],
            cwd=CHECKOUT,
            env=without_keys,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _started.append(child)
    return child


def _comes_true(condition: Callable[[], bool], *, within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(LOOK_SECONDS)
    return False


def _exchange(url: str, method: str, path: str, value: object = None) -> Any:
    """Ask the emulator; ValueError with its words if it refuses. No proxy stands between."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request(method, path, None if method == "GET" else dumps(value))
        response = connection.getresponse()
        said = loads(response.read())
    finally:
        connection.close()
    if response.status != HTTPStatus.OK:
        raise ValueError(f"the emulator refuses {path}: {said['error']}")
    return said
