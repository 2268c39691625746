"""Verdicts in micro-batches: what comes together is judged together, nobody suffers for it."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import pipelines
from pipelines import Passed, Sandbox
from runs import Attempt
from tasks import judging
from tasks.judging import MicroBatchJudge
from tasks.policy import FailureClass

ATTEMPT = Attempt(
    unit_id="u",
    round=1,
    attempt=1,
    lane="realtime",
    provider="openai",
    model="gpt-6-luna",
    at=datetime(2026, 11, 22, tzinfo=UTC),
    seconds=0.1,
)
GOOD = {"personality_consistency": 0.9, "mood_responsiveness": 0.9, "reason": "quite him"}


def answered(text, *, finish="stop", refusal=None):
    """Make an attempt that a model answered with `text`."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    body = {"choices": [{"index": 0, "finish_reason": finish, "message": message}]}
    return replace(ATTEMPT, raw=json.dumps(body).encode())


class CountingSandbox(Sandbox):
    """The real sandbox; it counts how often it is called, and with how many rows."""

    def __init__(self):
        super().__init__()
        self.rows = []

    async def run(self, program, rows):
        self.rows.append(len(rows))
        return await super().run(program, rows)


@pytest.fixture
async def sandbox():
    async with CountingSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def judge(sandbox):
    """The judge of the demo's second step."""
    pipeline = pipelines.load(pipelines.find("NpcDialog"))
    step = pipelines.prepare(pipeline, pipeline.step("score"))
    good = {name: GOOD.get(name, "x") for name in (step.schema or {})["properties"]}
    judge = MicroBatchJudge(step, sandbox)

    async def one(attempt=None, *, times=1, **fields):
        attempt = attempt or answered(json.dumps({**good, **fields}))
        verdicts = await judge([({"unit_id": "u"}, attempt)] * times)
        return verdicts[0] if times == 1 else verdicts

    return one


async def test_what_arrives_within_a_moment_is_judged_in_one_call(judge, sandbox):
    """The sandbox is crossed once for many replies, not once for each."""
    verdicts = await asyncio.gather(*(judge() for _ in range(50)))
    assert all(isinstance(verdict, Passed) for verdict in verdicts)
    assert set(sandbox.rows) == {50}


async def test_what_is_there_at_once_waits_for_nobody(judge, sandbox, monkeypatch):
    """A chunk that a batch brought is judged at once, 200 in a call."""
    monkeypatch.setattr(judging, "GATHER_SECONDS", 60.0)
    verdicts = await asyncio.wait_for(judge(times=450), timeout=30)
    assert all(isinstance(verdict, Passed) for verdict in verdicts)
    assert sandbox.rows == [200, 200, 50]


async def test_each_reply_gets_its_own_verdict(judge):
    """However they were gathered, the order is kept."""
    scores = [n / 40 for n in range(40)]
    verdicts = await asyncio.gather(*(judge(personality_consistency=s) for s in scores))
    assert [isinstance(verdict, Passed) for verdict in verdicts] == [s >= 0.6 for s in scores]


async def test_a_batch_that_is_full_is_not_kept_waiting(judge, sandbox, monkeypatch):
    """At most so many at once; the next reply begins another batch."""
    monkeypatch.setattr(judging, "MOST", 10)
    monkeypatch.setattr(judging, "GATHER_SECONDS", 60.0)
    async with asyncio.timeout(20):
        await asyncio.gather(*(judge() for _ in range(20)))
    assert set(sandbox.rows) == {10}


async def test_one_who_is_cancelled_does_not_take_the_verdict_from_the_others(judge):
    """Even the one who opened the batch."""
    first, *others = [asyncio.create_task(judge()) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    verdicts = await asyncio.gather(*others)
    assert all(isinstance(verdict, Passed) for verdict in verdicts)
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_one_bad_reply_spoils_no_other(judge):
    """What is not JSON, or breaks the sandbox's patience, is judged alone."""
    bad = answered("no JSON at all")
    spoilt, *good = await asyncio.gather(judge(bad), *(judge() for _ in range(5)))
    assert spoilt.failure is FailureClass.SCHEMA_VALIDATION
    assert all(isinstance(verdict, Passed) for verdict in good)


@pytest.mark.parametrize(
    ("attempt", "failure", "rule", "reply"),
    [
        (answered("not json"), FailureClass.SCHEMA_VALIDATION, "json", "not json"),
        (answered('{"a'), FailureClass.SCHEMA_VALIDATION, "json", '{"a'),
        (answered('{"a', finish="length"), FailureClass.TRUNCATED, "max_tokens", '{"a'),
        (answered(None, refusal="I will not."), FailureClass.REFUSED, "refused", "I will not."),
        (answered("", finish="content_filter"), FailureClass.REFUSED, "blocked", ""),
        (
            replace(ATTEMPT, error={"class": "rejected", "status": 400, "message": "too long"}),
            FailureClass.REJECTED,
            "rejected",
            None,
        ),
        (
            replace(ATTEMPT, error={"class": "template", "status": None, "message": "no mood"}),
            FailureClass.TEMPLATE,
            "template",
            None,
        ),
    ],
)
async def test_what_is_wrong_with_an_attempt_is_a_value(judge, attempt, failure, rule, reply):
    """With its class, its rule, and what the model said, for the retry and for people."""
    failed = await judge(attempt)
    assert (failed.failure, failed.errors[0].rule, failed.reply) == (failure, rule, reply)
    assert failed.errors[0].message


async def test_a_broken_rule_is_said_with_its_numbers(judge):
    """What the model is told when it is asked again."""
    failed = await judge(personality_consistency=0.25)
    assert failed.failure is FailureClass.VALIDATION
    assert failed.errors[0].rule == "in_character"
    assert failed.errors[0].message == "only 0.25 in character, 0.6 is needed"


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"<html>", b'{"choices": []}'])
async def test_a_body_without_an_answer_is_a_failed_attempt(judge, raw):
    """Nothing a provider sends is an exception here."""
    failed = await judge(replace(ATTEMPT, raw=raw))
    assert failed.failure is FailureClass.SCHEMA_VALIDATION
