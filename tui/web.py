"""The screens in a browser on this machine: each page has an app of its own, which only looks."""

import asyncio
import logging
import shlex
import signal
import sys
from pathlib import Path

import click
from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_runner import GracefulExit
from textual_serve.server import Server

__all__ = ["ADDRESS", "LocalServer", "command_line", "serve"]

ADDRESS = "127.0.0.1"
LEAVE_SECONDS = 3.0
POLICY = "default-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws://{}"
"""Nothing is fetched from elsewhere: the page of textual-serve asks Google for a font."""


def serve(run: Path | None, port: int, theme: str) -> None:
    """Serve until Ctrl-C.

    Raises:
        OSError: the port is taken.
    """
    LocalServer(command_line(run, theme), ADDRESS, port, "octobatch").serve()


def command_line(run: Path | None, theme: str) -> str:
    """Return what shows the screens to one page, whatever folder one is in."""
    asked = [] if run is None else [str(run)]
    only_looks = ("--read-only", "--theme", theme, *asked)
    return shlex.join((sys.executable, "-P", "-m", "tui", *only_looks))


class LocalServer(Server):
    """A server that knows of no other machine, and of no page but its own.

    There are no passwords: what other pages in the same browser ask for is refused.
    """

    def __init__(self, command: str, host: str, port: int, title: str) -> None:
        super().__init__(command, host, port, title)
        self._open: set[asyncio.Task[object]] = set()
        self._leaving: asyncio.Future[None] | None = None

    def initialize_logging(self) -> None:
        """Let errors be seen, and not every look at a page."""
        logging.basicConfig(level="WARNING", format="%(message)s")

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        app.on_response_prepare.append(self._keep_at_home)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing yet: nobody listens."""

    def serve(self, debug: bool = False) -> None:  # noqa: ARG002 - textual-serve's
        """Serve until Ctrl-C, and say where as soon as that is true."""
        self.initialize_logging()
        loop = asyncio.new_event_loop()
        for ending in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(ending, self.request_exit)
        web.run_app(
            self._make_app(),
            host=self.host,
            port=self.port,
            handle_signals=False,
            loop=loop,
            print=self._say,
        )

    def _say(self, *_: object) -> None:
        click.echo(
            f"{self.public_url} shows the runs, read-only, to everybody on this machine. "
            "Ctrl-C ends it.",
            err=True,
        )

    def request_exit(self) -> None:
        """Take leave of pages that are open, so that their apps end, and then of all."""
        self._leaving = asyncio.ensure_future(self._leave())

    async def _leave(self) -> None:
        """End; once that has begun aiohttp hears no more, and would wait for pages to say bye."""
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=LEAVE_SECONDS)
        raise GracefulExit

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer our own pages; by any other name we are asked for, they are led to ours."""
        if request.host != f"{self.host}:{self.port}":
            raise web.HTTPFound(self.public_url)
        if request.headers.get("Origin", self.public_url) != self.public_url:
            raise web.HTTPForbidden(text="This page is not ours.")
        task = request.task
        self._open.add(task)
        try:
            return await handler(request)
        finally:
            self._open.discard(task)

    async def _keep_at_home(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Content-Security-Policy"] = POLICY.format(request.host)
