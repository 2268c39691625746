"""The index of units tells what the run's counts tell, and finds what one types."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import runs
from runs import Run, RunPaths
from tui.filters import Order, select
from tui.story import StepStory, Trouble, Verdict, story
from tui.telling import failing
from tui.units import UnitIndex, UnitState

Make = Callable[..., Path]
Take = Callable[..., None]
Through = Callable[[Path], None]


def index_of(folder: Path) -> UnitIndex:
    """Return the index of all units of a run."""
    state = runs.read(folder).state
    index = UnitIndex(RunPaths(folder), state)
    assert index.look(state)
    return index


def found(index: UnitIndex, text: str, order: Order = Order.INPUT) -> list[str]:
    """Return the ids that a filter finds."""
    return [index.id_of(unit) for unit in select(index, text, order).units]


def test_units_stand_where_the_counts_say(make_run: Make, through: Through) -> None:
    """At the end as many have passed and failed as the totals tell."""
    folder = make_run()
    through(folder)
    index = index_of(folder)
    assert len(index) == 7
    assert found(index, "state:failed step:write") == ["u0"]
    assert found(index, "state:failed") == found(index, "fail") == ["u0", "u1"]
    assert found(index, "fail step:write") == ["u0"]
    assert found(index, "!fail !u6") == ["u2", "u3", "u4", "u5"]
    assert found(index, "state:passed step:judge") == ["u2", "u3", "u4", "u5", "u6"]
    assert index.standing(0) == ("write", UnitState.FAILED)
    assert index.state_of(0, "judge") is UnitState.NOT_HERE
    assert index.input_of(4) == b'{"unit_id":"u4","mood":"sad"}\n'
    assert index.chunk_of(4) == "chunk_001"


def test_a_detour_is_followed(make_run: Make, take: Take) -> None:
    """A unit that was sent back waits at the earlier step, and the others have passed."""
    folder = make_run()
    with closing(Run.open(folder)) as run:
        index = UnitIndex(run.paths, run.state)
        index.look(run.state)
        take(run, "chunk_000", "write")
        take(run, "chunk_000", "judge", back=1)
        index.look(run.state)
        assert found(index, "state:sent") == ["u0"]
        assert index.standing(0) == ("write", UnitState.WAITING)
        assert index.standing(1) == ("judge", UnitState.PASSED)
        take(run, "chunk_000", "write")
        index.look(run.state)
        assert index.state_of(0, "write") is UnitState.PASSED
        assert index.state_of(0, "judge") is UnitState.WAITING
        take(run, "chunk_000", "judge")
        index.look(run.state)
        assert found(index, "state:passed step:judge") == ["u0", "u1", "u2"]


def test_filters_are_words_that_all_hold(make_run: Make, through: Through) -> None:
    """Text is a part of an id; `!` turns a word round; orders are stable."""
    folder = make_run(units=12)
    through(folder)
    index = index_of(folder)
    assert found(index, "U1") == ["u1", "u10", "u11"]
    assert found(index, "u1 !state:failed") == ["u10", "u11"]
    assert found(index, "chunk:chunk_001") == ["u3", "u4", "u5"]
    assert found(index, "u1", Order.ID) == ["u1", "u10", "u11"]
    assert found(index, "", Order.STATE)[:2] == ["u0", "u1"]
    assert found(index, "nothing") == []


def test_a_chunk_by_its_name_is_that_chunk_alone(make_run: Make) -> None:
    """Where there are more than a thousand, one name begins another."""
    index = index_of(make_run(units=1001, chunk_size=1))
    assert found(index, "chunk:chunk_100") == ["u100"]
    assert len(found(index, "!chunk:chunk_100")) == 1000
    assert len(found(index, "chunk:chunk_10")) == 11


def test_neighbours_are_those_of_the_filter(make_run: Make, through: Through) -> None:
    """Next and previous stop at the ends, and start from a unit that left the filter."""
    folder = make_run()
    through(folder)
    chosen = select(index_of(folder), "state:passed step:judge")
    assert (chosen.next(2), chosen.previous(3), chosen.previous(2)) == (3, 2, None)
    assert (chosen.next(6), chosen.next(0), chosen.previous(0)) == (None, 2, None)


def test_looking_in_slices_ends_where_one_look_does(make_run: Make, through: Through) -> None:
    """A look whose time is up goes on at the next."""
    folder = make_run(units=12)
    through(folder)
    state = runs.read(folder).state
    index = UnitIndex(RunPaths(folder), state)
    time = iter(range(1000))
    while not index.look(state, most_seconds=0.5, timer=lambda: next(time)):
        pass
    whole = index_of(folder)
    assert index.ids() == whole.ids()
    assert index.column("judge") == whole.column("judge")


def test_a_story_has_every_asking_and_verdict(make_run: Make, take: Take) -> None:
    """Texts are clean, failing paths are named, and what it entered with is there."""
    folder = make_run()
    with closing(Run.open(folder)) as run:
        take(run, "chunk_000", "write")
        take(run, "chunk_000", "judge", back=1)
        take(run, "chunk_000", "write")
        take(run, "chunk_000", "judge", failing=1)
        told = story(run.paths, run.state, "chunk_000", "u0")
    write, judge = told.steps
    assert [asking.round for asking in write.askings] == [1, 2]
    assert [verdict.sent_back_to for verdict in judge.verdicts] == ["write", None]
    assert failing(judge) == {"$.tone": "kind"}
    assert judge.entered == {"unit_id": "u0", "mood": "sad", "write": "said"}
    assert judge.left is None
    assert write.askings[0].reply == "about u0␛[31m"
    assert told.cost_usd is not None


def test_a_place_names_all_rules_that_it_breaks() -> None:
    """Once each."""
    wrong = [Trouble("$.tone", rule, "") for rule in ("kind", "brief", "kind")]
    verdict = Verdict(1, 1, "validation", (*wrong, Trouble("$", "whole", "")), None, None)
    at = StepStory("judge", (), (verdict,), None, None)
    assert failing(at) == {"$.tone": "kind, brief", "$": "whole"}
