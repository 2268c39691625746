"""Asking a live model, with a provider and a limiter that the test holds in its hand."""

import asyncio
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

import pipelines
from pipelines import Error, Exchange
from providers.errors import (
    Misconfigured,
    RequestRejected,
    Retryable,
    UnknownOutcome,
    Unreachable,
)
from providers.limit import Limiter
from providers.protocol import Answer, Limits
from runs import Attempt
from tasks.ask import LiveAsker
from tasks.brake import Brake
from tasks.choose import Asked, Choice, settle_choice
from tasks.errors import CapReached
from tasks.meter import Meter
from tasks.purse import Purse
from tasks.work import Asking, Nowhere

BODY = {
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "{}"}}
    ],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}
ANSWER = Answer(json.dumps(BODY).encode(), BODY, 200, {}, 0.25)


@dataclass
class Provider:
    """Answers with what it is told to, when it is told to."""

    says: Any = ANSWER
    gate: asyncio.Event | None = None
    sent: list[Any] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    name: str = "openai"
    limits: Limits = field(default_factory=lambda: Limits(4, 4))

    async def ask(self, wire, *, model, timeout_seconds=600.0):
        assert model == "gpt-6-luna"
        self.sent.append(json.loads(wire))
        self.asked.set()
        if self.gate is not None:
            await self.gate.wait()
        said = self.says(self.sent[-1]) if callable(self.says) else self.says
        if isinstance(said, Exception):
            raise said
        return said

    async def close(self):
        pass


@pytest.fixture
def pipeline():
    return pipelines.load(pipelines.find("NpcDialog"))


@pytest.fixture
def unit(pipeline):
    return next(iter(pipelines.units(pipeline)))


@pytest.fixture
def traced():
    return []


@dataclass
class Losses(Nowhere):
    """Keeps the calls that were lost."""

    calls: list[Attempt] = field(default_factory=list)

    def lose(self, call):
        self.calls.append(call)


async def at_once(_):
    """Sleep for no time."""
    await asyncio.sleep(0)


@pytest.fixture
def make_asker(pipeline, traced):
    """Make an asker of the demo's first step."""

    def make(provider, *, limiter=None, brake=None, rehearse=None, purse=None, sink=None, **choice):
        step = pipeline.step("generate")
        settled: Choice = settle_choice(
            pipeline,
            step,
            Asked("openai", "gpt-6-luna"),
            base_url=None,
            at=datetime(2026, 11, 22, tzinfo=UTC),
        )
        chosen = replace(settled, **choice)
        return LiveAsker(
            step=pipelines.prepare(pipeline, step),
            choice=chosen,
            provider=provider,
            limiter=limiter or Limiter(4, 4),
            meter=Meter(chosen.rate),
            purse=purse or Purse(),
            sink=sink or Nowhere(),
            trace=lambda **line: traced.append(line),
            brake=brake or Brake(),
            rehearse=rehearse,
        )

    return make


def asking(unit, *, attempt=1, exchanges=(), doublings=0):
    return Asking(unit, 1, attempt, exchanges, doublings)


async def test_an_answer_is_kept_as_it_came(make_asker, unit, traced):
    """With who gave it, what it took, and what it cost at the price of the step."""
    provider = Provider()
    attempt = await make_asker(provider)(asking(unit, attempt=3))
    assert attempt.raw == ANSWER.raw
    assert (attempt.unit_id, attempt.attempt) == (unit["unit_id"], 3)
    assert (attempt.provider, attempt.model) == ("openai", "gpt-6-luna")
    assert attempt.seconds == 0.25
    assert attempt.usage["input"] == 1000
    assert attempt.usage["output"] == 100
    assert attempt.cost_usd > Decimal(0)
    assert attempt.error is None
    assert provider.sent[0]["model"] == "gpt-6-luna"


async def test_an_answer_at_an_unknown_price_costs_none(make_asker, unit):
    """Not nothing."""
    attempt = await make_asker(Provider(), rate=None)(asking(unit))
    assert attempt.usage["input"] == 1000
    assert attempt.cost_usd is None


