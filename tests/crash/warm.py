"""A process that has imported everything and started nothing: its forks are killed at work.

Each line on standard input is an order, {"run_dir": …, "kill_after": seconds or null}; each answer
is a line with the seconds it took and how the fork ended.
"""

import asyncio
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

from providers import points
from tasks.batch_lane import BatchLane, in_batches
from tasks.opening import opened
from tasks.order import in_order
from tasks.shipping import Shipping

WARMTH = (
    *("aiohttp", "httpx2", "jsonschema_rs", "openai", "anthropic", "google.genai"),
    *("providers.openai", "providers.anthropic", "providers.gemini", "pydantic_monty"),
    *("providers.openai_batches", "providers.anthropic_batches", "providers.gemini_batches"),
)


async def work(run_dir: Path) -> None:
    """Take every chunk of a run through its steps, with a snapshot after each, as the flow does."""
    async with opened(run_dir, interval=0.02) as session:
        if session.lane == "batch":
            shipping = Shipping(session.run, session.desk, settle_seconds=0.05)
            lane = BatchLane(session, shipping)
            await in_batches(lane, session.rest)
            await session.end()
            return

        async def advance(step: str, chunk: str) -> None:
            await session.advance(step, chunk)
            session.run.snapshot(force=True)

        await in_order(session, advance)
        await session.end()


def killing_at(point: str, nth: int) -> None:
    """Have this process killed when it comes to a point for the n-th time."""
    seen = 0

    def reached(name: str) -> None:
        nonlocal seen
        seen += name == point
        if name == point and seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    points.on(reached)


def fork(
    run_dir: Path, kill_after: float | None, kill_at: tuple[str, int] | None = None
) -> dict[str, object]:
    """Let a fork work on a run, and kill it when its time is up, or where it should be."""
    began = time.monotonic()
    done, at_the_end = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        if kill_at is not None:
            killing_at(*kill_at)
        with contextlib.suppress(BaseException):
            asyncio.run(work(run_dir))
            code = 0
        os._exit(code)
    os.close(at_the_end)  # the pipe ends with the fork
    if kill_after is not None and not select.select([done], [], [], kill_after)[0]:
        os.kill(child, signal.SIGKILL)
    os.close(done)
    _, status = os.waitpid(child, 0)
    return {"seconds": time.monotonic() - began, "code": os.waitstatus_to_exitcode(status)}


def main() -> None:
    """Do what standard input says."""
    for module in WARMTH:
        importlib.import_module(module)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        answer = fork(Path(order["run_dir"]), order["kill_after"], order.get("kill_at"))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
