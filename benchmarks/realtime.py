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
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Protocol

CONFIG = """\
name: Bench
items_source: items.jsonl
units: {strategy: direct}
chunk_size: 100
api: {provider: %s, model: %s, concurrency: %d}
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


def make_pipeline(folder: Path, units: int, in_flight: int, vendor: str) -> None:
    """Write a pipeline of one step over `units` items."""
    for name in ("templates", "schemas"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(CONFIG % (vendor, LOOPS[vendor][0], in_flight))
    (folder / "templates" / "label.jinja2").write_text(TEMPLATE)
    (folder / "schemas" / "label.json").write_text(json.dumps(SCHEMA))
    rows = (json.dumps({"id": f"ticket-{n:06d}", "text": f"{n}: {TEXT}"}) for n in range(units))
    (folder / "items.jsonl").write_text("\n".join(rows) + "\n")


class Loop(Protocol):
    """Asks with typed calls: what one would write without us."""

    async def __call__(self, url: str, prompts: Sequence[str], in_flight: int) -> None: ...


async def _each(
    prompts: Sequence[str], in_flight: int, say: Callable[[str], Awaitable[str | None]]
) -> None:
    free = asyncio.Semaphore(in_flight)

    async def ask(prompt: str) -> dict[str, object]:
        async with free:
            reply = await say(prompt)
        return json.loads(reply or "")

    await asyncio.gather(*map(ask, prompts))


async def openai_loop(url: str, prompts: Sequence[str], in_flight: int) -> None:
    from openai import AsyncOpenAI, DefaultAioHttpClient

    form: Any = {
        "type": "json_schema",
        "json_schema": {"name": "label", "strict": True, "schema": SCHEMA},
    }
    async with AsyncOpenAI(
        api_key="emulated",
        base_url=f"{url}/openai/v1",
        max_retries=0,
        http_client=DefaultAioHttpClient(),
    ) as client:

        async def say(prompt: str) -> str | None:
            reply = await client.chat.completions.create(
                model="gpt-6-luna",
                messages=[{"role": "user", "content": prompt}],
                max_completion_tokens=4096,
                response_format=form,
            )
            return reply.choices[0].message.content

        await _each(prompts, in_flight, say)


async def anthropic_loop(url: str, prompts: Sequence[str], in_flight: int) -> None:
    from anthropic import AsyncAnthropic, DefaultAioHttpClient
    from anthropic.types import TextBlock

    form: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    async with AsyncAnthropic(
        api_key="emulated",
        base_url=f"{url}/anthropic",
        max_retries=0,
        http_client=DefaultAioHttpClient(),
    ) as client:

        async def say(prompt: str) -> str | None:
            reply = await client.messages.create(
                model="claude-haiku-5-5",
                max_tokens=4096,
                messages=[{"role": "user", "content": prompt}],
                output_config=form,
            )
            return next(block.text for block in reply.content if isinstance(block, TextBlock))

        await _each(prompts, in_flight, say)


async def gemini_loop(url: str, prompts: Sequence[str], in_flight: int) -> None:
    from google import genai
    from google.genai import types

    client = genai.Client(
        api_key="emulated",
        http_options=types.HttpOptions(
            base_url=f"{url}/gemini", retry_options=types.HttpRetryOptions(attempts=1)
        ),
    )
    config = types.GenerateContentConfig(
        max_output_tokens=4096,
        response_mime_type="application/json",
        response_json_schema=SCHEMA,
    )

    async def say(prompt: str) -> str | None:
        reply = await client.aio.models.generate_content(
            model="gemini-3.5-flash-lite", contents=prompt, config=config
        )
        return reply.text

    await _each(prompts, in_flight, say)
    await client.aio.aclose()


LOOPS: Mapping[str, tuple[str, Loop]] = {
    "openai": ("gpt-6-luna", openai_loop),
    "anthropic": ("claude-haiku-5-5", anthropic_loop),
    "gemini": ("gemini-3.5-flash-lite", gemini_loop),
}


def prompts(units: int) -> list[str]:
    """Return what the pipeline's template makes of its items."""
    return [TEMPLATE.replace("{{ text }}", f"{n}: {TEXT}") for n in range(units)]


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


