"""The engine, without files, network or models."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import Error, Exchange, Passed
from runs import Attempt
from tasks.policy import FailureClass
from tasks.work import Due, Failed, Invalid, Nowhere, Open, Returned, StepAtWork, Valid, advance

UNITS = [Due({"unit_id": name, "n": n}) for n, name in enumerate("abcd")]
ATTEMPT = Attempt(
    unit_id="",
    round=1,
    attempt=1,
    lane="realtime",
    provider="openai",
    model="m",
    at=datetime(2026, 1, 1, tzinfo=UTC),
    seconds=0.1,
    raw=b"{}",
)


@dataclass
class Asker:
    """Answers everything at once, except the units it does not know and what it runs out of."""

    asked: list[Any] = field(default_factory=list)
    most: int = 1000

    async def __call__(self, asking):
        await asyncio.sleep(0)
        if len(self.asked) >= self.most:
            return None
        self.asked.append(asking)
        return replace(ATTEMPT, unit_id=asking.unit["unit_id"], attempt=asking.attempt)


@dataclass
class Memory(Nowhere):
    """A sink to look into."""

    kept: list[Any] = field(default_factory=list)
    outcomes: list[Any] = field(default_factory=list)

    def keep(self, attempt):
        self.kept.append(attempt)

    def done(self, outcome):
        self.outcomes.append(outcome)


def known(history):
    """The units, each with what it has been answered so far."""
    return [replace(due, history=history.get(due.unit_id, ())) for due in UNITS]


def step(*, passes_at, failure=FailureClass.VALIDATION, max_retries=5, max_returns=None):
    """A step whose judge lets a unit pass at the attempt that `passes_at` names for it."""

    def worth(unit, attempt):
        if attempt.attempt >= passes_at.get(unit["unit_id"], 1):
            return Passed({"tone": "warm", "at": attempt.attempt})
        return Failed(failure, (Error("$.tone", "enum_tone", "not warm"),), "the reply")

    async def judge(asked):
        return [worth(unit, attempt) for unit, attempt in asked]

    def merged(unit, passed):
        return {**unit, **passed.fields}

    return StepAtWork("generate", max_retries, max_returns, judge, merged)


async def test_outcomes_are_in_the_order_of_the_units():
    """However replies arrive, what is written down is in input order."""
    outcomes = await advance(UNITS, step(passes_at={"b": 3}), Asker(), Memory())
    units = [outcome.unit for outcome in outcomes if isinstance(outcome, Valid)]
    assert [unit["unit_id"] for unit in units] == list("abcd")
    assert units[0] == {"unit_id": "a", "n": 0, "tone": "warm", "at": 1}


async def test_a_unit_asked_again_is_told_what_was_wrong():
    """A failed answer is asked again with the model's own reply and the errors."""
    asker = Asker()
    await advance(UNITS[:1], step(passes_at={"a": 2}), asker, Memory())
    first, second = asker.asked
    assert first.exchanges == ()
    assert second.attempt == 2
    assert second.exchanges[0].reply == "the reply"
    assert second.exchanges[0].errors[0].rule == "enum_tone"


async def test_a_truncated_unit_is_asked_afresh_with_more_room():
    """What was cut off cannot be mended by talking about it."""
    asker = Asker()
    cut = step(passes_at={"a": 3}, failure=FailureClass.TRUNCATED)
    await advance(UNITS[:1], cut, asker, Memory())
    assert [asking.doublings for asking in asker.asked] == [0, 1, 2]
    assert all(asking.exchanges == () for asking in asker.asked)


async def test_a_unit_that_never_passes_has_a_record_that_tells_all():
    """A failure is a record with stage, errors, reply and input, never a silence."""
    [outcome] = await advance(
        UNITS[:1], step(passes_at={"a": 99}, max_retries=2), Asker(), Memory()
    )
    assert isinstance(outcome, Invalid)
    assert outcome.record == {
        "unit_id": "a",
        "step": "generate",
        "failure_stage": "validation",
        "errors": [{"path": "$.tone", "rule": "enum_tone", "message": "not warm"}],
        "round": 1,
        "attempt": 3,
        "raw_response": "the reply",
        "input": {"unit_id": "a", "n": 0},
    }


async def test_what_is_known_is_judged_again_not_asked_again():
    """Going on with a run asks only what is missing, at the attempt that is due."""
    history = {"a": [replace(ATTEMPT, unit_id="a")], "b": [replace(ATTEMPT, unit_id="b")]}
    asker, memory = Asker(), Memory()
    await advance(known(history)[:3], step(passes_at={"b": 2}), asker, memory)
    assert sorted((a.unit["unit_id"], a.attempt) for a in asker.asked) == [("b", 2), ("c", 1)]
    assert len(memory.kept) == 2


