"""The screens in a browser: on this machine only, and they only look."""

import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import aiohttp
import psutil
import pytest

from tui.web import ADDRESS, LocalServer, command_line

WITHIN_SECONDS = 20


@pytest.fixture
def folder(make_run, through, runs_dir):
    folder = make_run("Letters_20261122_180000")
    through(folder)
    return folder


def await_door(port: int) -> None:
    """Wait until a server takes callers: it says where it will be a moment before."""
    while True:
        with suppress(ConnectionRefusedError), socket.create_connection((ADDRESS, port)):
            return
        time.sleep(0.01)


@pytest.fixture
def server(folder):
    """A server on a port that is free."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "tui", "--web", "--port", str(port), folder.name]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    assert "read-only" in said
    await_door(port)
    yield process, re.findall(r"http://\S+", said)[0]
    process.kill()
    process.communicate()


@pytest.mark.cold
async def test_it_shows_the_runs_here_and_nowhere_else_until_ctrl_c(server, folder):
    process, url = server
    own = psutil.Process(process.pid)
    listening = [one.laddr for one in own.net_connections("inet") if one.status == "LISTEN"]
    assert [one.ip for one in listening] == [ADDRESS]
    async with aiohttp.ClientSession() as browser:
        async with browser.get(url) as page:
            assert page.status == 200
            assert "fonts.googleapis.com" not in page.headers["Content-Security-Policy"]
            assert "octobatch" in await page.text()
        async with browser.ws_connect(f"{url}/ws?width=100&height=30", origin=url) as screen:
            shown = b""
            while folder.name.encode() not in shown or b"read-only" not in shown:
                shown += await screen.receive_bytes(timeout=WITHIN_SECONDS)
            apps = own.children(recursive=True)
            assert apps
            process.send_signal(signal.SIGINT)
            with suppress(TypeError):  # what is received is no more the screen's
                while True:
                    await screen.receive_bytes(timeout=WITHIN_SECONDS)
        assert process.wait(WITHIN_SECONDS) == 0
        psutil.wait_procs(apps, WITHIN_SECONDS)
        assert not [app for app in apps if app.is_running()]


@pytest.mark.cold
async def test_other_pages_of_the_same_browser_get_nothing(server):
    """Neither by their own address, nor by a name of theirs that leads here."""
    _, url = server
    async with aiohttp.ClientSession() as browser:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await browser.ws_connect(f"{url}/ws", origin="http://evil.example")
        theirs = {"Host": "evil.example"}
        async with browser.get(url, headers=theirs, allow_redirects=False) as page:
            assert (page.status, page.headers["Location"]) == (302, url)


def test_each_page_only_looks(folder):
    words = shlex.split(command_line(folder, "nord"))
    assert words[-4:] == ["--read-only", "--theme", "nord", str(folder)]


def test_an_address_is_not_a_choice():
    """There are no passwords."""
    assert LocalServer("true", ADDRESS, 8300, "octobatch").public_url == "http://127.0.0.1:8300"
