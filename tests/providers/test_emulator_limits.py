"""Limits hold back what is too much, say so as each vendor does, and tell no more than they may."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from providers.emulator import anthropic, gemini, openai
from providers.emulator.engine import Call, Engine, Response
from providers.emulator.home import Home
from providers.emulator.limits import LIMITS, Gate
from providers.emulator.vendors import Sent, Vendor

START = datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC)
TURNS = [{"role": "user", "content": "Hello."}]
CALLS: dict[str, tuple[Vendor, str, dict[str, str], dict[str, Any]]] = {
    "openai": (
        openai,
        "POST /openai/v1/chat/completions",
        {"authorization": "Bearer emulated"},
        {"model": "gpt-6-luna", "messages": TURNS, "max_tokens": 8},
    ),
    "anthropic": (
        anthropic,
        "POST /anthropic/v1/messages",
        {"x-api-key": "emulated", "anthropic-version": "2026-10-21"},
        {"model": "claude-haiku-5-5", "messages": TURNS, "max_tokens": 8},
    ),
    "gemini": (
        gemini,
        "POST /gemini/v1/models/gemini-3.8-flash:generateContent",
        {"x-goog-api-key": "emulated"},
        {
            "contents": [{"parts": [{"text": "Hello."}]}],
            "generationConfig": {"maxOutputTokens": 8},
        },
    ),
}
TOKENS_PER_CALL = 10
VENDORS = pytest.mark.parametrize("vendor", CALLS)


def gate(**limit) -> Gate:
    return Gate(LIMITS.validate_python([limit]), START)


def passed(gate, seconds, *, tokens=TOKENS_PER_CALL, endpoint="POST /x", model="m"):
    """Return which of the calls at these seconds may pass."""
    passages = [
        gate.admit(endpoint, model, tokens, START + timedelta(seconds=second)) for second in seconds
    ]
    return [passage.trouble is None for passage in passages]


@dataclass
class Emulated:
    """An engine and its clock."""

    home: Home
    seconds: float = 0.0
    engine: Engine = field(init=False)

    def __post_init__(self):
        self.engine = Engine(self.home, clock=self.now)

    def now(self):
        return START + timedelta(seconds=self.seconds)

    def holds(self, *limits):
        self.engine.limit(LIMITS.validate_python(limits))

    async def answers(self, name) -> Response:
        vendor, endpoint, headers, body = CALLS[name]
        sent = Sent(orjson.dumps(body), headers, model="gemini-3.8-flash")
        response = await self.engine.serve(Call(vendor, endpoint, sent, ident="0123"))
        assert isinstance(response, Response)
        return response

    async def statuses(self, name, calls):
        return [(await self.answers(name)).status for _ in range(calls)]


@pytest.fixture
def emulated(tmp_path):
    made = Emulated(Home.under(tmp_path))
    yield made
    made.engine.close()


def test_what_came_in_a_minute_is_the_limit():
    """Whatever the callers try: here ten times as much."""
    held = gate(requests_per_minute=600)
    assert 600 <= sum(passed(held, [n / 100 for n in range(6000)])) <= 610


def test_tokens_in_a_minute_are_the_limit():
    held = gate(tokens_per_minute=60_000)
    calls = sum(passed(held, [n / 100 for n in range(6000)], tokens=100))
    assert 600 <= calls <= 610


def test_pause_makes_room_for_a_burst_and_no_more():
    held = gate(requests_per_minute=180, burst_seconds=2)
    assert passed(held, [0] * 7) == [True] * 6 + [False]
    assert passed(held, [100] * 7) == [True] * 6 + [False]


def test_at_least_one_call_passes():
    assert passed(gate(requests_per_minute=1), [0, 59, 60, 60]) == [True, False, True, False]


def test_call_of_more_tokens_than_a_burst_passes_and_is_paid_off():
    held = gate(tokens_per_minute=600)
    assert passed(held, [0, 1, 59, 60], tokens=600) == [True, False, False, True]


def test_refused_call_uses_nothing_up():
    held = Gate(
        LIMITS.validate_python(
            [{"requests_per_minute": 60, "burst_seconds": 5}, {"tokens_per_minute": 600}]
        ),
        START,
    )
    assert passed(held, [0] * 9) == [True] + [False] * 8
    assert passed(held, [1, 2, 3, 4]) == [True] * 4


def test_clock_that_is_set_back_takes_nothing_away():
    assert passed(gate(requests_per_minute=120), [100, 0, 0]) == [True, True, False]


@pytest.mark.parametrize(
    ("match", "held"), [("", True), ("/x", True), ("luna", True), ("/y", False), ("gpt-5", False)]
)
def test_limit_concerns_part_of_endpoint_or_model(match, held):
    limited = gate(match=match, requests_per_minute=1)
    outcome = passed(limited, [0, 0], endpoint="POST /x", model="gpt-6-luna")
    assert outcome == [True, not held]


def test_all_limits_that_match_hold():
    both = Gate(
        LIMITS.validate_python(
            [
                {"match": "luna", "requests_per_minute": 60},
                {"requests_per_minute": 60, "burst_seconds": 2},
            ]
        ),
        START,
    )
    assert passed(both, [0, 0], model="luna") == [True, False]
    assert passed(both, [0, 0], model="sol") == [True, False]


@pytest.mark.parametrize(
    "limit",
    [
        {"requests_per_minute": 0},
        {"tokens_per_minute": -1},
        {"retry_after": -1},
        {"burst_seconds": 0},
        {"rpm": 5},
    ],
)
def test_limit_that_makes_no_sense_is_refused(limit):
    with pytest.raises(ValidationError):
        LIMITS.validate_python([limit])


@VENDORS
async def test_refusal_has_the_vendors_form_and_is_not_charged(emulated, vendor):
    emulated.holds({"requests_per_minute": 60})
    assert await emulated.statuses(vendor, 2) == [200, 429]
    assert emulated.engine.charged_calls == 1
    emulated.seconds = 1
    assert await emulated.statuses(vendor, 2) == [200, 429]


@pytest.mark.parametrize(
    ("vendor", "kind", "found"),
    [
        ("openai", "requests", {"type": "requests", "code": "rate_limit_exceeded"}),
        ("openai", "tokens", {"type": "tokens", "code": "rate_limit_exceeded"}),
        ("anthropic", "tokens", {"type": "rate_limit_error", "details": None}),
        ("gemini", "requests", {"status": "RESOURCE_EXHAUSTED", "code": 429}),
    ],
)
async def test_refusal_says_what_was_too_much(emulated, vendor, kind, found):
    emulated.holds({f"{kind}_per_minute": 60})
    await emulated.answers(vendor)
    error = orjson.loads((await emulated.answers(vendor)).body)["error"]
    assert found.items() <= error.items()
    assert kind in error["message"]


async def test_gemini_names_the_quota(emulated):
    for kind, quota in gemini.QUOTAS.items():
        emulated.holds({f"{kind}_per_minute": 60})
        await emulated.answers("gemini")
        (detail,) = orjson.loads((await emulated.answers("gemini")).body)["error"]["details"]
        assert detail["violations"] == [{"quotaId": quota}]


async def test_tokens_of_input_and_output_count(emulated):
    emulated.holds({"tokens_per_minute": 60 * TOKENS_PER_CALL * 3})
    for vendor in CALLS:
        assert await emulated.statuses(vendor, 1) == [200]
    assert await emulated.statuses("openai", 1) == [429]


@pytest.mark.parametrize(("seconds", "said"), [(3, "3"), (0.5, "0.5"), (100_000, "100000")])
async def test_refusal_asks_to_wait_where_it_is_told_to(emulated, seconds, said):
    emulated.holds({"requests_per_minute": 60, "retry_after": seconds})
    for vendor in CALLS:
        emulated.seconds += 60
        await emulated.answers(vendor)
        response = await emulated.answers(vendor)
        if vendor == "gemini":
            details = orjson.loads(response.body)["error"]["details"]
            assert details[-1]["retryDelay"] == f"{said}s"
            assert "retry-after" not in response.headers
        else:
            assert response.headers["retry-after"] == said


@VENDORS
async def test_refusal_is_silent_about_when_unless_it_is_told_to_say(emulated, vendor):
    emulated.holds({"requests_per_minute": 60})
    await emulated.answers(vendor)
    response = await emulated.answers(vendor)
    assert "retry-after" not in response.headers
    assert b"retryDelay" not in response.body


async def test_openai_shows_true_numbers(emulated):
    emulated.holds({"requests_per_minute": 180, "tokens_per_minute": 60_000, "shown": True})
    headers = (await emulated.answers("openai")).headers
    assert {name: text for name, text in headers.items() if "ratelimit" in name} == {
        "x-ratelimit-limit-requests": "180",
        "x-ratelimit-limit-tokens": "60000",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-remaining-tokens": "990",
        "x-ratelimit-reset-requests": "333ms",
        "x-ratelimit-reset-tokens": "10ms",
    }


@pytest.mark.parametrize(
    ("per_minute", "burst", "reset"), [(60, 1, "1s"), (40, 1, "1.5s"), (1, 63, "1m0s")]
)
async def test_openai_writes_long_times_in_its_own_way(emulated, per_minute, burst, reset):
    emulated.holds({"requests_per_minute": per_minute, "burst_seconds": burst, "shown": True})
    headers = (await emulated.answers("openai")).headers
    assert headers["x-ratelimit-reset-requests"] == reset
    assert "x-ratelimit-limit-tokens" not in headers


async def test_anthropic_shows_true_numbers(emulated):
    emulated.holds({"requests_per_minute": 240, "tokens_per_minute": 60_000, "shown": True})
    headers = (await emulated.answers("anthropic")).headers
    told = {name: text for name, text in headers.items() if "ratelimit" in name}
    assert told["anthropic-ratelimit-requests-limit"] == "240"
    assert told["anthropic-ratelimit-requests-remaining"] == "3"
    assert told["anthropic-ratelimit-requests-reset"] == "2026-11-22T18:00:00.250Z"
    for name in ("tokens", "input-tokens", "output-tokens"):
        assert told[f"anthropic-ratelimit-{name}-remaining"] == "990"
    assert len(told) == 12


async def test_tightest_of_several_limits_is_shown(emulated):
    emulated.holds(
        {"requests_per_minute": 600, "shown": True},
        {"requests_per_minute": 60, "shown": True},
        {"requests_per_minute": 6},
    )
    headers = (await emulated.answers("openai")).headers
    assert headers["x-ratelimit-limit-requests"] == "60"


@VENDORS
async def test_hidden_limit_tells_no_numbers(emulated, vendor):
    emulated.holds({"requests_per_minute": 60, "tokens_per_minute": 6000})
    for _ in range(2):
        headers = (await emulated.answers(vendor)).headers
        assert not [name for name in headers if "ratelimit" in name]


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
async def test_account_without_limits_shows_plenty(emulated, vendor):
    headers = (await emulated.answers(vendor)).headers
    left = [text for name, text in headers.items() if "remaining" in name]
    assert left
    assert all(int(text) > 900_000 for text in left)


async def test_limits_change_while_it_runs(emulated):
    emulated.holds({"requests_per_minute": 60})
    assert await emulated.statuses("openai", 3) == [200, 429, 429]
    emulated.holds({"requests_per_minute": 180})
    assert await emulated.statuses("openai", 4) == [200, 200, 200, 429]
    emulated.holds()
    assert await emulated.statuses("openai", 4) == [200] * 4


async def test_next_engine_knows_the_limits(emulated):
    emulated.holds({"requests_per_minute": 60})
    heir = Emulated(emulated.home)
    assert await heir.statuses("openai", 2) == [200, 429]
    heir.engine.close()


async def test_reset_lifts_the_limits(emulated):
    emulated.holds({"requests_per_minute": 60})
    emulated.engine.reset()
    assert await emulated.statuses("openai", 3) == [200] * 3
    assert emulated.engine.memory.limits == ()