async def test_the_trace_holds_no_word_of_it(make_asker, unit, traced):
    """A line per request: who, which unit, how long, which status, how many tokens."""
    await make_asker(Provider())(asking(unit))
    assert traced == [
        {
            "provider": "openai",
            "model": "gpt-6-luna",
            "unit": unit["unit_id"],
            "attempt": 1,
            "seconds": 0.25,
            "status": "200",
            "tokens_in": 1000,
            "tokens_out": 100,
        }
    ]


async def test_a_prompt_that_cannot_be_rendered_is_an_attempt(make_asker, traced):
    """A unit without the fields of the template fails by itself; nobody is asked."""
    provider = Provider()
    attempt = await make_asker(provider)(asking({"unit_id": "bare"}))
    assert attempt.error["class"] == "template"
    assert "generate.jinja2" in attempt.error["message"]
    assert (attempt.raw, attempt.usage, attempt.cost_usd) == (None, None, None)
    assert provider.sent == traced == []


async def test_a_rejected_request_is_an_attempt(make_asker, unit, traced):
    """It says why, and it is traced with its status."""
    provider = Provider(RequestRejected(400, "context_length", "the prompt is too long", b"{}"))
    attempt = await make_asker(provider)(asking(unit))
    assert attempt.error == {
        "class": "rejected",
        "status": 400,
        "message": "the prompt is too long",
    }
    assert attempt.raw is None
    assert traced[0]["status"] == "400"


@pytest.mark.parametrize("error", [Misconfigured("no such key"), Unreachable("gone", 7)])
async def test_what_concerns_every_unit_is_raised(make_asker, unit, error):
    """No unit fails for a provider's sins."""
    with pytest.raises(type(error)):
        await make_asker(Provider(error))(asking(unit))


@pytest.mark.parametrize(
    ("doublings", "room"), [(0, 1000), (1, 2000), (2, 4000), (3, 5000), (9, 5000)]
)
async def test_a_truncated_unit_gets_twice_the_room(make_asker, unit, doublings, room):
    """Each time, up to what the model gives."""
    provider = Provider()
    asker = make_asker(provider, max_tokens=1000, max_output=5000)
    await asker(asking(unit, doublings=doublings))
    (sent,) = provider.sent
    assert sent["max_completion_tokens"] == room


async def test_a_unit_asked_again_sees_its_reply_and_what_was_wrong(make_asker, unit):
    """As turns of one conversation."""
    provider = Provider()
    previous = Exchange(1, '{"tone": "cold"}', (Error("$.tone", "warm", "the tone is cold"),))
    await make_asker(provider)(asking(unit, attempt=2, exchanges=(previous,)))
    turns = provider.sent[0]["messages"]
    assert [turn["role"] for turn in turns][-3:] == ["user", "assistant", "user"]
    assert turns[-2]["content"] == '{"tone": "cold"}'
    assert "the tone is cold" in turns[-1]["content"]


async def test_a_rehearsal_knows_the_bytes_that_are_sent(make_asker, unit):
    """It comes before the request, or the emulator would make something up."""
    provider, told = Provider(), []

    async def rehearse(asking, computed, prompt, wire):
        assert provider.sent == []
        told.append(json.loads(wire))

    await make_asker(provider, rehearse=rehearse)(asking(unit))
    assert told == provider.sent


async def test_nothing_is_asked_of_a_run_that_stops(make_asker, unit):
    """The unit stays open."""
    provider, brake = Provider(), Brake()
    brake.pull()
    assert await make_asker(provider, brake=brake)(asking(unit)) is None
    assert provider.sent == []


async def test_who_waits_for_a_turn_when_the_run_stops_is_not_asked(make_asker, unit):
    """What is under way may land; what is behind it is not sent any more."""
    gate, brake = asyncio.Event(), Brake()
    provider = Provider(gate=gate)
    asker = make_asker(provider, brake=brake, limiter=Limiter(1, 1))
    under_way, behind = (asyncio.create_task(asker(asking(unit))) for _ in range(2))
    await provider.asked.wait()
    brake.pull()
    gate.set()
    assert (await under_way).raw == ANSWER.raw
    assert await behind is None
    assert len(provider.sent) == 1


async def test_an_answer_that_does_not_come_in_time_is_let_go(make_asker, unit, traced):
    """At the end of the grace; the unit stays open, and the trace says that it was cut."""
    provider, brake = Provider(gate=asyncio.Event()), Brake(grace_seconds=0)
    under_way = asyncio.create_task(make_asker(provider, brake=brake)(asking(unit)))
    await provider.asked.wait()
    brake.pull()
    assert await under_way is None
    assert [line["status"] for line in traced] == ["cut"]


