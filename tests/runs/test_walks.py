"""Whole runs at random, on disk: what comes out is what each unit would have met on its own."""

import random
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs import Counts, Run, Stage, StepSpec, collect_outputs, read, read_jsonl, totals

MOST_RETURNS = 2
STEPS = (
    StepSpec("a", "chunk", None, None),
    StepSpec("b", "chunk", None, None, "a"),
    StepSpec("c", "chunk", None, None, "a"),
    StepSpec("d", "chunk", None, None, "b"),
    StepSpec("fan", "fan_out", None, None),
    StepSpec("e", "chunk", None, None),
    StepSpec("f", "chunk", None, None, "e"),
)
NAMES = [step.name for step in STEPS]


def _fate(seed, unit_id, step, returned):
    """Return what a unit meets at a step when it has been sent back from there so often."""
    chance = random.Random(f"{seed} {unit_id} {step.name} {returned}").random()
    if chance < 0.1:
        return "fails"
    if step.retry_step and chance < 0.4:
        return "returns" if returned < MOST_RETURNS else "fails"
    return "passes"


def _children(seed, unit):
    number = random.Random(f"{seed} {unit['unit_id']}").randrange(4)
    return [{**unit, "unit_id": f"{unit['unit_id']}__fan{n:03d}"} for n in range(number)]


def _alone(seed, unit, at=0):
    """Yield what comes of a unit and its children, one after the other: id and where it ended."""
    returned = dict.fromkeys(NAMES, 0)
    while at < len(STEPS):
        step = STEPS[at]
        fate = _fate(seed, unit["unit_id"], step, returned[step.name])
        if fate == "fails":
            yield unit["unit_id"], step.name
            return
        if fate == "returns":
            returned[step.name] += 1
            at = NAMES.index(str(step.retry_step))
            continue
        at += 1
        if step.scope == "fan_out":
            for child in _children(seed, unit):
                yield from _alone(seed, child, at)
            return
    yield unit["unit_id"], None


@dataclass
class Walk:
    """Takes a run to its end, a round at a time, dying now and then between files and journal."""

    run: Run
    seed: int
    closings: int = 0

    def close(self, name):
        chunk = self.run.state.chunks[name]
        step = STEPS[NAMES.index(str(chunk.step))]
        given = self._settle(name, step)
        if self.closings % 2:  # the process was killed before it told the journal
            files = _files(self.run, name)
            assert self._settle(name, step) == given
            assert _files(self.run, name) == files
        sizes = []
        if step.scope == "fan_out":
            fanned = [child for unit in given["valid"] for child in _children(self.seed, unit)]
            sizes = self.run.write_children(name, fanned)
        lost = len(given["failed"])
        counts = Counts(
            entered=chunk.due,
            valid=len(given["valid"]),
            failed={"validation": lost} if lost else {},
            returned=len(given["returned"]),
        )
        self.run.close_round(name, step.name, counts, children=sizes)
        self.closings += 1

    def _settle(self, name, step):
        came = {"passes": "valid", "fails": "failed", "returns": "returned"}
        given = {"valid": [], "failed": [], "returned": []}
        in_round = self.run.state.chunks[name].round
        before = self.run.returned(step.name, name)
        for unit in self.run.due(step.name, name):
            unit_id = unit["unit_id"]
            # A process that was killed may have written down that this round sends it back.
            returned = sum(record["round"] < in_round for record in before.get(unit_id, ()))
            fate = _fate(self.seed, unit_id, step, returned)
            record = {"unit_id": unit_id, "step": step.name, "round": in_round}
            given[came[fate]].append(unit if fate == "passes" else record)
        self.run.settle(name, step.name, **given)
        return given


def _files(run, name):
    folder = run.paths.chunk(name).dir
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("runs_dir")
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10**9), st.integers(1, 9))
def test_a_unit_meets_in_company_what_it_would_meet_alone(make_run, seed, units):
    """In whichever order chunks go on, killed and resumed, detours nested and crossing."""
    folder = make_run(units=units, chunk_size=4, steps=STEPS)
    inputs = [{"unit_id": f"u{n}", "mood": "sad"} for n in range(units)]
    walk, choice = Walk(Run.open(folder), seed), random.Random(seed)
    while under_way := [n for n, c in walk.run.state.chunks.items() if not c.terminal]:
        walk.close(choice.choice(under_way))
        if choice.random() < 0.1:
            walk.run.close()
            assert read(folder).state.chunks == walk.run.state.chunks
            walk.run = Run.open(folder)
    collect_outputs(folder)
    walk.run.close()

    ends = [end for unit in inputs for end in _alone(seed, unit)]
    passed = [unit_id for unit_id, step in ends if step is None]
    assert [row["unit_id"] for row in read_jsonl(walk.run.paths.results)] == passed
    failed = {unit_id: step for unit_id, step in ends if step}
    records = list(read_jsonl(walk.run.paths.failures))
    assert {row["unit_id"]: row["step"] for row in records} == failed
    assert len(records) == len(failed)
    numbers = totals(walk.run.state)
    assert (numbers.valid, numbers.failed, numbers.open) == (len(passed), len(failed), 0)
    stages = {chunk.stage for chunk in walk.run.state.chunks.values()}
    assert Stage.PENDING not in stages
