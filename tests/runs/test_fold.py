"""The fold: any snapshot and the lines after it tell what the whole journal tells."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs import (
    Counts,
    IllegalMove,
    RunSpec,
    RunState,
    Stage,
    Status,
    StepSpec,
    Unaccounted,
    Waiting,
    manifest,
    open_rounds,
    totals,
)
from runs import fold as events
from runs.journal import Replayed, decode, encode
from runs.times import stamp

BEGAN = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
STEPS = ("generate", "x_PENDING", "score")
SPEC = RunSpec(
    pipeline="Sailor",
    mode="realtime",
    chunk_size=4,
    steps=tuple(StepSpec(name, "chunk", "openai", None) for name in STEPS),
    launch={"max_units": None, "note": "ü"},
    emulate=False,
)


class Story:
    """A journal in memory, told line by line."""

    def __init__(self, units: int, spec: RunSpec = SPEC) -> None:
        self.epoch = 0
        self.lines = [self._line(1, events.created(spec, units, ()))]
        self.state = events.fold(None, decode(self.lines[0]))

    def tell(self, event) -> None:
        line = self._line(len(self.lines) + 1, event)
        self.state = events.fold(self.state, decode(line))
        self.lines.append(line)

    def _line(self, seq, event) -> bytes:
        at = stamp(BEGAN + timedelta(milliseconds=1500 * seq))
        return encode({"seq": seq, "epoch": self.epoch, "at": at, **event})

    def open(self) -> None:
        self.epoch += 1
        self.tell(events.opened(pid=7, host="h", flow_run=f"flow-{self.epoch % 3}"))


def _fold(state, lines) -> RunState:
    for line in lines:
        state = events.fold(state, decode(line))
    return state


MOMENTS = st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
COSTS = st.none() | st.decimals(0, 100, places=6)


@st.composite
def specs(draw):
    """Draw a pipeline: some steps send units back, but never past a fan-out."""
    names = ("generate", "x_PENDING", "FANNED_OUT", "judge", "score")
    steps: list[StepSpec] = []
    behind: list[str] = []  # the steps since the last fan-out
    for name in names[: draw(st.integers(1, 5))]:
        if behind and name != names[-1] and draw(st.booleans()):
            steps.append(StepSpec(name, "fan_out", None, None))
            behind = []
            continue
        back = draw(st.none() | st.sampled_from(behind)) if behind else None
        steps.append(StepSpec(name, "chunk", "openai", None, back))
        behind.append(name)
    if steps[-1].scope == "fan_out":
        steps.append(StepSpec("last", "chunk", "openai", None))
    return replace(SPEC, steps=tuple(steps))


@st.composite
def stories(draw):
    """Draw a legal story of a run."""
    story = Story(draw(st.integers(0, 17)), draw(specs()))
    story.open()
    for _ in range(draw(st.integers(0, 40))):
        match draw(st.sampled_from(["open", "status", "hint", "look", "round", "round", "round"])):
            case "open":
                story.open()
            case "status":
                _draw_status(draw, story)
            case "hint":
                _draw_hint(draw, story)
            case "look":
                story.tell(events.looked())
            case _:
                _draw_round(draw, story)
    return story


def _draw_status(draw, story):
    legal = [status for status in Status if story.state.status.may_become(status)]
    waiting = draw(st.none() | st.builds(Waiting, until=MOMENTS, reason=st.text()))
    text = st.none() | st.text(max_size=20)
    story.tell(
        events.status_set(
            draw(st.sampled_from(legal)), reason=draw(text), error=draw(text), waiting=waiting
        )
    )


def _draw_hint(draw, story):
    rounds = {}
    for chunk in draw(st.lists(st.sampled_from(list(story.state.chunks.values()) or [None]))):
        if chunk and not chunk.terminal:
            passed = draw(st.integers(0, chunk.due))
            rounds[chunk.name] = chunk.step, Counts(entered=chunk.due, valid=passed)
    story.tell(events.hint(rounds, {}))


def _draw_round(draw, story):
    under_way = [chunk for chunk in story.state.chunks.values() if not chunk.terminal]
    if not under_way:
        return
    chunk = draw(st.sampled_from(under_way))
    step = next(step for step in story.state.steps if step.name == chunk.step)
    lost = draw(st.integers(0, chunk.due))
    back = draw(st.integers(0, chunk.due - lost)) if step.retry_step else 0
    skipped = draw(st.integers(0, chunk.due - lost - back))
    counts = Counts(
        entered=chunk.due,
        valid=chunk.due - lost - back - skipped,
        skipped=skipped,
        failed={"validation": lost} if lost else {},
        returned=back,
        attempts=draw(st.integers(chunk.due, 100)),
        tokens={"input": draw(st.integers(0, 10**9))},
        cost_usd=draw(COSTS),
        seconds=draw(st.floats(0, 1e6)),
    )
    fans_out = step.scope == "fan_out" and counts.passed
    sizes = draw(st.lists(st.integers(1, 4), max_size=3)) if fans_out else []
    story.tell(events.round_closed(chunk.name, step.name, counts, sizes))


@settings(max_examples=60, deadline=None)
@given(stories(), st.data())
def test_any_snapshot_and_the_lines_after_it_equal_the_whole_journal(story, data):
    """A manifest loses nothing, wherever in the journal it was taken."""
    cut = data.draw(st.integers(1, len(story.lines)))
    prefix = _fold(None, story.lines[:cut])
    snapshot = manifest.from_json(manifest.to_json(Replayed(prefix, cut), at=BEGAN))
    assert snapshot == (prefix, cut)
    assert list(snapshot.state.chunks) == list(prefix.chunks)
    assert _fold(snapshot.state, story.lines[cut:]) == _fold(None, story.lines) == story.state


@settings(max_examples=100, deadline=None)
@given(stories())
def test_every_unit_is_accounted_for(story):
    """At every moment: in = valid + skipped + failed + sent back; units = valid + failed + open."""
    state = None
    for line in story.lines:
        state = events.fold(state, decode(line))
        _check_units(state)


def _check_units(state):
    chunks = state.chunks.values()
    numbers = totals(state)
    alive = sum(chunk.alive for chunk in chunks if not chunk.terminal)
    through = numbers.valid - sum(chunk.valid for chunk in chunks)
    assert numbers.open == alive - through
    assert 0 <= through <= alive
    assert numbers.failed == sum(chunk.lost for chunk in chunks)
    assert 0 <= numbers.progress <= 1
    assert numbers.progress == 1 or not all(chunk.terminal for chunk in chunks)
    for chunk in chunks:
        _check_chunk(chunk, [step.name for step in state.steps])


def _check_chunk(chunk, steps):
    way = steps[steps.index(chunk.first) :]
    assert list(chunk.counts) == way[: len(chunk.counts)]
    assert all(counts.open == 0 for counts in chunk.counts.values())
    assert all(counts.again <= counts.entered - 1 for counts in chunk.counts.values())
    rounds = [detour.round for detour in chunk.detours]
    assert rounds == sorted(set(rounds))
    ends = [steps.index(detour.step) for detour in chunk.detours]
    assert ends == sorted(set(ends), reverse=True)
    if chunk.terminal:
        assert (chunk.due, chunk.detours) == (0, ())
        assert (chunk.stage is Stage.FAILED) == (chunk.alive == 0)
    else:
        assert chunk.alive == chunk.due + sum(detour.passed for detour in chunk.detours)
        assert chunk.due or chunk.detours
        assert all(steps.index(chunk.step) <= end for end in ends)


def _one_chunk(valid: int, skipped: int = 0, lost: int = 0) -> Counts:
    failed = {"validation": lost} if lost else {}
    return Counts(entered=valid + skipped + lost, valid=valid, skipped=skipped, failed=failed)


def test_a_chunk_moves_from_step_to_step_and_ends_validated():
    """Each closed round takes the chunk on; its last makes it VALIDATED."""
    story = Story(4)
    for step in STEPS:
        assert story.state.chunks["chunk_000"].step == step
        story.tell(events.round_closed("chunk_000", step, _one_chunk(valid=4)))
    chunk = story.state.chunks["chunk_000"]
    assert (chunk.step, chunk.stage, chunk.alive) == (None, Stage.VALIDATED, 4)


def test_a_chunk_that_loses_its_last_unit_has_failed():
    """It does not enter the steps that are left."""
    story = Story(4)
    story.tell(events.round_closed("chunk_000", "generate", _one_chunk(valid=1, lost=3)))
    story.tell(events.round_closed("chunk_000", "x_PENDING", _one_chunk(valid=0, lost=1)))
    chunk = story.state.chunks["chunk_000"]
    assert (chunk.step, chunk.stage, chunk.alive) == (None, Stage.FAILED, 0)


def test_skipped_units_go_on():
    """A unit that a step does not concern is alive."""
    story = Story(4)
    story.tell(events.round_closed("chunk_000", "generate", _one_chunk(valid=0, skipped=4)))
    assert story.state.chunks["chunk_000"].step == "x_PENDING"


def test_a_round_of_another_step_is_refused():
    """A chunk closes the step at which it stands, once."""
    with pytest.raises(IllegalMove, match="stands at 'generate'"):
        Story(4).tell(events.round_closed("chunk_000", "score", _one_chunk(valid=4)))


@pytest.mark.parametrize("counts", [_one_chunk(valid=3), Counts(entered=4, valid=3)])
def test_counts_that_do_not_add_up_are_refused(counts):
    """No unit vanishes between two steps, and none stays open in a closed round."""
    with pytest.raises(Unaccounted, match="4 units had entered"):
        Story(4).tell(events.round_closed("chunk_000", "generate", counts))


def test_an_epoch_must_be_opened():
    """A line of a holder that never said so is not believed."""
    story = Story(4)
    story.epoch = 1
    with pytest.raises(IllegalMove, match="epoch 1 has not been opened"):
        story.tell(events.hint({}, {}))


def test_statuses_move_only_as_the_contract_says():
    """Paused, failed and complete runs go on; a cancelled one does not."""
    legal = {(a, b) for a in Status for b in Status if a is not b and a.may_become(b)}
    rests = {Status.PAUSED, Status.COMPLETE, Status.FAILED, Status.CANCELLED}
    assert legal == (
        {(a, b) for a in (Status.PENDING, Status.RUNNING) for b in rests}
        | {(a, Status.RUNNING) for a in (Status.PENDING, Status.PAUSED, Status.FAILED)}
        | {(Status.COMPLETE, Status.RUNNING)}
        | {(a, Status.CANCELLED) for a in (Status.PAUSED, Status.FAILED)}
    )
    story = Story(1)
    story.tell(events.status_set(Status.CANCELLED, reason=None, error=None, waiting=None))
    with pytest.raises(IllegalMove, match="cancelled cannot become running"):
        story.tell(events.status_set(Status.RUNNING, reason=None, error=None, waiting=None))


def test_a_journal_of_a_version_without_rounds_is_read():
    """Its lines say nothing of units sent back, of rounds or of children."""
    story = Story(4)
    story.tell(events.round_closed("chunk_000", "generate", _one_chunk(valid=3, lost=1)))
    story.tell(events.hint({"chunk_000": ("x_PENDING", _one_chunk(valid=2))}, {}))
    old: list[bytes] = []
    for line in map(decode, story.lines):
        if line["event"] == "created":
            for step in line["spec"]["steps"]:
                del step["retry_step"]
        row = line["progress"]["rounds"]["chunk_000"] if line["event"] == "hint" else line
        for key in ("returned", "again", "mended"):
            row.pop(key, None)
        old.append(encode(line))
    assert old != story.lines
    assert _fold(None, old).chunks == story.state.chunks
    assert open_rounds(_fold(None, old)) == open_rounds(story.state)


def test_money_stays_decimal():
    """A cost comes back as the Decimal it was, and an unknown one as unknown."""
    counts = Counts(entered=1, valid=1, cost_usd=Decimal("0.000123"))
    assert Counts.from_json(decode(encode(counts.to_json()))).cost_usd == Decimal("0.000123")
    assert (counts + Counts(cost_usd=None)).cost_usd is None


def test_a_change_shares_what_it_does_not_touch():
    """Ten thousand chunks are not copied for one of them, and the old value stays."""
    before = Story(40_000).state
    story = events.round_closed("chunk_5000", "generate", _one_chunk(valid=4))
    after = events.fold(before, {"seq": 2, "epoch": 0, "at": stamp(BEGAN), **story})
    shelves = zip(before.chunks._shelves, after.chunks._shelves, strict=True)
    assert sum(old is not new for old, new in shelves) == 1
    assert before.chunks["chunk_5000"].step == "generate"
    assert after.chunks["chunk_5000"].step == "x_PENDING"
    assert list(after.chunks)[:2] == ["chunk_000", "chunk_001"]
    assert list(after.chunks)[-1] == "chunk_9999"
