"""A run that has its results, and a pipeline made to be bent by each test."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

import pipelines
import runs
from pipelines import Launch, Pipeline
from providers.emulator import client
from runs import Run, RunSpec, StepSpec
from tasks.create import create_run
from tasks.opening import opened
from tasks.order import in_order
from tests.tasks.mill import write_mill

CONFIG = """\
name: Tell
items_source: items.yaml
pipeline:
  - {name: tell, template: tell.jinja2}
"""


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a runs folder with an emulator of its own."""
    root = tmp_path_factory.mktemp("emulated")
    client.start(root)
    yield root
    client.stop(root)


@pytest.fixture
def root(emulated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the runs folder, with an emulator that has forgotten everything."""
    client.reset(emulated)
    monkeypatch.setenv("OCTOBATCH_RUNS_DIR", str(emulated))
    return emulated


async def through(run_dir: Path) -> None:
    """Take a run to its end, or to where it stops, without Prefect."""
    async with opened(run_dir) as session:
        await in_order(session, session.advance)
        await session.end()


@pytest.fixture
def make_run(runs_dir: Path) -> Iterator[Callable[[Sequence[Mapping[str, Any]]], Run]]:
    """Return a maker of runs that are held open, with these results."""
    with ExitStack() as stack:

        def make(results: Sequence[Mapping[str, Any]]) -> Run:
            steps = (StepSpec("tell", "chunk", "openai", "gpt-6-luna"),)
            spec = RunSpec("Tell", "realtime", 100, steps, {}, emulate=True)
            run_dir = runs.create(runs.claim(None, "Tell", datetime.now(UTC)), spec, [], results)
            run = Run.open(run_dir)
            stack.callback(run.close)
            run.paths.outputs.mkdir()
            run.paths.results.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in results))
            return run

        yield make


@pytest.fixture
def make_pipeline(tmp_path: Path) -> Callable[..., Pipeline]:
    """Return a maker of a one-step pipeline, with more in its config and more files."""

    def make(more: str = "", files: Mapping[str, str] | None = None) -> Pipeline:
        given = {
            "config.yaml": CONFIG + more,
            "items.yaml": "[{id: a}]",
            "templates/tell.jinja2": "Tell.",
            **(files or {}),
        }
        for name, content in given.items():
            path = tmp_path / "Tell" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return pipelines.load(tmp_path / "Tell")

    return make


@pytest.fixture
def url(root: Path) -> str:
    """Return where the emulator is."""
    return client.start(root)


@pytest.fixture
def make_mill(root: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of runs in batches of a pipeline of three steps."""

    def make(
        vendor: str,
        *,
        units: int = 30,
        chunk_size: int = 10,
        config: Mapping[str, Any] | None = None,
        bent: Mapping[str, str] | None = None,
        **launch: Any,
    ) -> Path:
        write_mill(tmp_path / "Mill", units, chunk_size, bent=bent or {}, **(config or {}))
        run_dir = root / f"mill-{random.getrandbits(64):x}"
        launched = Launch(pipeline="Mill", emulate=True, provider=vendor, lane="batch", **launch)
        create_run(pipelines.load(tmp_path / "Mill"), launched, run_dir)
        return run_dir

    return make
