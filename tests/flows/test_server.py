"""Which Prefect server runs report to; none is started here."""

import http.server
import os
import threading
from contextlib import contextmanager

import pytest

from flows import server
from flows.errors import ServerError

URL = "http://127.0.0.1:4999/api"

OURS = pytest.param(str(os.getpid()), id="ours")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A Prefect home of the test's own, and nothing said in the environment."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("PREFECT_HOME", str(home))
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return home


PROFILES = """
active = "cloud"

[profiles.cloud]
PREFECT_API_URL = "https://api.prefect.cloud/api/accounts/a/workspaces/w"

[profiles.work]
PREFECT_API_URL = "http://prefect.work:4200/api"

[profiles.plain]
"""


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [
        ({}, "https://api.prefect.cloud/api/accounts/a/workspaces/w"),
        ({"PREFECT_PROFILE": "work"}, "http://prefect.work:4200/api"),
        ({"PREFECT_API_URL": URL}, URL),
        ({"PREFECT_API_URL": URL, "PREFECT_PROFILE": "work"}, URL),
    ],
)
def test_the_users_own_server_is_used(home, monkeypatch, environment, chosen):
    """The environment over the profile it names over the active profile; it is not ours."""
    (home / "profiles.toml").write_text(PROFILES)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert server.ensure() == server.Server(chosen, ours=False)


def test_the_server_in_use_is_named_to_children(home, monkeypatch):
    """Prefect, once imported, and workers we start find the same server."""
    monkeypatch.setenv("PREFECT_API_URL", "set so that it is restored")
    monkeypatch.setenv("PREFECT_PROFILE", "work")
    monkeypatch.delenv("PREFECT_API_URL")
    (home / "profiles.toml").write_text(PROFILES)
    server.ensure()
    assert os.environ["PREFECT_API_URL"] == "http://prefect.work:4200/api"


@pytest.mark.parametrize(
    "profiles", [None, "no toml [", 'active = "gone"\n', 'active = "plain"\n[profiles.plain]\n']
)
def test_without_a_server_of_the_users_there_is_none_configured(home, profiles):
    """Profiles that say nothing, or cannot be read, are no reason to stop."""
    if profiles is not None:
        (home / "profiles.toml").write_text(profiles)
    assert server._configured() is None


@pytest.mark.parametrize("pid", [None, "", "no number", "999999999", OURS])
def test_a_pid_file_without_its_server_means_none(home, pid):
    """A server that died, or a process that has its number now, is not taken for ours."""
    if pid is not None:
        (home / "server.pid").write_text(pid)
    assert server.running() is None
    assert server.stop() is False


@contextmanager
def answering(status):
    """Serve one status on loopback."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format, *args):  # noqa: A002 - its name there
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}/api"
        served.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "answers"), [(200, True), (401, True), (403, True), (404, True), (503, False)]
)
def test_a_server_that_asks_who_we_are_is_there(status, answers):
    """Prefect Cloud tells strangers nothing of its health: that is an answer too."""
    with answering(status) as url:
        assert server.answers(url) is answers


def test_a_server_that_does_not_answer_is_a_sentence(home):
    """It says which address, and what would help."""
    with answering(200) as url:
        pass
    with pytest.raises(ServerError, match=rf"{url} does not answer.*Without PREFECT_API_URL"):
        server.wait_until_healthy(url, within_seconds=0)


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1:1/api", "http://[broken/api"])
def test_what_is_no_address_does_not_answer(url):
    """A typing mistake in PREFECT_API_URL is no traceback."""
    assert server.answers(url) is False


def test_our_server_knows_where_its_pages_are(monkeypatch):
    """Its automations send people there; and it is shown no key."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    environment = server._environment(4210)
    assert environment["PREFECT_UI_URL"] == "http://127.0.0.1:4210"
    assert "sk-secret" not in environment.values()
