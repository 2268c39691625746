"""Verdicts in batches and in micro-batches, and the longest of hostile replies: what they cost.

A verdict is a reply parsed, held against a schema of four fields and against one rule. Processor
time is that of this process and of the sandbox's worker together.
"""

import argparse
import asyncio
import contextlib
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from pipelines import PreparedStep, Sandbox, Unit, judge, load, prepare
from pipelines.replies import MAX_CHARS, extract
from pipelines.values import Unfit

STEP = {
    "name": "rate",
    "template": "rate.jinja2",
    "output_schema": "rate.json",
    "rules": [{"name": "sure", "expr": "certainty >= 0.5", "error": "only {certainty} sure"}],
}
CONFIG = {"name": "Bench", "items_source": "items.json", "pipeline": [STEP]}
SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "minLength": 1},
        "kind": {"enum": ["fact", "guess"]},
        "certainty": {"type": "number", "minimum": 0, "maximum": 1},
        "score": {"type": "integer"},
    },
    "required": ["text", "kind", "certainty", "score"],
    "additionalProperties": False,
}
HOSTILE = {
    "quotes": '"\\',
    "braces in strings": '{"}"[\\"]',
    "open objects": '{"a":',
    "broken objects": '{"a":x}',
    "small objects": '{"a":1}',
    "brackets": "[",
    "commas": ",  }",
    "thoughts": '</think>{"',
}


class Figures(NamedTuple):
    """What verdicts took."""

    verdicts: int
    seconds: float
    own_seconds: float
    """Of processor time, as the next."""
    worker_seconds: float


def make_step(folder: Path) -> PreparedStep:
    files = {
        "config.yaml": CONFIG,
        "items.json": [{"id": "a", "topic": "rain"}],
        "schemas/rate.json": SCHEMA,
        "templates/rate.jinja2": "What of {{ topic }}?",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    pipeline = load(folder)
    return prepare(pipeline, pipeline.steps[0])


def make_replies(count: int) -> list[tuple[Unit, str]]:
    """Return units with replies; every seventh breaks the rule."""
    return [
        (
            {"unit_id": f"u{n}", "topic": "rain", "about": "Wet, as a rule. " * 12},
            json.dumps(
                {
                    "text": f"Over harbour {n} it rains, says the ferryman, as it did before.",
                    "kind": "fact",
                    "certainty": 0.4 if n % 7 == 0 else 0.8,
                    "score": n,
                }
            ),
        )
        for n in range(count)
    ]


def worker_seconds() -> float:
    """Return the processor time of children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def measure(step: PreparedStep, verdicts: int, size: int) -> Figures:
    """Judge `verdicts` replies, `size` at a time."""
    replies = make_replies(size)
    before = worker_seconds()
    async with Sandbox() as sandbox:
        await judge(step, replies, sandbox)
        start, cpu = time.perf_counter(), time.process_time()
        for _ in range(verdicts // size):
            await judge(step, replies, sandbox)
        seconds, own = time.perf_counter() - start, time.process_time() - cpu
    return Figures(verdicts, seconds, own, worker_seconds() - before)


def hostile_seconds(pattern: str, chars: int) -> float:
    """Return the longest that a reply of `chars` characters of `pattern` takes to be read."""
    text = pattern * (chars // len(pattern))
    longest = 0.0
    for reply in (text, f"so {text}", '{"a": 1,' + text[:-20]):
        start = time.process_time()
        with contextlib.suppress(Unfit):
            extract(reply)
        longest = max(longest, time.process_time() - start)
    return longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", type=int, default=100_000)
    verdicts = parser.parse_args().verdicts
    with tempfile.TemporaryDirectory() as root:
        step = make_step(Path(root) / "Bench")
    print(f"{'at a time':18}{'per CPU s':>11}{'per wall s':>12}{'own CPU s':>11}{'worker':>8}")
    for size in (200, 10):
        made = asyncio.run(measure(step, verdicts, size))
        cpu_seconds = made.own_seconds + made.worker_seconds
        print(
            f"{size:<18}{made.verdicts / cpu_seconds:>11,.0f}{made.verdicts / made.seconds:>12,.0f}"
            f"{made.own_seconds:>11.2f}{made.worker_seconds:>8.2f}"
        )
    print(f"\n{'hostile reply of':18}{'250 kB':>11}{'1 MB':>12}   (CPU seconds to read it)")
    for name, pattern in HOSTILE.items():
        small, large = (hostile_seconds(pattern, chars) for chars in (MAX_CHARS // 4, MAX_CHARS))
        print(f"{name:18}{small:>11.3f}{large:>12.3f}")


if __name__ == "__main__":
    main()
