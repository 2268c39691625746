"""A warm parent, an emulator, and a run that is copied for each trial."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pipelines
from pipelines import Launch
from providers.emulator import client
from tasks.create import create_run

CHECKOUT = Path(__file__).parents[2]
IN_FLIGHT = 8
LATENCY_SECONDS = 0.01
"""Where a run is killed at any moment: calls are in flight then."""


@dataclass
class Warm:
    """The parent of the forks that are killed."""

    process: subprocess.Popen[str]

    def work(
        self,
        run_dir: Path,
        *,
        kill_after: float | None = None,
        kill_at: tuple[str, int] | None = None,
    ) -> dict[str, Any]:
        """Let a fork work on a run until its end, or until it is killed: then, or there."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        order = {"run_dir": str(run_dir), "kill_after": kill_after, "kill_at": kill_at}
        print(json.dumps(order), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="session")
def crash_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs folder of all trials, with one emulator under it."""
    return tmp_path_factory.mktemp("crash")


@dataclass
class Emulator:
    """The emulator of all trials."""

    root: Path
    url: str

    def forget(self, latency_seconds: float = 0.0) -> None:
        """Start a new ledger; calls of those who were killed end first."""
        while (client.status(self.root) or {})["in_flight"]:
            pass
        client.reset(self.root)
        client.latency(self.url, latency_seconds)

    def ledger(self) -> client.Ledger:
        """Return what was charged since."""
        return client.ledger(self.url)


@pytest.fixture(scope="session")
def emulator(crash_root: Path) -> Iterator[Emulator]:
    """An emulator of our own."""
    yield Emulator(crash_root, client.start(crash_root))
    client.stop(crash_root)


@pytest.fixture(scope="session")
def warm(crash_root: Path, emulator: Emulator) -> Iterator[Warm]:
    """A process that has imported everything and started nothing."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("warm.py"))],
        cwd=CHECKOUT,
        env={"OCTOBATCH_RUNS_DIR": str(crash_root), "PYTHONPATH": str(CHECKOUT), "PATH": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Warm(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="session")
def made(crash_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the demo that nobody has worked on yet: small chunks, few calls at once."""
    folder = tmp_path_factory.mktemp("pipelines") / "NpcDialog"
    shutil.copytree(CHECKOUT / "pipelines" / "NpcDialog", folder)
    config = folder / "config.yaml"
    text = config.read_text().replace("chunk_size: 20", "chunk_size: 7")
    text = text.replace("model: gpt-6-luna", f"model: gpt-6-luna, concurrency: {IN_FLIGHT}")
    config.write_text(text)
    pipeline = pipelines.load(folder)
    run_dir = crash_root / "made"
    create_run(pipeline, Launch(pipeline=pipeline.name, emulate=True), run_dir)
    return run_dir
