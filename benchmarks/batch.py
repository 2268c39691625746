"""The batch lane: CPU and memory per unit, from rendering to the settled round.

Each run is made beforehand and done by a process of its own, whose CPU (with that of its sandbox)
and peak memory are read at its end; the emulator, and the Prefect server, are others. What a run
costs however small it is, is told by one of few units, and subtracted.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections import defaultdict
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, NamedTuple

import psutil

MODELS = {
    "openai": "gpt-6-luna",
    "anthropic": "claude-haiku-5-5",
    "gemini": "gemini-3.5-flash-lite",
}
CONFIG = """\
name: Bench
items_source: items.jsonl
units: {strategy: direct}
chunk_size: %d
api: {provider: %s, model: %s}
pipeline:
  - name: label
    template: label.jinja2
    output_schema: label.json
    rules:
      - {name: in_range, expr: "score <= 10", error: "{score}"}
"""
TEMPLATE = "Label this ticket, with a score from 0 to 10.\n\n{{ text }}\n"
SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["billing", "fault", "praise"]},
        "score": {"type": "integer", "enum": list(range(11))},
    },
    "required": ["label", "score"],
    "additionalProperties": False,
}
"""Every vendor holds a model to all of it."""
TEXT = "The printer on the third floor is on fire again, and nobody answers the phone. " * 8
FEW_CHUNKS = 2
INTERVAL_SECONDS = 1.0
NO_LIMITS = {"openai": {"created_per_hour": None}}
"""100,000 units in chunks of 100 are more batches than are taken in half an hour."""


class Figures(NamedTuple):
    """What a run took."""

    cpu: float
    """Seconds, the sandbox's included."""
    sandbox: float
    wall: float
    peak_mb: float
    phases: Mapping[str, float]
    """CPU seconds by phase, without those of the sandbox; none if they were not asked for."""


class Phases:
    """CPU by phase, as far as threads and coroutines are in one."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._thread = threading.local()

    def time(self, owner: Any, name: str, phase: Callable[..., str] | str) -> None:
        """Charge what a function or method of `owner` takes to a phase, and not to the outer."""
        called = getattr(owner, name)

        def named(*args: Any, **kwargs: Any) -> str:
            return phase if isinstance(phase, str) else phase(*args, **kwargs)

        @wraps(called)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self._inside(named(*args, **kwargs)):
                return called(*args, **kwargs)

        @wraps(called)
        async def stepped(*args: Any, **kwargs: Any) -> Any:
            return await self._steps(named(*args, **kwargs), called(*args, **kwargs))

        setattr(owner, name, stepped if iscoroutinefunction(called) else timed)

    @types.coroutine
    def _steps(self, phase: str, work: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Run a coroutine step by step: while it waits, others have the thread."""
        sent: Any = None
        fault: BaseException | None = None
        while True:
            with self._inside(phase):
                try:
                    waits_for = work.send(sent) if fault is None else work.throw(fault)
                except StopIteration as end:
                    return end.value
            sent = fault = None
            try:
                sent = yield waits_for
            except BaseException as error:  # noqa: BLE001  the coroutine takes it
                fault = error

    @contextmanager
    def _inside(self, phase: str) -> Generator[None]:
        outer = self._charge()
        self._thread.phase = phase
        try:
            yield
        finally:
            self._charge()
            self._thread.phase = outer

    def _charge(self) -> str | None:
        """Charge what this thread has taken since the last time to the phase that it is in."""
        now, phase = time.thread_time(), getattr(self._thread, "phase", None)
        if phase is not None:
            self.seconds[phase] += now - self._thread.since
        self._thread.since = now
        return phase


def time_phases(phases: Phases) -> None:
    """Time the parts of the batch lane."""
    from pipelines import PreparedStep
    from providers.anthropic_batches import AnthropicBatches
    from providers.gemini_batches import GeminiBatches
    from providers.openai_batches import OpenAIBatches
    from runs import Run
    from tasks import poster
    from tasks.batch_lane import BatchLane
    from tasks.parcels import Pool
    from tasks.session import Session
    from tasks.shipping import Shipping

    def posting(_lane: BatchLane, _step: str, _chunk: str, verb: str) -> str:
        return "take up" if verb == "submit" else "judge"

    phases.time(BatchLane, "post", posting)
    phases.time(PreparedStep, "prompt", "render")
    phases.time(poster, "wire", "word")
    phases.time(Pool, "add", "pool")
    phases.time(Pool, "finish", "seal")
    phases.time(Shipping, "hand_in", "submit")
    phases.time(BatchLane, "_standings", "look")
    for batches in (OpenAIBatches, AnthropicBatches, GeminiBatches):
        phases.time(batches, "collect", "download")
    phases.time(BatchLane, "_harvest", "harvest")
    phases.time(Session, "_close_round", "settle and close")
    phases.time(Session, "hint", "hints")
    phases.time(Run, "snapshot", "snapshot")


