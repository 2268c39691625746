"""The Prefect server that runs report to: the user's own, else one on loopback, started once."""

import http.client
import os
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import psutil

from flows.errors import ServerError

__all__ = ["Server", "answers", "ensure", "ready", "running", "stop", "there", "wait_until_healthy"]

FIRST_PORT = 4200
LAST_PORT = 4299
HEALTHY_WITHIN_SECONDS = 120.0
PATIENCE_SECONDS = 15.0
"""For a server that is not ours, and should be there."""
LOOK_SECONDS = 0.2
STARTS = 3


class Server(NamedTuple):
    """Where Prefect's API is, and whether we started it."""

    url: str
    ours: bool


def ensure() -> Server:
    """Return the server to use, starting ours in the background if the user has none.

    The environment then names it, so that Prefect, once imported, and every child process use it.
    It may still be starting: see `ready`.
    """
    server = _configured() or running() or _start()
    os.environ["PREFECT_API_URL"] = server.url
    os.environ.setdefault("DO_NOT_TRACK", "1")  # Prefect's client tells its makers otherwise
    return server


def there() -> Server | None:
    """Return the server that is there and answers, and have Prefect use it; none is started."""
    server = _configured() or running()
    if server is None or not answers(server.url):
        return None
    os.environ["PREFECT_API_URL"] = server.url
    return server


def ready(chosen: Server) -> Server:
    """Return the server to use once it answers.

    Ours takes ten seconds to start. If another program takes its port meanwhile, it ends, and the
    port answers all the same: so ours is seen to listen itself, else started anew on another port.

    Raises:
        ServerError: there is none to be had.
    """
    for _ in range(STARTS):
        if not chosen.ours:
            wait_until_healthy(chosen.url, within_seconds=PATIENCE_SECONDS)
            return chosen
        if _listens(chosen):
            wait_until_healthy(chosen.url)
            return chosen
        chosen = _start()
        os.environ["PREFECT_API_URL"] = chosen.url
    raise ServerError(f"The Prefect server ended {STARTS} times while it started.")


def _listens(ours: Server) -> bool:
    """Wait until our own process listens; False when it ended before."""
    deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
    while running() == ours and time.monotonic() < deadline:
        try:
            sockets = psutil.Process(int(_pid_file().read_text())).net_connections("tcp")
        except (OSError, ValueError, psutil.NoSuchProcess):
            continue
        except psutil.AccessDenied:
            return True
        if any(one.status == psutil.CONN_LISTEN for one in sockets):
            return True
        time.sleep(LOOK_SECONDS)
    return False


def running() -> Server | None:
    """Return the background server of this Prefect home, if one lives."""
    try:
        command = psutil.Process(int(_pid_file().read_text())).cmdline()
        port = int(command[command.index("--port") + 1])
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    if not any("prefect.server" in word for word in command):
        return None  # the number of a dead server, and somebody else's by now
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
    while not answers(url):
        if time.monotonic() > deadline:
            raise ServerError(
                f"The Prefect server at {url} does not answer. Is it running? "
                "Without PREFECT_API_URL, octobatch starts one itself."
            )
        time.sleep(LOOK_SECONDS)


def answers(url: str) -> bool:
    """Say whether a server is there. One that asks who we are (401, 403, 404) is."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 - the URL is http(s) by configuration
            return True
    except urllib.error.HTTPError as error:
        return error.code < HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException, ValueError):  # ValueError: no URL at all
        return False


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
    said = ""
    for _ in range(STARTS):
        said = _start_on(_free_port())
        if server := running():  # also when another process was quicker
            return server
    raise ServerError(f"No Prefect server could be started: {said}")


def _start_on(port: int) -> str:
    """Start a server on a port, and return what that said: another may take the port meanwhile."""
    _pid_file().unlink(missing_ok=True)  # of a dead server: Prefect would refuse to start beside it
    command = [sys.executable, "-m", "prefect", "server", "start", "--background"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    started = subprocess.run(  # noqa: S603 - our own interpreter, fixed arguments
        command,
        env=_environment(port),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    said = (started.stderr or started.stdout).strip()[-500:]
    return f"`{' '.join(command[1:])}` ended with exit code {started.returncode}: {said}"


def _environment(port: int) -> dict[str, str]:
    """Return our environment without the providers' keys, which are no business of a server's."""
    kept = {name: value for name, value in os.environ.items() if "API_KEY" not in name}
    return kept | {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # It does not know it by itself, and its automations tell people where to look.
        "PREFECT_UI_URL": f"http://127.0.0.1:{port}",
    }


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
