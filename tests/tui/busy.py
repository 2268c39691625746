"""A run that is at work, always the same: for screens that are compared to the letter."""

from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from runs import Attempt, Counts, Run, RunSpec, Status, StepSpec, create, dumps
from runs.attempts import encode

__all__ = ["NAME", "NOW", "at_work"]

NOW = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)
MADE = NOW - timedelta(minutes=12)
NAME = "Letters_20261122_184800"
STEPS = (
    StepSpec("write", "chunk", "openai", "gpt-6-luna"),
    StepSpec("judge", "chunk", "anthropic", "claude-haiku-5", retry_step="write"),
    StepSpec("count", "expression", None, None),
)
TOPICS = ("weather", "harbour", "bell", "lantern", "herring")
MOODS = ("cheerful", "grumpy", "wistful")
UNITS = 60
CHUNK = 12
LOG = (
    ("chunk_closed", {"chunk": "chunk_001", "step": "write", "valid": 11, "failed": 1}),
    ("sent_back", {"chunk": "chunk_000", "step": "judge", "to": "write", "units": 2}),
    ("rate_limited", {"provider": "openai", "for_seconds": 1.5}),
    ("chunk_closed", {"chunk": "chunk_002", "step": "write", "valid": 12, "failed": 0}),
)


@contextmanager
def at_work(root: Path) -> Generator[Path]:
    """Make a run and hold it: two chunks are through, two on the way, one has not begun."""
    folder = root / NAME
    spec = RunSpec("Letters", "realtime", CHUNK, STEPS, {}, emulate=False)
    create(folder, spec, [], _units(), clock=lambda: MADE)
    with closing(Run.open(folder, clock=lambda: MADE)) as run:
        run.set_status(Status.RUNNING)
        for chunk, failing in (("chunk_000", (1, 1)), ("chunk_001", (1, 0))):
            _take(run, chunk, "write", failing[0])
            _take(run, chunk, "judge", failing[1])
            _take(run, chunk, "count", 0)
        _take(run, "chunk_002", "write", 0)
        known = Counts(entered=CHUNK, valid=7, attempts=11, cost_usd=Decimal("0.0021"))
        begun = Counts(entered=CHUNK, valid=3, attempts=5, cost_usd=Decimal("0.0009"))
        hinted = {"chunk_002": ("judge", known), "chunk_003": ("write", begun)}
        run.hint(hinted, force=True)
        for word, fields in LOG:
            run.log(word, **fields)
        yield folder


def _units() -> Iterable[dict[str, Any]]:
    for number in range(UNITS):
        topic, mood = TOPICS[number % len(TOPICS)], MOODS[number % len(MOODS)]
        yield {"unit_id": f"{topic}-{mood}-{number:02}", "topic": topic, "mood": mood}


def _take(run: Run, chunk: str, step: str, failing: int) -> None:
    """Take a chunk through a step; the first units fail, having been asked twice."""
    units = run.due(step, chunk)
    asked = [unit["unit_id"] for unit in units] if step != "count" else []
    again = asked[: failing + 1]
    with run.paths.chunk(chunk).results(step).open("ab") as results:
        for attempt, ids in ((1, asked), (2, again)):
            for unit_id in ids:
                results.write(encode(_attempt(unit_id, step, attempt)))
    failed = [_record(unit["unit_id"], step) for unit in units[:failing]]
    valid = [{**unit, **_fields(step)} for unit in units[failing:]]
    run.settle(chunk, step, valid=valid, failed=failed)
    counts = Counts(
        entered=len(units),
        valid=len(valid),
        failed={"validation": failing} if failing else {},
        attempts=len(asked) + len(again),
        tokens={"input": 140 * len(asked), "output": 61 * len(asked)},
        cost_usd=Decimal("0.00031") * len(asked),
    )
    run.close_round(chunk, step, counts)


def _fields(step: str) -> dict[str, Any]:
    return {"write": {"letter": "Dear Maren, the bell"}, "judge": {"tone": "kind", "grade": 8}}.get(
        step, {"words": 4}
    )


def _attempt(unit_id: str, step: str, attempt: int) -> Attempt:
    said = {**_fields(step), "tone": "kind" if attempt > 1 else "sour"}
    return Attempt(
        unit_id=unit_id,
        round=1,
        attempt=attempt,
        lane="realtime",
        provider="openai" if step == "write" else "anthropic",
        model="gpt-6-luna" if step == "write" else "claude-haiku-5",
        at=MADE + timedelta(seconds=40 * attempt),
        seconds=1.2,
        usage={"input": 140, "output": 61},
        cost_usd=Decimal("0.00031"),
        raw=dumps({"choices": [{"message": {"content": dumps(said).decode()}}]}),
    )


def _record(unit_id: str, step: str) -> dict[str, Any]:
    errors = [
        {"path": "$.letter", "rule": "minLength", "message": "20 characters, 40 are needed"},
        {"path": "$.tone", "rule": "enum", "message": "'sour' is not one of kind, plain"},
    ]
    return {
        "unit_id": unit_id,
        "step": step,
        "failure_stage": "validation",
        "errors": errors,
        "round": 1,
        "attempt": 2,
        "raw_response": dumps(_fields(step)).decode(),
    }