async def test_a_step_that_sends_back_does_not_ask_until_it_likes_the_answer():
    """What the checks find there was made elsewhere: the unit goes back, so often and no more."""
    asker, at_work = Asker(), step(passes_at={"a": 99}, max_returns=2)
    for sent_back in (0, 1):
        [outcome] = await advance(
            [replace(UNITS[0], sent_back=sent_back, round=sent_back + 1)], at_work, asker, Memory()
        )
        assert isinstance(outcome, Returned)
        assert outcome.record["round"] == sent_back + 1
        assert outcome.record["errors"]
    [outcome] = await advance([replace(UNITS[0], sent_back=2)], at_work, asker, Memory())
    assert isinstance(outcome, Invalid)
    assert len(asker.asked) == 3


async def test_a_reply_of_the_wrong_form_is_asked_again_where_it_was_made():
    """A judge that does not answer in JSON says nothing about what it judges."""
    at_work = step(passes_at={"a": 2}, failure=FailureClass.SCHEMA_VALIDATION, max_returns=2)
    [outcome] = await advance(UNITS[:1], at_work, Asker(), Memory())
    assert isinstance(outcome, Valid)


async def test_a_unit_that_came_back_is_told_why_at_every_asking():
    """First what the later step found, then what is wrong with the reply to that."""
    asker = Asker()
    why = Exchange(1, "cold", (Error("$", "warmth", "too cold"),), "score", '{"warmth": 1}')
    due = replace(UNITS[0], exchange=why, round=2)
    await advance([due], step(passes_at={"a": 2}), asker, Memory())
    assert [asking.exchanges[0] for asking in asker.asked] == [why, why]
    assert [len(asking.exchanges) for asking in asker.asked] == [1, 2]
    assert {asking.round for asking in asker.asked} == {2}


async def test_the_nth_answers_of_all_units_are_judged_together():
    """What a batch brought needs as many calls of the judge as a unit has answers, at most."""
    at_work, judged = step(passes_at={"a": 2, "c": 3}), []

    async def judge(asked):
        judged.append("".join(unit["unit_id"] for unit, _ in asked))
        return await at_work.judge(asked)

    history = {
        name: [replace(ATTEMPT, unit_id=name, attempt=n) for n in (1, 2, 3)] for name in "abcd"
    }
    outcomes = await advance(known(history), replace(at_work, judge=judge), Asker(), Memory())
    assert judged == ["abcd", "ac", "c"]
    assert all(isinstance(outcome, Valid) for outcome in outcomes)


async def test_a_unit_without_an_answer_stays_open():
    """An asker that has nothing to say now (a stop, a batch) leaves the unit where it is."""
    outcomes = await advance(UNITS, step(passes_at={}), Asker(most=2), Memory())
    assert [type(outcome) for outcome in outcomes] == [Valid, Valid, Open, Open]


async def test_an_outage_loses_no_answer_that_is_under_way():
    """The first exception is raised only after all other units came to rest."""
    memory = Memory()

    async def asker(asking):
        if asking.unit["unit_id"] == "a":
            raise ConnectionError("gone")
        await asyncio.sleep(0.01)
        return replace(ATTEMPT, unit_id=asking.unit["unit_id"])

    with pytest.raises(ConnectionError):
        await advance(UNITS, step(passes_at={}), asker, memory)
    assert [attempt.unit_id for attempt in memory.kept] == list("bcd")


@given(
    passes_at=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9)),
    answers=st.integers(0, 40),
    max_retries=st.integers(0, 5),
)
async def test_every_unit_has_one_outcome_wherever_it_is_cut_short(passes_at, answers, max_retries):
    """Conservation: in = valid + failed + open, by ids; and going on ends as if never cut."""
    at_work = step(passes_at=passes_at, max_retries=max_retries)
    memory = Memory()
    cut = await advance(UNITS, at_work, Asker(most=answers), memory)
    assert len(cut) == len(UNITS) == len(memory.outcomes)
    history = {}
    for attempt in memory.kept:
        history.setdefault(attempt.unit_id, []).append(attempt)
    went_on = await advance(known(history), at_work, Asker(), Memory())
    undisturbed = await advance(UNITS, at_work, Asker(), Memory())
    assert went_on == undisturbed
    assert not any(isinstance(outcome, Open) for outcome in went_on)