def make_pipeline(folder: Path, units: int, chunk_size: int, vendor: str) -> None:
    """Write a pipeline of one step over `units` items."""
    for name in ("templates", "schemas"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(CONFIG % (chunk_size, vendor, MODELS[vendor]))
    (folder / "templates" / "label.jinja2").write_text(TEMPLATE)
    (folder / "schemas" / "label.json").write_text(json.dumps(SCHEMA))
    with (folder / "items.jsonl").open("w") as items:
        for n in range(units):
            items.write(json.dumps({"id": f"ticket-{n:06d}", "text": f"{n}: {TEXT}"}) + "\n")


def make_run(root: Path, units: int, chunk_size: int, vendor: str) -> Path:
    """Make a run that nobody has begun."""
    import pipelines
    from pipelines import Launch
    from tasks.create import create_run

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "Bench"
        make_pipeline(folder, units, chunk_size, vendor)
        pipeline = pipelines.load(folder)
        run_dir = root / f"bench-{vendor}-{units}-{chunk_size}-{time.time_ns():x}"
        launch = Launch(
            pipeline=pipeline.name, emulate=True, lane="batch", interval=INTERVAL_SECONDS
        )
        create_run(pipeline, launch, run_dir)
    return run_dir


async def plainly(run_dir: Path) -> None:
    """Do a run as its flow does, without Prefect."""
    from tasks.batch_lane import BatchLane, in_batches
    from tasks.canary import canary
    from tasks.opening import opened
    from tasks.shipping import Shipping

    async with opened(run_dir) as session:
        lane = session.batch_lane = BatchLane(session, Shipping(session.run, session.desk))
        await canary(session)
        await in_batches(lane, session.rest)
        await session.end()


def with_prefect(run_dir: Path) -> Coroutine[Any, Any, Any]:
    """Do a run as `octobatch run` does."""
    from flows.catalog import flow_of

    return flow_of("Bench", None)(run=run_dir.name, return_state=True)


def do(run_dir: Path, options: argparse.Namespace) -> Figures:
    """Do a run in this process."""
    phases = Phases()
    if options.phases:
        time_phases(phases)
    began = time.perf_counter()
    asyncio.run(with_prefect(run_dir) if options.prefect else plainly(run_dir))
    wall = time.perf_counter() - began
    ours, ended = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    living = [child.cpu_times() for child in psutil.Process().children() if _is_sandbox(child)]
    sandbox = ended.ru_utime + ended.ru_stime + sum(used.user + used.system for used in living)
    own = ours.ru_utime + ours.ru_stime
    per_mb = 2**20 if sys.platform == "darwin" else 2**10
    return Figures(own + sandbox, sandbox, wall, ours.ru_maxrss / per_mb, phases.seconds)


def _is_sandbox(child: psutil.Process) -> bool:
    return child.name() == "monty"


def measure(units: int, vendor: str, options: argparse.Namespace) -> Figures:
    """Make a run, and have a process of its own do it."""
    from providers.emulator import client
    from runs import read, runs_root, totals

    client.reset(runs_root())
    client.batches(client.start(runs_root()), seconds=0, limits=NO_LIMITS)
    run_dir = make_run(runs_root(), units, options.chunk_size, vendor)
    command = [sys.executable, __file__, "--do", str(run_dir)]
    command += [f"--{name}" for name in ("prefect", "phases") if getattr(options, name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    numbers = totals(read(run_dir).state)
    assert numbers.valid == numbers.units == units, f"{numbers}"
    shutil.rmtree(run_dir)  # or its batches would count against the next run's limits
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def compared(units: int, vendor: str, options: argparse.Namespace) -> str:
    """Return in words what units take beyond what a run of few takes."""
    least = FEW_CHUNKS * options.chunk_size
    few, many = measure(least, vendor, options), measure(units, vendor, options)
    more = units - least

    def ms(name: str) -> str:
        return f"{(getattr(many, name) - getattr(few, name)) / more * 1e3:8.3f}"

    line = (
        f"{vendor:10}{units:>8,}{options.chunk_size:>7,}{ms('cpu')}{ms('sandbox')}"
        f"{many.wall:8.1f}{few.cpu:10.2f}{few.peak_mb:10.0f}{many.peak_mb:8.0f}"
    )
    spent = {name: many.phases[name] - few.phases.get(name, 0.0) for name in many.phases}
    rest = many.cpu - many.sandbox - few.cpu + few.sandbox - sum(spent.values())
    if spent:
        spent["all else"] = rest
    return "\n".join(
        [line, *(f"    {name:18}{took / more * 1e3:7.3f}" for name, took in spent.items())]
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", nargs="+", type=int, default=[10_000, 100_000])
    parser.add_argument("--chunk-size", type=int, default=100)
    parser.add_argument("--vendor", nargs="+", choices=MODELS, default=["openai"])
    parser.add_argument("--prefect", action="store_true", help="as a flow, not plainly")
    parser.add_argument("--phases", action="store_true", help="also which phase takes what")
    parser.add_argument("--do", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("OCTOBATCH_RUNS_DIR", tempfile.mkdtemp(prefix="octobatch-bench-"))
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    if options.do:
        print(json.dumps(do(options.do, options)._asdict()), flush=True)
        return
    from flows import server
    from providers.emulator import client
    from runs import runs_root

    if options.prefect:
        server.ready(server.ensure())
    client.start(runs_root())
    print("ms of CPU per unit, of them in the sandbox; seconds of wall; of a run of few units:")
    print("seconds of CPU, peak MB; peak MB")
    for vendor in options.vendor:
        for units in options.units:
            print(compared(units, vendor, options), flush=True)
    client.stop(runs_root())


if __name__ == "__main__":
    main()
