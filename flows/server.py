"""The Prefect server that runs report to: the user's own, else one on loopback, started once."""

import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

import psutil

from flows.errors import ServerError

__all__ = ["Server", "ensure", "running", "stop", "wait_until_healthy"]

FIRST_PORT = 4200
LAST_PORT = 4299
HEALTHY_WITHIN_SECONDS = 120.0


class Server(NamedTuple):
    """Where Prefect's API is, and whether we started it."""

    url: str
    ours: bool


def ensure() -> Server:
    """Return the server to use, starting ours in the background if the user has none.

    The environment then names it, so that Prefect, once imported, and every child process use it.
    It may still be starting: see `wait_until_healthy`.
    """
    server = _configured() or running() or _start()
    os.environ["PREFECT_API_URL"] = server.url
    return server


def running() -> Server | None:
    """Return the background server of this Prefect home, if one lives."""
    try:
        command = psutil.Process(int(_pid_file().read_text())).cmdline()
        port = int(command[command.index("--port") + 1])
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return Server(f"http://127.0.0.1:{port}/api", ours=True)


def stop() -> bool:
    """Stop the background server; say whether there was one."""
    if running() is None:
        return False
    process = psutil.Process(int(_pid_file().read_text()))
    process.terminate()
    try:
        process.wait(timeout=15)
    except psutil.TimeoutExpired:
        process.kill()
    _pid_file().unlink(missing_ok=True)
    return True


def wait_until_healthy(url: str, *, within_seconds: float = HEALTHY_WITHIN_SECONDS) -> None:
    """Return as soon as the server answers.

    Raises:
        ServerError: it does not answer within `within_seconds`.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 - the URL is http(s) by configuration
                return
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > deadline:
                raise ServerError(
                    f"The Prefect server at {url} does not answer ({error}). Is it running? "
                    "Without PREFECT_API_URL, octobatch starts one itself."
                ) from error
            time.sleep(0.2)


def _configured() -> Server | None:
    """Return the server of the user's own environment or active Prefect profile."""
    if url := os.environ.get("PREFECT_API_URL"):
        return Server(url, ours=(ours := running()) is not None and ours.url == url)
    try:
        profiles = tomllib.loads((_prefect_home() / "profiles.toml").read_text())
    except (OSError, tomllib.TOMLDecodeError):
        return None
    active = os.environ.get("PREFECT_PROFILE") or profiles.get("active", "")
    url = profiles.get("profiles", {}).get(active, {}).get("PREFECT_API_URL")
    return Server(url, ours=False) if url else None


def _start() -> Server:
    port = _free_port()
    _pid_file().unlink(missing_ok=True)  # of a dead server: Prefect would refuse to start beside it
    command = [sys.executable, "-m", "prefect", "server", "start", "--background"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    started = subprocess.run(  # noqa: S603 - our own interpreter, fixed arguments
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if server := running():  # also when another process was quicker
        return server
    raise ServerError(
        f"`{' '.join(command[1:])}` ended with exit code {started.returncode}: "
        f"{(started.stderr or started.stdout).strip()[-500:]}"
    )


def _free_port() -> int:
    for port in range(FIRST_PORT, LAST_PORT + 1):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise ServerError(f"No free port from {FIRST_PORT} to {LAST_PORT} for a Prefect server.")


def _prefect_home() -> Path:
    return Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect").expanduser()


def _pid_file() -> Path:
    return _prefect_home() / "server.pid"
