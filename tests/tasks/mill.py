"""A pipeline of two asking steps with an expression step between, and runs of it in batches."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import runs
from runs import RunView, Status
from tasks.batch_lane import BatchLane, bring_in, in_batches
from tasks.canary import canary
from tasks.opening import opened
from tasks.order import in_order
from tasks.session import Session
from tasks.shipping import Shipping

VENDORS = ("openai", "anthropic", "gemini")
STEPS = (
    {"name": "write", "template": "write.jinja2", "output_schema": "write.json"},
    {"name": "measure", "scope": "expression", "expressions": {"size": "len(word)"}},
    {"name": "grade", "template": "grade.jinja2", "output_schema": "grade.json"},
)
CONFIG: dict[str, Any] = {
    "name": "Mill",
    "items_source": "items.jsonl",
    "chunk_size": 10,
    "max_retries": 3,
    "pipeline": list(STEPS),
}
FILES = {
    "templates/write.jinja2": "Write a word for {{ unit_id }}.",
    "templates/grade.jinja2": "Grade {{ word }} of {{ size }}.",
    "schemas/write.json": json.dumps(
        {
            "type": "object",
            "properties": {"word": {"type": "string"}},
            "required": ["word"],
            "additionalProperties": False,
        }
    ),
    "schemas/grade.json": json.dumps(
        {
            "type": "object",
            "properties": {"grade": {"type": "integer"}},
            "required": ["grade"],
            "additionalProperties": False,
        }
    ),
    "rehearsal/grade.jinja2": '{"grade": {{ size }}}',
}


def write_mill(
    folder: Path,
    units: int,
    chunk_size: int,
    *,
    said: str = "w-{{ unit_id }}",
    bent: Mapping[str, str] = MappingProxyType({}),
    **config: Any,
) -> None:
    """Write the pipeline, with some of its files, and of its configuration, as a test wants it."""
    files = {
        **FILES,
        "rehearsal/write.jinja2": f'{{"word": "{said}"}}',
        "config.yaml": json.dumps({**CONFIG, "chunk_size": chunk_size, **config}),
        "items.jsonl": "\n".join(json.dumps({"id": f"u{n:04d}"}) for n in range(units)),
        **bent,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def lane_of(session: Session, *, settle_seconds: float = 0.0, **shipping) -> BatchLane:
    """Give a session a batch lane that does not wait for lists that lag behind."""
    handing_in = Shipping(session.run, session.desk, settle_seconds=settle_seconds, **shipping)
    session.batch_lane = BatchLane(session, handing_in)
    return session.batch_lane


async def through(
    run_dir: Path, *, shipping: dict[str, Any] | None = None, interval: float = 0.02, **said: Any
) -> None:
    """Take a run to its end, or to where it stops, without Prefect."""
    async with opened(run_dir, interval=interval, **said) as session:
        if session.lane == "batch":
            await canary(session)
            await in_batches(lane_of(session, **(shipping or {})), session.rest)
        if session.lane == "realtime":
            await bring_in(lane_of(session), session.rest)
            await in_order(session, session.advance)
        await session.end()


def finished(run_dir: Path, **how) -> RunView:
    """Take a run to its end, and see that nothing of it is open."""
    asyncio.run(through(run_dir, **how))
    view = runs.read(run_dir)
    assert view.state.status is Status.COMPLETE, view.state.paused_reason
    assert view.state.batches.open == ()
    assert runs.totals(view.state).open == 0
    return view


def derived(run_dir: Path) -> dict[str, bytes]:
    """Return the files that are functions of what was answered."""
    return {
        str(path.relative_to(run_dir)): path.read_bytes()
        for pattern in ("*_validated.jsonl", "*_failures.jsonl", "outputs/*.jsonl")
        for path in sorted(run_dir.rglob(pattern))
    }
