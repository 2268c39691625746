"""Deployments for real: a server, a process worker, and flow runs that come and go."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

import runs
from providers.emulator import client as emulator
from runs import Liveness, Run, RunView, Status

pytestmark = [pytest.mark.cold, pytest.mark.timeout(600)]

CHECKOUT = Path(__file__).parents[2]
AWAITING = "AwaitingBatch"
POOL, DEPLOYMENT = "octobatch", "DrunkenSailor/nightly"
WAYS = ("Scheduled", "Late", "Pending", "Submitting", "Running")
PATIENCE_SECONDS = 60.0


@dataclass
class Station:
    """A Prefect server and a process worker of their own, and a runs folder."""

    home: Path
    root: Path
    port: int
    worker: subprocess.Popen[bytes] | None = None
    server: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT", "OCTOBATCH"))}
        self.environment = {
            **{name: value for name, value in kept.items() if "API_KEY" not in name},
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "PREFECT_WORKER_PREFETCH_SECONDS": "1",
            "DO_NOT_TRACK": "1",
            "OCTOBATCH_RUNS_DIR": str(self.root),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def api(self, method: str, path: str, **body: Any) -> Any:
        """Ask the server, once more where its database is busy (503)."""

        def ask() -> httpx.Response | None:
            answer = httpx.request(method, self.url + path, json=body or None, timeout=30)
            return None if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE else answer

        answer = eventually(ask).raise_for_status()
        return answer.json() if answer.content else None

    def prefect(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "--no-prompt", *words],
            env=self.environment,
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def octobatch(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from flows.cli import enter; enter()", *words],
            env={**self.environment, "PYTHONPATH": str(CHECKOUT)},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def start_server(self) -> None:
        words = ["server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        self.server = self._start("server.log", *words)
        eventually(self._answers)

    def deploy(self) -> None:
        self.prefect("work-pool", "create", POOL, "--type", "process")
        self.prefect("deploy", "--all")

    def start_worker(self) -> None:
        words = ["worker", "start", "--pool", POOL, "--name", "w"]
        self.worker = self._start("worker.log", *words)

    def _start(self, log: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.home / log).open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "prefect", *words],
                env=self.environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(self.url + "/health", timeout=5).is_success
        return False

    def stop(self, process: subprocess.Popen[bytes] | None, how: int = signal.SIGTERM) -> None:
        if process is not None and process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # --- flow runs

    def wake(self, flow_run: str) -> None:
        """Let the time be over that a flow run has given itself."""
        eventually(lambda: not self.processes())
        due = {"scheduled_time": datetime.now(UTC).isoformat()}
        state = {"type": "SCHEDULED", "name": "Late", "state_details": due}
        self.api("POST", f"/flow_runs/{flow_run}/set_state", state=state, force=True)

    def begin(self, **parameters: Any) -> str:
        """Have a flow run begun by the worker; return its id."""
        flow, name = DEPLOYMENT.split("/")
        deployment = self.api("GET", f"/deployments/name/{flow}/{name}")["id"]
        parameters = {"max_units": 20, "skip_canary": True, **parameters}
        path = f"/deployments/{deployment}/create_flow_run"
        return self.api("POST", path, parameters=parameters)["id"]

    def state(self, flow_run: str) -> str:
        """Return what the state of a flow run is called."""
        return self.api("GET", f"/flow_runs/{flow_run}")["state"]["name"]

    def states(self, flow_run: str) -> list[str]:
        been = self.api("GET", f"/flow_run_states/?flow_run_id={flow_run}")
        return [one["name"] for one in sorted(been, key=lambda one: one["timestamp"])]

    def ends(self, flow_run: str) -> str:
        """Wait until a flow run is at its end; return its state."""
        final = {"COMPLETED", "CANCELLED", "FAILED", "CRASHED"}
        eventually(lambda: self.api("GET", f"/flow_runs/{flow_run}")["state"]["type"] in final)
        return self.state(flow_run)

    def view(self, flow_run: str) -> RunView | None:
        """Return the run that a flow run works on, as soon as there is one."""
        for folder in self.root.iterdir():
            if runs.is_run(folder):
                view = runs.read(folder)
                if flow_run in view.state.flow_runs:
                    return view
        return None

    @contextmanager
    def looking(self, flow_run: str) -> Generator[psutil.Process]:
        """Have a flow run that waits look at its batches while the block runs, which takes long."""
        self.defers(flow_run)
        url = emulator.start(self.root)
        emulator.latency(url, 4)
        self.wake(flow_run)
        holder = eventually(lambda: self.run_of(flow_run).holder)
        yield psutil.Process(holder.pid)
        emulator.latency(url, 0)

    def run_of(self, flow_run: str) -> RunView:
        view = self.view(flow_run)
        assert view is not None
        return view

    def defers(self, flow_run: str, times: int = 1) -> RunView:
        """Wait until a flow run has left its run to batches so often."""
        eventually(lambda: self.states(flow_run).count(AWAITING) >= times)
        return self.run_of(flow_run)

    def processes(self) -> list[psutil.Process]:
        """Return the processes of flow runs; the worker's children."""
        assert self.worker is not None
        return psutil.Process(self.worker.pid).children(recursive=True)


