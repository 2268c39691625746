"""Factories of runs: small, real, on disk."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from runs import Counts, Run, RunSpec, StepSpec, claim, create


class FakeClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make_spec() -> Callable[..., RunSpec]:
    def make(
        steps: Iterable[str | StepSpec] = ("generate", "score"), chunk_size: int = 3
    ) -> RunSpec:
        return RunSpec(
            pipeline="Sailor",
            mode="realtime",
            chunk_size=chunk_size,
            steps=tuple(
                StepSpec(step, "chunk", "openai", "gpt-6-luna") if isinstance(step, str) else step
                for step in steps
            ),
            launch={"max_units": 7},
            emulate=True,
        )

    return make


@pytest.fixture
def make_run(clock: FakeClock, make_spec: Callable[..., RunSpec]) -> Callable[..., Path]:
    def make(units: int = 7, *, name: str | None = None, **spec: object) -> Path:
        folder = claim(name, "Sailor", clock())
        rows = ({"unit_id": f"u{i}", "mood": "sad"} for i in range(units))
        return create(folder, make_spec(**spec), [], rows, clock=clock)

    return make


@pytest.fixture
def take() -> Callable[..., Counts]:
    """Take a chunk through a step: the first `failing` units fail, the next `back` go back."""

    def take(run: Run, chunk: str, step: str, failing: int = 0, back: int = 0) -> Counts:
        units = run.due(step, chunk)
        records = [
            {"unit_id": u["unit_id"], "step": step, "round": run.state.chunks[chunk].round}
            for u in units[: failing + back]
        ]
        run.settle(
            chunk,
            step,
            valid=[{**unit, step: True} for unit in units[failing + back :]],
            failed=records[:failing],
            returned=records[failing:],
        )
        counts = Counts(
            entered=len(units),
            valid=len(units) - failing - back,
            failed={"validation": failing} if failing else {},
            returned=back,
            attempts=len(units) + failing,
            tokens={"input": 10 * len(units), "output": 5 * len(units)},
            cost_usd=Decimal("0.0123"),
            seconds=1.5,
        )
        run.close_round(chunk, step, counts)
        return counts

    return take
