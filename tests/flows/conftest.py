"""What the tests of flows stand on: small runs, one Prefect server, one emulator, a real shell."""

import gc
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import runs
from flows import server, settings
from flows.cli.main import main
from providers.emulator import client as emulator
from runs import Counts, Run, RunSpec, RunView, Status, StepSpec

LOOK_SECONDS = 0.02
CHECKOUT = Path(__file__).parents[2]


def _eventually(look: Callable[[], Any], *, within: float = 30.0) -> Any:
    deadline = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < deadline, f"did not come true within {within} s"
        time.sleep(LOOK_SECONDS)
    return seen


@pytest.fixture(autouse=True)
def dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `.env` of the test's own, which is not there: a developer's has keys."""
    file = tmp_path / ".env"
    monkeypatch.setattr(settings, "FILE", file)
    return file


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Return what a function sees as soon as it sees something."""
    return _eventually


@pytest.fixture
def octo(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[object, str, str]]:
    """Run `octobatch …` in this process: exit code, standard output, standard error."""

    def run(*words: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as left:
            main(words)
        out, err = capfd.readouterr()
        return left.value.code, out, err

    return run


# --- small runs, without Prefect --------------------------------------------------------------


@pytest.fixture
def make_view(runs_dir: Path) -> Callable[..., RunView]:
    """Make a run of three units in one chunk that stands somewhere on its way."""

    def make(
        status: Status = Status.COMPLETE,
        *,
        failures: Sequence[Mapping[str, Any]] = (),
        reason: str | None = None,
        error: str | None = None,
        cost_usd: Decimal | None = Decimal("0.0123"),
        name: str = "Sailor",
        emulate: bool = True,
        closed: bool = True,
    ) -> RunView:
        steps = (StepSpec("tell", "chunk", "openai", "gpt-6-luna"),)
        spec = RunSpec("Sailor", "realtime", 3, steps, {}, emulate)
        units = [{"unit_id": f"u{n}"} for n in range(3)]
        run_dir = runs.create(runs.claim(name, "Sailor", datetime.now(UTC)), spec, [], units)
        records = [{"unit_id": f"u{n}", "step": "tell", **f} for n, f in enumerate(failures)]
        by_class: dict[str, int] = {}
        for record in records:
            by_class[record["failure_stage"]] = by_class.get(record["failure_stage"], 0) + 1
        run = Run.open(run_dir)
        run.set_status(Status.RUNNING)
        if closed:
            runs.settle(run.paths.chunk("chunk_000"), "tell", units[len(records) :], records)
            tokens = {"input": 30, "output": 15}
            counts = Counts(3, 3 - len(records), 0, by_class, 4, tokens, cost_usd, 1.5)
            run.close_round("chunk_000", "tell", counts)
        if status is Status.COMPLETE:
            runs.collect_outputs(run_dir)
        run.set_status(status, reason=reason, error=error)
        run.close()
        return runs.read(run_dir)

    return make


@pytest.fixture
def failure() -> Callable[..., dict[str, Any]]:
    """Make a failure record, but for its unit and step."""

    def make(
        rule: str = "sure", message: str = "only 0.2 sure", stage: str = "validation"
    ) -> dict[str, Any]:
        errors = [{"path": "$", "rule": rule, "message": message}]
        return {"failure_stage": stage, "errors": errors, "attempt": 3, "input": {}}

    return make


# --- Prefect's test harness and one emulator --------------------------------------------------


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start one Prefect server for all flow tests; the path of its database."""
    home = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        patch.setenv("DO_NOT_TRACK", "1")
        patch.delenv("PREFECT_API_URL", raising=False)
        from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=120):
            url = str(PREFECT_SERVER_DATABASE_CONNECTION_URL.value())
            yield Path(url.split("///")[1])


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A runs folder for all flow tests, so that they share one emulator."""
    root = tmp_path_factory.mktemp("stage")
    emulator.start(root)
    yield root
    emulator.stop(root)


@pytest.fixture
def prefect_database(prefect_server: Path) -> Iterator[Path]:
    """The database of Prefect's server, for a test that runs flows in this process."""
    from prefect.settings import PREFECT_API_URL

    port = urlsplit(PREFECT_API_URL.value()).port
    # Prefect's synchronous client leaves its connection to the collector. Nobody else may.
    its_own = rf"unclosed <socket.*raddr=\('127\.0\.0\.1', {port}\)"
    warnings.filterwarnings("ignore", its_own, ResourceWarning)
    yield prefect_server
    gc.collect()


@dataclass(frozen=True)
class Emulator:
    """The emulator, fresh for each test."""

    url: str

    def plays(self, *rules: Mapping[str, Any]) -> None:
        """Make calls go wrong as the rules say."""
        emulator.script(self.url, rules)

    @property
    def calls(self) -> int:
        """Return how many answers were charged."""
        return emulator.ledger(self.url).calls

    @property
    def repeated(self) -> int:
        """Return how many requests were charged once more."""
        return emulator.ledger(self.url).repeated


@pytest.fixture
def emulated(stage: Path, prefect_database: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The shared runs folder as this test's own, and an emulator that has forgotten everything."""
    monkeypatch.setenv("OCTOBATCH_RUNS_DIR", str(stage))
    emulator.reset(stage)
    return Emulator(emulator.start(stage))


# --- the real command line --------------------------------------------------------------------


@dataclass(frozen=True)
class Shell:
    """A user's shell: a runs folder and a Prefect home of its own."""

    root: Path
    environment: Mapping[str, str]

    def start(self, *words: str, **how: Any) -> subprocess.Popen[str]:
        """Start `python …` in the background."""
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        return subprocess.Popen(
            [sys.executable, *words], env=dict(self.environment), cwd="/", text=True, **how
        )

    def run(self, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `python …` to its end."""
        return subprocess.run(
            [sys.executable, *words],
            env=dict(self.environment),
            cwd="/",
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def octobatch(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `octobatch …` to its end."""
        return self.run("-c", "from flows.cli import enter; enter()", *words)

    @contextmanager
    def slow(self, seconds: float) -> Generator[None]:
        """Make every reply take that long."""
        url = emulator.start(self.root)
        emulator.latency(url, seconds)
        try:
            yield
        finally:
            emulator.latency(url, 0)

    def outputs(self, run: str) -> dict[str, bytes]:
        """Return a run's derived files by their place in it."""
        folder = self.root / run
        names = ("*_validated.jsonl", "*_failures.jsonl", "results.jsonl", "failures.jsonl")
        files = [file for name in names for file in folder.rglob(name)]
        return {str(file.relative_to(folder)): file.read_bytes() for file in files}

    def asked(self, run: str) -> int:
        """Return how many answers a run has so far."""
        with suppress(FileNotFoundError):
            return (self.root / run / "TRACE_LOG.txt").read_text().count("\n")
        return 0


@pytest.fixture(scope="session")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """One shell for all cold tests; its background server and emulator stop at the end."""
    root, home = tmp_path_factory.mktemp("cold"), tmp_path_factory.mktemp("prefect")
    kept = {k: v for k, v in os.environ.items() if not (k.startswith("PREFECT") or "API_KEY" in k)}
    environment = {
        **kept,
        "OCTOBATCH_RUNS_DIR": str(root),
        "PREFECT_HOME": str(home),
        "PYTHONPATH": str(CHECKOUT),
        "DO_NOT_TRACK": "1",
    }
    environment.pop("OCTOBATCH_PIPELINES_DIR", None)
    environment.pop("OCTOBATCH_MODELS", None)
    there = Shell(root, environment)
    try:
        yield there
    finally:
        emulator.stop(root)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PREFECT_HOME", str(home))
            server.stop()