def raw(url: str, vendor: str, units: int, in_flight: int) -> None:
    """Send what our pipeline sends, bytes to bytes, and do nothing else: the raw call."""
    from providers.connect import connect, wire
    from providers.neutral import Request

    model = LOOPS[vendor][0]
    said = [
        Request(str(n), model, None, (("user", prompt),), 4096, schema=SCHEMA)
        for n, prompt in enumerate(prompts(units))
    ]
    wires = [wire(vendor, request) for request in said]

    async def all_calls() -> None:
        provider = connect(vendor, emulator_url=url)
        free = asyncio.Semaphore(in_flight)

        async def ask(body: bytes) -> None:
            async with free:
                await provider.ask(body, model=model)

        await asyncio.gather(*map(ask, wires))
        await provider.close()

    asyncio.run(all_calls())


def peak_mb(units: int, options: argparse.Namespace) -> float:
    """Return the peak memory of a process of its own that runs `units` units, without latency."""
    command = [sys.executable, __file__, "--only-run", str(units)]
    command += ["--in-flight", "200", "--vendor", options.vendor[0]]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=2000)
    parser.add_argument("--vendor", nargs="+", choices=LOOPS, default=list(LOOPS))
    parser.add_argument("--latency", nargs="+", type=float, default=[0.2], help="seconds")
    parser.add_argument("--in-flight", nargs="+", type=int, default=[200])
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
    if options.only_run:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "Bench"
            make_pipeline(folder, options.only_run, options.in_flight[0], options.vendor[0])
            ours(folder)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    print("ms per unit: wall, CPU (medians); above 1 is slower than the plain loop")
    for vendor in options.vendor:
        for latency in options.latency:
            client.latency(url, latency)
            for in_flight in options.in_flight:
                print(f"{vendor}, {latency * 1e3:.0f} ms, {in_flight} in flight", flush=True)
                print(compared(url, vendor, options.units, in_flight, options.rounds), flush=True)
    if options.memory:
        client.latency(url, 0.0)
        small, large = peak_mb(2000, options), peak_mb(20000, options)
        print(f"peak memory: {small:.0f} MB at 2,000 units, {large:.0f} MB at 20,000")
    client.stop(runs_root())


def compared(url: str, vendor: str, units: int, in_flight: int, rounds: int) -> str:
    """Let all take turns, and return the medians in words; the first round warms up."""
    loops: list[Cost] = []
    raws: list[Cost] = []
    runs_: list[Cost] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "Bench"
        make_pipeline(folder, units, in_flight, vendor)
        for number in range(rounds + 1):
            with timed(loops):
                asyncio.run(LOOPS[vendor][1](url, prompts(units), in_flight))
            with timed(raws):
                raw(url, vendor, units, in_flight)
            with timed(runs_):
                ours(folder)
            if number == 0:
                for costs in (loops, raws, runs_):
                    costs.clear()
    loop, call, run = map(_median, (loops, raws, runs_))
    return (
        f"  plain loop {loop.per_unit_ms(units)}\n"
        f"  raw calls  {call.per_unit_ms(units)}\n"
        f"  octobatch  {run.per_unit_ms(units)}"
        f"   {run.wall / loop.wall:.2f} {run.cpu / loop.cpu:.2f} of the loop,"
        f" {(run.cpu - call.cpu) / units * 1e3:+.2f} ms CPU to the raw calls"
    )


def _median(costs: list[Cost]) -> Cost:
    return Cost(median(cost.wall for cost in costs), median(cost.cpu for cost in costs))


if __name__ == "__main__":
    main()
