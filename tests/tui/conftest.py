"""Small runs on disk for whatever looks at them."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from runs import Attempt, Counts, Run, RunSpec, StepSpec, create, dumps
from runs.attempts import encode

AT = datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC)
STEPS = (
    StepSpec("write", "chunk", "openai", "gpt-6-luna"),
    StepSpec("judge", "chunk", "openai", "gpt-6-luna", retry_step="write"),
)
Make = Callable[..., Path]
Take = Callable[..., None]


@pytest.fixture(autouse=True)
def no_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otto in a line: his greeting would cover what tests look at."""
    monkeypatch.setenv("OTTO", "line")


@pytest.fixture
def make_run(tmp_path: Path) -> Make:
    """Make a run of two steps, of which the second sends units back to the first."""

    def make(name: str = "run", units: int = 7, chunk_size: int = 3) -> Path:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        spec = RunSpec("Letters", "realtime", chunk_size, STEPS, {}, emulate=True)
        rows = ({"unit_id": f"u{i}", "mood": "sad"} for i in range(units))
        return create(folder, spec, [], rows, clock=lambda: AT)

    return make


@pytest.fixture
def take() -> Take:
    """Take a chunk of a run through a step: some units fail first, some go back."""

    def take(run: Run, chunk: str, step: str, failing: int = 0, back: int = 0) -> None:
        units, turn = run.due(step, chunk), run.state.chunks[chunk].round
        with run.paths.chunk(chunk).results(step).open("ab") as results:
            for unit in units:
                results.write(encode(_attempt(unit["unit_id"], turn)))
        records = [_record(unit["unit_id"], step, turn) for unit in units[: failing + back]]
        run.settle(
            chunk,
            step,
            valid=[{**unit, step: "said"} for unit in units[failing + back :]],
            failed=records[:failing],
            returned=records[failing:],
        )
        counts = Counts(
            entered=len(units),
            valid=len(units) - failing - back,
            failed={"validation": failing} if failing else {},
            returned=back,
            attempts=len(units),
            tokens={"input": 10 * len(units)},
            cost_usd=Decimal("0.01"),
        )
        run.close_round(chunk, step, counts)

    return take


@pytest.fixture
def through(take: Take) -> Callable[[Path], None]:
    """Take a run to its end: one unit fails at each step of the first chunk."""

    def through(folder: Path) -> None:
        with closing(Run.open(folder, clock=lambda: AT)) as run:
            for number, chunk in enumerate(list(run.state.chunks)):
                take(run, chunk, "write", failing=int(number == 0))
                take(run, chunk, "judge", failing=int(number == 0))

    return through


def _attempt(unit_id: str, turn: int) -> Attempt:
    body = {"choices": [{"message": {"content": f"about {unit_id}\x1b[31m"}}]}
    return Attempt(
        unit_id=unit_id,
        round=turn,
        attempt=1,
        lane="realtime",
        provider="openai",
        model="gpt-6-luna",
        at=AT,
        seconds=1.0,
        cost_usd=Decimal("0.001"),
        raw=dumps(body),
    )


def _record(unit_id: str, step: str, turn: int) -> dict[str, object]:
    return {
        "unit_id": unit_id,
        "step": step,
        "failure_stage": "validation",
        "errors": [{"path": "$.tone", "rule": "kind", "message": "not kind"}],
        "round": turn,
        "attempt": 1,
        "raw_response": "{}",
    }
