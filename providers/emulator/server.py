"""The emulator's process: alone in its home, on loopback, until nobody wants it any more."""

import asyncio
import gc
import socket
from pathlib import Path

import uvicorn
import uvloop
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from providers.emulator.app import build
from providers.emulator.control import Control
from providers.emulator.engine import Engine
from providers.emulator.home import Home

__all__ = ["run"]

HOST = "127.0.0.1"
"""The only address it ever listens on."""
# More than the clients here keep an idle connection: they close first, and never send a request
# into a connection that is being closed.
KEEPALIVE_SECONDS = 30
TAKEOVER_SECONDS = 1.0


class _Connection(AutoHTTPProtocol):
    """Lets a response reach its connection, which is what breaking it takes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def run(root: Path, *, idle_seconds: float) -> bool:
    """Serve until stopped or idle; False at once if another process serves this root."""
    home = Home.under(root)
    with home.held() as held:
        if not held:
            return False
        engine = Engine(home)
        try:
            with _listening(home.last_port()) as listener:
                home.remember_port(listener.getsockname()[1])
                uvloop.run(_serve(engine, listener, idle_seconds))
        finally:
            engine.close()
    return True


def _listening(wanted: int | None) -> socket.socket:
    """Return a listening socket: at the port of last time if it is free, so that addresses last."""
    for port in (wanted or 0, 0):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            listener.close()
            if port == 0:
                raise
        else:
            listener.listen(2048)
            return listener
    raise AssertionError  # the loop's last turn returns or raises


async def _serve(engine: Engine, listener: socket.socket, idle_seconds: float) -> None:
    control = Control(engine)
    server = uvicorn.Server(
        uvicorn.Config(
            build(engine, control),
            http=_Connection,
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="warning",
            proxy_headers=False,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEPALIVE_SECONDS,
            timeout_graceful_shutdown=1,
        )
    )
    gc.freeze()
    watching = asyncio.create_task(_stop_when_idle(server, control, idle_seconds))
    await server.serve(sockets=[listener])
    watching.cancel()


async def _stop_when_idle(server: uvicorn.Server, control: Control, idle_seconds: float) -> None:
    # Whoever comes and goes tells nobody: looking when it could be over costs nothing.
    while (left := idle_seconds - control.idle_seconds) > 0:  # noqa: ASYNC110
        await asyncio.sleep(left)
    server.should_exit = True
