"""Take the pictures of Prefect's UI in docs/pictures, anew, from a rehearsed run.

It starts a Prefect server, a worker and an emulator of its own, in a folder that is gone
afterwards, and drives Debian's Chromium (`apt-get install chromium`) with Playwright, which is
nobody's dependency: `.venv/bin/pip install playwright`, then `.venv/bin/python
docs/pictures/take.py`. It takes about four minutes, most of which the run waits for its batches.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
DEPLOYMENT = "DrunkenSailor/nightly"
LOOK_EVERY = 25
BATCH_SECONDS = 40
"""So the run defers some five times."""
WITHIN_SECONDS = 600
QUIET = ("--disable-quic", "--no-first-run", "--disable-background-networking")
QUIET += ("--disable-component-update", "--disable-sync", "--no-sandbox", "--disable-gpu")

WIDTH, HEIGHT = 1280, 900

T = TypeVar("T")


def main() -> None:
    """Rehearse a run, and take the pictures while it waits and when it is complete."""
    with TemporaryDirectory(prefix="octobatch-") as home, ExitStack() as stack:
        url = _settle_in(Path(home))
        stack.enter_context(_running("server", "start", "--port", url.rsplit(":", 1)[1]))
        _eventually(lambda: urllib.request.urlopen(f"{url}/api/health").status)
        emulator = stack.enter_context(_emulator(Path(home) / "runs"))
        _prefect("work-pool", "create", "octobatch", "--type", "process")
        _prefect("--no-prompt", "deploy", "--all")
        worker = ("worker", "start", "--pool", "octobatch", "--prefetch-seconds", "12")
        stack.enter_context(_running(*worker))
        page = stack.enter_context(_browser(url))
        _take(page, emulator)


def _settle_in(home: Path) -> str:
    """Let everything that is started live in `home`; return where the server will be."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    os.chdir(CHECKOUT)
    sys.path.insert(0, str(CHECKOUT))
    os.environ |= {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "DO_NOT_TRACK": "1",
        "OCTOBATCH_RUNS_DIR": str(home / "runs"),
    }
    return url


def _take(page: "Page", emulator: str) -> None:
    from prefect.client.orchestration import get_client

    from providers.emulator import client as batching

    api = get_client(sync_client=True)
    batching.batches(emulator, seconds=BATCH_SECONDS, spread=0.5)
    deployment = api.read_deployment_by_name(DEPLOYMENT)
    started = api.create_flow_run_from_deployment(
        deployment.id, parameters={"interval": LOOK_EVERY}
    )
    path = f"/runs/flow-run/{started.id}"

    def waits_a_second_time() -> bool:
        now = api.read_flow_run(started.id)
        return now.run_count > 1 and now.state_name == "AwaitingBatch"

    _eventually(waits_a_second_time)
    page.open(path).newest_first().shot("prefect-waiting")
    _eventually(lambda: api.read_flow_run(started.id).state_name == "Completed")
    page.open(path).shot("prefect-flow-run")
    page.open(path, "Artifacts").shot("prefect-artifacts", height=1040)
    for artifact in api.read_artifacts():
        for name in ("funnel", "report"):
            if str(artifact.key).endswith(f"-{name}"):
                page.open(f"/artifacts/artifact/{artifact.id}").shot(f"prefect-{name}")
    page.open(f"/deployments/deployment/{deployment.id}/run").shot("prefect-form")


class Page:
    """A tab of a browser, at Prefect's UI."""

    def __init__(self, tab: Any, url: str) -> None:
        self._tab = tab
        self._url = url

    def open(self, path: str, *clicks: str) -> "Page":
        """Go somewhere, and click on some words there."""
        self._tab.goto(self._url + path)
        self._tab.wait_for_load_state("networkidle")
        for text in clicks:
            self._tab.get_by_text(text, exact=True).first.click()
            self._tab.wait_for_load_state("networkidle")
        return self

    def newest_first(self) -> "Page":
        """Turn the log round; it stays so on later pages."""
        self._tab.get_by_text("Oldest to newest", exact=True).click()
        self._tab.keyboard.press("ArrowDown")
        self._tab.get_by_text("Newest to oldest", exact=True).click()
        return self

    def shot(self, name: str, *, height: int = HEIGHT) -> None:
        """Keep a picture."""
        self._tab.set_viewport_size({"width": WIDTH, "height": height})
        self._tab.wait_for_timeout(2000)  # what moves comes to rest
        self._tab.screenshot(path=HERE / f"{name}.png")


@contextmanager
def _browser(url: str) -> Generator[Page]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        try:
            yield Page(browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}), url)
        finally:
            browser.close()


@contextmanager
def _emulator(root: Path) -> Generator[str]:
    from providers.emulator import client

    root.mkdir()
    try:
        yield client.start(root)
    finally:
        client.stop(root)


@contextmanager
def _running(*words: str) -> Generator[None]:
    """Keep a Prefect command running meanwhile."""
    command = [sys.executable, "-m", "prefect", *words]
    with (Path(os.environ["PREFECT_HOME"]).parent / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _prefect(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "prefect", *words], check=True, capture_output=True)


def _eventually(look: Callable[[], T]) -> T:
    deadline = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError):
            if seen := look():
                return seen
        time.sleep(0.5)
    raise TimeoutError


if __name__ == "__main__":
    main()