def eventually(look: Any, within: float = PATIENCE_SECONDS) -> Any:
    deadline = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < deadline, f"did not come true within {within} s"
        time.sleep(0.1)
    return seen


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home, root = tmp_path_factory.mktemp("prefect"), tmp_path_factory.mktemp("runs")
    station = Station(home, root, port)
    emulator.start(root)
    try:
        station.start_server()
        station.deploy()
        station.start_worker()
        yield station
    finally:
        station.stop(station.worker)
        station.stop(station.server)
        emulator.stop(root)


@pytest.fixture
def station(machine: Station) -> Station:
    emulator.reset(machine.root)
    return machine


def batches(station: Station, **how: Any) -> str:
    url = emulator.start(station.root)
    emulator.batches(url, **how)
    return url


def let_end(url: str) -> None:
    """Let every batch be over, and every one that comes."""
    emulator.batches(url, seconds=0)
    emulator.clock(url, step=2000)


def manifest_is_exact(view: RunView) -> bool:
    """Say whether the manifest alone says all that the journal does."""
    said = json.loads(view.paths.manifest.read_bytes())
    return said["seq"] == view.state.seq and said["status"] == view.state.status


def kill(*processes: psutil.Process | subprocess.Popen[bytes]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.wait(10)


def is_well(station: Station) -> bool:
    return "All is well." in station.octobatch("tidy").stderr


def test_one_flow_run_from_scheduled_to_completed(station):
    """It defers several times; between looks it has no process, and its run no holder."""
    url = batches(station, seconds=1000)
    flow_run = station.begin()
    for times in (1, 2):
        view = station.defers(flow_run, times=times)
        eventually(lambda: not station.processes())
        assert view.liveness is Liveness.DEFERRED
        assert manifest_is_exact(view)
        Run.open(view.paths.dir).close()
        assert emulator.ledger(url).calls == 0
        if times == 2:
            let_end(url)
        station.wake(flow_run)
    assert station.ends(flow_run) == "Completed"
    been = station.states(flow_run)
    assert (been[0], been[-1]) == ("Scheduled", "Completed")
    assert set(been) <= {*WAYS, AWAITING, "Completed"}
    view = station.run_of(flow_run)
    assert (view.state.status, manifest_is_exact(view)) == (Status.COMPLETE, True)
    assert len(view.state.flow_runs) == 1
    assert emulator.ledger(url).repeated == 0


def test_who_is_cancelled_while_working_gives_its_batches_up(station):
    """The worker's signal means that; and nothing is left to tidy."""
    url = batches(station, seconds=1000)
    flow_run = station.begin()
    with station.looking(flow_run):
        station.prefect("flow-run", "cancel", flow_run)
    assert station.ends(flow_run) == "Cancelled"
    view = station.run_of(flow_run)
    assert view.state.status is Status.CANCELLED
    assert {batch.end for batch in view.state.batches.values()} == {"cancelled"}
    assert emulator.ledger(url).calls == 0
    assert is_well(station)


def test_who_is_cancelled_while_waiting_is_tidied_up(station):
    """Prefect has it cancelled at once; its batches are, as soon as somebody looks."""
    batches(station, seconds=1000)
    flow_run = station.begin()
    station.defers(flow_run)
    station.prefect("flow-run", "cancel", flow_run)
    assert station.ends(flow_run) == "Cancelled"
    done = station.octobatch("tidy")
    view = station.run_of(flow_run)
    assert done.stdout == f"{view.name}: given up: its flow run was cancelled\n"
    assert view.state.status is Status.CANCELLED
    assert {batch.end for batch in view.state.batches.values()} == {"cancelled"}
    assert is_well(station)


def test_a_process_that_is_killed_is_begun_anew(station):
    """Its worker sees it die; `tidy` has the same flow run go on, and nothing is paid twice."""
    url = batches(station, seconds=1000)
    flow_run = station.begin()
    with station.looking(flow_run) as process:
        kill(process)
    assert station.ends(flow_run) == "Crashed"
    let_end(url)
    assert "begun anew" in station.octobatch("tidy").stdout
    eventually(lambda: station.state(flow_run) == "Completed")
    assert station.run_of(flow_run).state.status is Status.COMPLETE
    assert emulator.ledger(url).repeated == 0


@pytest.mark.soak
def test_worker_and_process_that_are_killed_together_leave_a_run_that_goes_on(station):
    """Prefect believes it to be running, with its slot; `resume` knows better."""
    url = batches(station, seconds=1000)
    flow_run = station.begin()
    with station.looking(flow_run) as process:
        assert station.worker is not None
        kill(station.worker, process)
    assert station.state(flow_run) == "Running"
    let_end(url)
    view = station.run_of(flow_run)
    assert "in the flow run that it had" in station.octobatch("resume", view.name).stderr
    station.start_worker()
    assert station.ends(flow_run) == "Completed"
    assert emulator.ledger(url).repeated == 0


@pytest.mark.soak
def test_a_run_outlives_its_worker(station):
    """What is under way goes on without it, and defers; another worker wakes it."""
    url = batches(station, seconds=1000)
    flow_run = station.begin()
    with station.looking(flow_run) as process:
        assert station.worker is not None
        kill(station.worker)
    station.defers(flow_run, times=2)
    eventually(lambda: not process.is_running())
    let_end(url)
    station.start_worker()
    station.wake(flow_run)
    assert station.ends(flow_run) == "Completed"
    assert emulator.ledger(url).repeated == 0


def test_a_person_who_looks_after_a_run_keeps_it(station):
    """The waking flow run stands aside, and there is one batch; `tidy` tells it of the end."""
    url = batches(station, seconds=1000)
    flow_run = station.begin()
    view = station.defers(flow_run)
    words = ["-m", "flows.run", view.name, "--watch", "--interval", "1", "--quiet", "--yes"]
    watching = subprocess.Popen(
        [sys.executable, *words],
        env={**station.environment, "PYTHONPATH": str(CHECKOUT)},
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: station.run_of(flow_run).liveness is Liveness.ACTIVE)
    station.wake(flow_run)
    station.defers(flow_run, times=2)
    said = station.api("GET", f"/flow_runs/{flow_run}")["state"]["message"]
    assert f"held by process {watching.pid}" in said
    let_end(url)
    assert watching.wait(60) in {0, 1}
    assert station.run_of(flow_run).state.status is Status.COMPLETE
    assert "Prefect is told" in station.octobatch("tidy").stdout
    assert station.state(flow_run) == "Completed"
    known = station.run_of(flow_run).state.batches.values()
    assert {batch.batch_id for batch in known} == set(emulator.ledger(url).batches["openai"])
    assert emulator.ledger(url).repeated == 0


@pytest.mark.soak
def test_two_flow_runs_of_a_deployment_are_two_runs(station):
    """One that begins while the other waits has a run of its own."""
    url = batches(station, seconds=1000)
    both = [station.begin(max_units=n) for n in (10, 11)]
    views = [station.defers(flow_run) for flow_run in both]
    assert len({view.name for view in views}) == 2
    let_end(url)
    for flow_run in both:
        station.wake(flow_run)
    assert [station.ends(flow_run) for flow_run in both] == ["Completed", "Completed"]
    assert len(emulator.ledger(url).batches["openai"]) == 2


@pytest.mark.soak
def test_a_run_that_is_gone_is_not_begun_afresh(station):
    """A worker that finds no run directory says so; with it back, the run goes on."""
    url = batches(station, seconds=1000)
    flow_run = station.begin()
    folder = station.defers(flow_run).paths.dir
    folder.rename(station.root / "_away")
    station.wake(flow_run)
    assert station.ends(flow_run) == "Failed"
    said = station.api("GET", f"/flow_runs/{flow_run}")["state"]["message"]
    assert f"The run directory {folder} is gone" in said
    (station.root / "_away").rename(folder)
    assert "needs you" in station.octobatch("tidy").stdout
    let_end(url)
    assert (
        "goes on through DrunkenSailor/nightly" in station.octobatch("resume", folder.name).stderr
    )
    eventually(lambda: runs.read(folder).state.status is Status.COMPLETE)
    assert emulator.ledger(url).repeated == 0


@pytest.mark.soak
def test_a_server_that_comes_back_finds_everything(station):
    """Stopped while a run waits, it wakes it later."""
    url = batches(station, seconds=1000)
    flow_run = station.begin()
    station.defers(flow_run)
    kill(station.server)
    station.start_server()
    let_end(url)
    station.wake(flow_run)
    assert station.ends(flow_run) == "Completed"
    assert emulator.ledger(url).repeated == 0


@pytest.mark.soak
def test_a_server_that_has_forgotten_everything_stops_no_run(station):
    """The run directory is all that is needed: deployed once more, it goes on."""
    url = batches(station, seconds=1000)
    flow_run = station.begin()
    view = station.defers(flow_run)
    station.stop(station.worker)
    kill(station.server)
    for file in station.home.glob("prefect.db*"):
        file.unlink()
    station.start_server()
    said = station.octobatch("resume", view.name)
    assert said.returncode == 2
    assert f"or go on here: octobatch run {view.name}" in said.stderr
    station.deploy()
    station.start_worker()
    let_end(url)
    assert station.octobatch("resume", view.name).returncode == 0
    eventually(lambda: runs.read(view.paths.dir).state.status is Status.COMPLETE)
    assert emulator.ledger(url).repeated == 0
