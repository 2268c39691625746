"""The realtime lane beside a plain loop of typed SDK calls: wall, CPU and memory per unit.

Both ask the same emulator the same questions over the same aiohttp transport. They take turns in
one process, so that what else the machine does hits both; the figures are medians of the rounds.
Ours includes everything a run has: Prefect, rendering, verdicts, results on disk, journal, hooks.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from statistics import median
from typing import NamedTuple

CONFIG = """\
name: Bench
items_source: items.jsonl
units: {strategy: direct}
chunk_size: 100
api: {provider: openai, model: gpt-6-luna, concurrency: %d}
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
        "score": {"type": "integer", "minimum": 0, "maximum": 10},
    },
    "required": ["label", "score"],
    "additionalProperties": False,
}
TEXT = "The printer on the third floor is on fire again, and nobody answers the phone. " * 8


class Cost(NamedTuple):
    """What one way of asking took."""

    wall: float
    cpu: float

    def per_unit_ms(self, units: int) -> str:
        return f"{self.wall / units * 1e3:6.2f} {self.cpu / units * 1e3:6.2f}"


@contextlib.contextmanager
def timed(costs: list[Cost]) -> Generator[None]:
    """Append the wall and CPU seconds (with those of ended children) that the block takes."""
    wall, cpu = time.perf_counter(), _cpu()
    yield
    costs.append(Cost(time.perf_counter() - wall, _cpu() - cpu))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in used)


def make_pipeline(folder: Path, units: int, in_flight: int) -> None:
    """Write a pipeline of one step over `units` items."""
    for name in ("templates", "schemas"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(CONFIG % in_flight)
    (folder / "templates" / "label.jinja2").write_text(TEMPLATE)
    (folder / "schemas" / "label.json").write_text(json.dumps(SCHEMA))
    rows = (json.dumps({"id": f"ticket-{n:06d}", "text": f"{n}: {TEXT}"}) for n in range(units))
    (folder / "items.jsonl").write_text("\n".join(rows) + "\n")


async def plain(url: str, units: int, in_flight: int) -> None:
    """Ask with typed calls in a plain loop: what one would write without us."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    form = {"name": "label", "strict": True, "schema": SCHEMA}
    free = asyncio.Semaphore(in_flight)
    async with AsyncOpenAI(
        api_key="emulated",
        base_url=f"{url}/openai/v1",
        max_retries=0,
        http_client=DefaultAioHttpClient(),
    ) as client:

        async def ask(n: int) -> dict[str, object]:
            async with free:
                reply = await client.chat.completions.create(
                    model="gpt-6-luna",
                    messages=[
                        {"role": "user", "content": TEMPLATE.replace("{{ text }}", f"{n}: {TEXT}")}
                    ],
                    max_completion_tokens=4096,
                    response_format={"type": "json_schema", "json_schema": form},  # pyright: ignore[reportArgumentType]
                )
            return json.loads(reply.choices[0].message.content or "")

        await asyncio.gather(*(ask(n) for n in range(units)))


def ours(folder: Path) -> None:
    """Run the pipeline as `octobatch run` does, in this process."""
    from datetime import UTC, datetime

    import pipelines
    import runs
    from flows.catalog import flow_of
    from pipelines import Launch
    from tasks.create import create_run

    pipeline = pipelines.load(folder)
    run_dir = runs.claim(None, pipeline.name, datetime.now(UTC))
    create_run(pipeline, Launch(pipeline=pipeline.name, emulate=True), run_dir)
    asyncio.run(flow_of(pipeline.name, None)(run=run_dir.name, return_state=True))
    numbers = runs.totals(runs.read(run_dir).state)
    assert numbers.valid == numbers.units, f"{numbers}"


def peak_mb(units: int, options: argparse.Namespace) -> float:
    """Return the peak memory of a process of its own that runs `units` units, without latency."""
    command = [
        sys.executable,
        __file__,
        "--only-run",
        str(units),
        "--in-flight",
        str(options.in_flight),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds")
    parser.add_argument("--in-flight", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="also 2,000 against 20,000 units")
    parser.add_argument("--only-run", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("OCTOBATCH_RUNS_DIR", tempfile.mkdtemp(prefix="octobatch-bench-"))
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    from flows import server
    from providers.emulator import client
    from runs import runs_root

    server.ready(server.ensure())
    url = client.start(runs_root())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "Bench"
        if options.only_run:
            make_pipeline(folder, options.only_run, options.in_flight)
            ours(folder)
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            return
        make_pipeline(folder, options.units, options.in_flight)
        client.latency(url, options.latency)
        loop, run = compare(folder, url, options)
        if options.memory:
            client.latency(url, 0.0)
            small, large = peak_mb(2000, options), peak_mb(20000, options)
            print(f"peak memory: {small:.0f} MB at 2,000 units, {large:.0f} MB at 20,000")
        client.stop(runs_root())
    print(f"ratio      {run.wall / loop.wall:6.2f} {run.cpu / loop.cpu:6.2f}")


def compare(folder: Path, url: str, options: argparse.Namespace) -> tuple[Cost, Cost]:
    """Let both take turns, print each round, return the medians; the first round warms up."""
    loops: list[Cost] = []
    runs_: list[Cost] = []
    print(f"{options.units} units, {options.latency * 1e3:.0f} ms, {options.in_flight} in flight")
    print("ms per unit  wall    CPU")
    for number in range(options.rounds + 1):
        with timed(loops):
            asyncio.run(plain(url, options.units, options.in_flight))
        with timed(runs_):
            ours(folder)
        if number == 0:
            loops.clear()
            runs_.clear()
            continue
        print(f"plain loop {loops[-1].per_unit_ms(options.units)}")
        print(f"octobatch  {runs_[-1].per_unit_ms(options.units)}")
    return _median(loops), _median(runs_)


def _median(costs: list[Cost]) -> Cost:
    return Cost(median(cost.wall for cost in costs), median(cost.cpu for cost in costs))


if __name__ == "__main__":
    main()