async def test_a_pause_of_the_limiter_does_not_outlast_the_grace(make_asker, unit):
    """A run that is told to wait for a quarter of an hour still stops within the grace."""
    provider, brake = Provider(Retryable("busy", 600.0, 429)), Brake(grace_seconds=0)
    waiting = asyncio.create_task(make_asker(provider, brake=brake)(asking(unit)))
    await provider.asked.wait()
    brake.pull()
    async with asyncio.timeout(5):
        assert await waiting is None


def of_a_probe(body):
    return "Say ok." in body["messages"][-1]["content"]


async def test_a_request_that_alone_is_never_answered_fails_by_itself(make_asker, unit):
    """One poisonous prompt does not pause a run for ever, as if there were an outage."""
    provider = Provider(lambda body: ANSWER if of_a_probe(body) else Retryable("500", None, 500))
    asker = make_asker(provider, limiter=Limiter(4, 4, sleep=at_once))
    attempt = await asker(asking(unit))
    assert attempt.error["class"] == "transport"
    assert "500" in attempt.error["message"]
    probes = [of_a_probe(body) for body in provider.sent]
    assert probes[-2:] == [True, False]  # once more, since the provider may just have come back
    assert probes.count(True) == 1


async def test_a_provider_that_is_back_answers_whom_it_kept_waiting(make_asker, unit):
    """No unit fails for its sins."""
    back = []

    def says(body):
        if of_a_probe(body):
            back.append(True)
        return ANSWER if back else Retryable("500", None, 500)

    attempt = await make_asker(Provider(says), limiter=Limiter(4, 4, sleep=at_once))(asking(unit))
    assert attempt.raw == ANSWER.raw


async def test_in_an_outage_nobody_fails(make_asker, unit):
    provider = Provider(Retryable("503", None, 503))
    with pytest.raises(Unreachable):
        await make_asker(provider, limiter=Limiter(4, 4, sleep=at_once))(asking(unit))


async def test_a_call_without_an_answer_may_be_on_the_bill(make_asker, unit):
    """What it may have cost at most counts as spent, and is told beside what is known."""
    said = iter([UnknownOutcome("cut off"), ANSWER])
    purse, sink = Purse(Decimal(1)), Losses()
    asker = make_asker(
        Provider(lambda _: next(said)),
        limiter=Limiter(4, 4, sleep=at_once),
        purse=purse,
        sink=sink,
    )
    attempt = await asker(asking(unit))
    (lost,) = sink.calls
    assert lost.lost
    assert lost.raw is None
    assert lost.possible_usd > attempt.cost_usd
    assert purse.spent_usd == lost.possible_usd + attempt.cost_usd
    assert purse.reserved_usd == 0


async def test_a_call_that_was_turned_away_costs_nothing(make_asker, unit):
    said = iter([Retryable("busy", 0.0, 429), ANSWER])
    purse, sink = Purse(), Losses()
    limiter = Limiter(4, 4, sleep=at_once)
    asker = make_asker(Provider(lambda _: next(said)), limiter=limiter, purse=purse, sink=sink)
    attempt = await asker(asking(unit))
    assert sink.calls == []
    assert purse.spent_usd == attempt.cost_usd


async def test_a_call_that_the_cap_has_no_room_for_is_not_sent(make_asker, unit):
    """And nobody else is asked either."""
    provider, brake = Provider(), Brake()
    asker = make_asker(provider, brake=brake, purse=Purse(Decimal("0.000001")))
    with pytest.raises(CapReached):
        await asker(asking(unit))
    assert provider.sent == []
    assert brake.pulled


async def test_an_answer_without_a_bill_takes_all_that_was_reserved(make_asker, unit):
    """What it took is unknown, and a cap must hold."""
    body = {"choices": BODY["choices"]}
    purse = Purse(Decimal(1))
    answer = Answer(json.dumps(body).encode(), body, 200, {}, 0.25)
    attempt = await make_asker(Provider(answer), purse=purse)(asking(unit))
    assert attempt.cost_usd is None
    assert purse.spent_usd > 0
