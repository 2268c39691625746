"""What has happened between two snapshots is told once, and adds up."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from runs import Chunk, Chunks, Counts, Liveness, RunSpec, RunState, StepSpec, totals
from runs.rounds import closed
from tui.diff import ChunkMoved, Outcome, RunAppeared, RunEnded, Stale, UnitsFailed, diff
from tui.snapshot import RunDetail, RunRow, Snapshot
from tui.steps import estimate_usd, step_views

AT = datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC)
STEPS = (
    StepSpec("write", "chunk", "openai", "gpt"),
    StepSpec("judge", "chunk", "openai", "gpt", retry_step="write"),
)
ROW = RunRow(
    dir=Path("a"),
    name="a",
    pipeline="P",
    liveness=Liveness.ACTIVE,
    lane="realtime",
    emulate=True,
    units=3,
    valid=0,
    failed=0,
    hard=0,
    progress=0.0,
    tokens=0,
    cost_usd=Decimal(0),
    step="write",
    created=AT,
    updated=AT,
    waiting=None,
    reason=None,
)


def snapshot(*rows: RunRow, run: RunDetail | None = None) -> Snapshot:
    """Return what is shown of these runs."""
    return Snapshot(1, AT, rows, run)


def detail(chunks: Chunks) -> RunDetail:
    """Return an open run with these chunks."""
    spec = RunSpec("P", "realtime", 3, STEPS, {}, emulate=True)
    units = sum(chunk.items for chunk in chunks.values())
    state = RunState(spec, (), units, AT, chunks, AT, 1)
    steps = step_views(state, active=True)
    return RunDetail(
        row=ROW,
        state=state,
        steps=steps,
        totals=totals(state),
        waits=(),
        reasons=(),
        estimate_usd=estimate_usd(state, steps),
        log=(),
    )


@st.composite
def moves(draw: st.DrawFn) -> tuple[Chunks, Chunks]:
    """Return the chunks of a run, and the same after some have closed a round."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=300))
    chunks = Chunks(
        Chunk(f"chunk_{i:03d}", size, first="write", step="write", due=size)
        for i, size in enumerate(sizes)
    )
    after = chunks
    for name in draw(st.sets(st.sampled_from(list(chunks)), max_size=10)):
        chunk = after[name]
        lost = draw(st.integers(0, chunk.due))
        counts = Counts(
            entered=chunk.due,
            valid=chunk.due - lost,
            failed={"validation": lost} if lost else {},
            attempts=chunk.due,
        )
        after = after.changed(closed(chunk, "write", counts, STEPS))
    return chunks, after


@given(moves())
def test_what_moved_and_what_failed_adds_up(both: tuple[Chunks, Chunks]) -> None:
    """Every unit that was at a step has moved on or failed, or is still there."""
    before, after = map(detail, both)
    told = diff(snapshot(ROW, run=before), snapshot(ROW, run=after))
    moved = sum(event.units for event in told if isinstance(event, ChunkMoved))
    failed = sum(event.n for event in told if isinstance(event, UnitsFailed))
    still = sum(chunk.due for chunk in after.state.chunks.values() if chunk.step == "write")
    assert moved + failed + still == before.state.units
    chunks = [event for event in told if isinstance(event, ChunkMoved)]
    assert all((e.outcome is Outcome.FAILED) == (e.units == 0) for e in chunks)


@given(moves())
def test_nothing_that_changed_is_nothing_that_happened(both: tuple[Chunks, Chunks]) -> None:
    """A snapshot and itself, or one with equal parts, differ by no event."""
    for chunks in both:
        shown = snapshot(ROW, run=detail(chunks))
        assert diff(shown, shown) == ()
        assert diff(shown, snapshot(replace(ROW), run=detail(chunks))) == ()


def test_runs_come_and_end() -> None:
    """A run that is new, one that ended, and one that nobody works on."""
    other = replace(ROW, dir=Path("b"))
    assert diff(snapshot(ROW), snapshot(ROW, other)) == (RunAppeared(Path("b")),)
    done = replace(ROW, liveness=Liveness.COMPLETE)
    assert diff(snapshot(ROW), snapshot(done)) == (RunEnded(Path("a"), Liveness.COMPLETE),)
    lost = replace(ROW, liveness=Liveness.DETACHED)
    assert diff(snapshot(ROW), snapshot(lost)) == (Stale(Path("a"), Liveness.DETACHED),)


def test_nothing_happens_before_the_first_look() -> None:
    """What was there already is no news."""
    assert diff(None, snapshot(ROW)) == ()
