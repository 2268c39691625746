"""The names of all files of a run: this module alone knows them."""

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ChunkPaths", "RunPaths", "child_name", "chunk_name", "is_retry", "retry_name"]
__all__ += ["runs_root", "tried_first"]


def runs_root() -> Path:
    """Return the folder of all runs: OCTOBATCH_RUNS_DIR, else `runs` of this checkout; absolute."""
    if told := os.environ.get("OCTOBATCH_RUNS_DIR"):
        return Path(told).expanduser().resolve()
    return Path(__file__).resolve().parent


def chunk_name(index: int) -> str:
    """Return the name of the chunk at `index`, counted from 0."""
    return child_name("chunk", index)


def child_name(parent: str, index: int) -> str:
    """Return the name of the chunk at `index` of those that `parent` was fanned out into."""
    return f"{parent}_{index:03d}"


def retry_name(parent: str, index: int) -> str:
    """Return the name of the chunk in which units that failed in `parent` get another chance."""
    return f"{parent}{_RETRY}{index:03d}"


def is_retry(name: str, parent: str | None = None) -> bool:
    """Say whether a chunk is one of those; of `parent`, if that is given."""
    of, found, index = name.rpartition(_RETRY)
    return bool(found) and index.isdecimal() and parent in {None, of}


def tried_first(name: str) -> str:
    """Return the chunk in which the units of a retry failed first; any other is its own."""
    while is_retry(name):
        name = name.rpartition(_RETRY)[0]
    return name


_RETRY = "_retry_"


@dataclass(frozen=True, slots=True)
class ChunkPaths:
    """The files of one chunk."""

    dir: Path

    @property
    def input(self) -> Path:
        """Return the chunk's units as they entered the run."""
        return self.dir / "input.jsonl"

    def results(self, step: str) -> Path:
        """Return the history of all attempts at a step."""
        return self.dir / f"{step}_results.jsonl"

    def validated(self, step: str) -> Path:
        """Return the units that passed a step."""
        return self.dir / f"{step}_validated.jsonl"

    def failures(self, step: str) -> Path:
        """Return the records of the units that did not."""
        return self.dir / f"{step}_failures.jsonl"

    def returned(self, step: str) -> Path:
        """Return the records of the units that a step sent back, of all rounds."""
        return self.dir / f"{step}_returned.jsonl"

    @property
    def before(self) -> Path:
        """Return how far the units of a chunk had come when they failed; of a retry only."""
        return self.dir / "before.jsonl"

    @property
    def final(self) -> Path:
        """Return the units that passed every step."""
        return self.dir / "final_validated.jsonl"


@dataclass(frozen=True, slots=True)
class RunPaths:
    """The files of one run."""

    dir: Path

    @property
    def manifest(self) -> Path:
        return self.dir / "MANIFEST.json"

    @property
    def journal(self) -> Path:
        return self.dir / "MANIFEST.journal"

    @property
    def summary(self) -> Path:
        return self.dir / "MANIFEST.summary.json"

    @property
    def lock(self) -> Path:
        return self.dir / "run.lock"

    @property
    def pid(self) -> Path:
        return self.dir / "orchestrator.pid"

    @property
    def run_log(self) -> Path:
        return self.dir / "RUN_LOG.txt"

    @property
    def trace_log(self) -> Path:
        return self.dir / "TRACE_LOG.txt"

    @property
    def orchestrator_log(self) -> Path:
        """Return what a process says that works on the run in the background."""
        return self.dir / "orchestrator.log"

    @property
    def batches(self) -> Path:
        """Return the folder of what was sent in batches and came back, until it is settled."""
        return self.dir / "batches"

    def requests(self, batch: str) -> Path:
        """Return the request file of a batch, by its short name."""
        return self.batches / f"{batch}.requests.jsonl"

    def index(self, batch: str) -> Path:
        """Return what each request of a batch is for, line by line."""
        return self.batches / f"{batch}.index.jsonl"

    def downloaded(self, batch: str) -> Path:
        """Return what came back for a batch, as it came."""
        return self.batches / f"{batch}.results.jsonl"

    def strays(self, batch: str) -> Path:
        """Return the lines of a batch that belong to none of its requests."""
        return self.batches / f"{batch}.strays.jsonl"

    @property
    def control(self) -> Path:
        """Return the folder of requests to whoever holds the run."""
        return self.dir / "control"

    @property
    def outputs(self) -> Path:
        return self.dir / "outputs"

    @property
    def results(self) -> Path:
        return self.outputs / "results.jsonl"

    @property
    def failures(self) -> Path:
        return self.outputs / "failures.jsonl"

    def chunk(self, name: str) -> ChunkPaths:
        return ChunkPaths(self.dir / name)
