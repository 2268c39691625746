"""What goes wrong at a vendor, or in what it sends, while a run is in batches."""

import asyncio
import json

import pytest

import runs
from providers.emulator import client
from runs import Status
from tasks.batch_lane import in_batches
from tasks.opening import opened
from tests.providers.asking import SDK_WARNINGS
from tests.tasks.mill import VENDORS, derived, finished, lane_of, through

pytestmark = SDK_WARNINGS

CREATION = {
    "openai": "POST /openai/v1/batches",
    "anthropic": "POST /anthropic/v1/messages/batches",
    "gemini": ":batchGenerateContent",
}
STRANGE_REPLIES = {
    "fenced": '```json\n{"word": "fine"}\n```',
    "prose": "I would rather not say.",
    "deep": "[" * 10_000 + "]" * 10_000,
    "deep_field": '{"word": ' + "[" * 10_000 + "]" * 10_000 + "}",
    "not_a_number": '{"word": NaN}',
    "large_number": '{"word": 18446744073709551616000}',
    "many_keys": json.dumps({"word": "fine", **{f"k{n}": n for n in range(100_000)}}),
    "nul": '{"word": "\\u0000"}',
    "half_a_character": '{"word": "\\ud83d"}',
    "half_an_answer": '{"word": "fi',
}
FINE = {"fenced", "nul", "half_a_character"}
"""Words that a model may say."""


@pytest.mark.parametrize("vendor", VENDORS)
def test_batch_that_is_rejected_fails_its_units_and_no_others(vendor, make_mill, url):
    """A bad request as a whole: the vendor's words are kept, and it is not sent again."""
    rule = {"match": CREATION[vendor], "do": "status", "status": 400, "nth": [2]}
    client.script(url, [rule])
    view = finished(make_mill(vendor))
    totals = runs.totals(view.state)
    assert (totals.valid, totals.failed) == (20, 10)
    assert len(client.ledger(url).batches[vendor]) == 4
    records = [json.loads(line) for line in view.paths.failures.read_text().splitlines()]
    assert {record["failure_stage"] for record in records} == {"rejected"}
    assert "script" in records[0]["errors"][0]["message"]


def test_request_that_is_never_served_fails_in_the_end(make_mill, url):
    """It travels six times; nothing was paid for it, and nobody waits for it for ever."""
    client.script(url, [{"match": "BATCH ", "contains": "u0003", "do": "status", "status": 500}])
    view = finished(make_mill("openai", units=10))
    totals = runs.totals(view.state)
    assert (totals.valid, totals.failed, totals.possible_usd) == (9, 1, 0)
    (record,) = map(json.loads, view.paths.failures.read_text().splitlines())
    assert (record["unit_id"], record["failure_stage"]) == ("u0003", "transport")
    assert len(client.ledger(url).batches["openai"]) == 7


@pytest.mark.parametrize("vendor", VENDORS)
def test_key_that_is_refused_midway_loses_nothing_that_is_paid(vendor, make_mill, url):
    """Nothing more is handed in; what is at the vendor is fetched when there is a key again."""
    run_dir = make_mill(vendor)
    rule = {"match": "POST", "do": "status", "status": 401, "nth": list(range(4, 99))}
    client.script(url, [rule])
    asyncio.run(through(run_dir))
    view = runs.read(run_dir)
    assert view.state.status is Status.PAUSED
    assert 0 < len(client.ledger(url).batches[vendor]) < 6
    assert runs.totals(view.state).failed == 0
    client.script(url, [])
    finished(run_dir)
    ledger = client.ledger(url)
    assert (len(ledger.batches[vendor]), ledger.calls, ledger.repeated) == (6, 60, 0)


@pytest.mark.parametrize("vendor", VENDORS)
def test_batch_that_its_vendor_has_forgotten_is_paid_again_only_if_a_person_says_so(
    vendor, make_mill, root, url
):
    run_dir = make_mill(vendor, units=10)
    client.batches(url, seconds=1000)

    async def hand_in_and_go() -> None:
        async with opened(run_dir) as session:
            await lane_of(session).settle()
            session.interrupt()
            await session.end()

    asyncio.run(hand_in_and_go())
    client.reset(root)
    for _ in range(2):
        asyncio.run(through(run_dir))
        view = runs.read(run_dir)
        assert view.state.status is Status.PAUSED
        assert "--ask-again" in (view.state.paused_reason or "")
        assert client.ledger(url).calls == 0
    finished(run_dir, ask_again=True)
    assert client.ledger(url).calls == 20


@pytest.mark.parametrize("vendor", VENDORS)
def test_list_that_shows_a_batch_late_makes_no_second_one(vendor, make_mill, url):
    """Whoever hung up is looked for until lists can be trusted."""
    rules = [{"nth": [1], "do": "hang_up"}, {"nth": [1], "do": "hide", "seconds": 0.3}]
    client.batches(url, rules=rules)
    view = finished(make_mill(vendor, units=10), shipping={"settle_seconds": 1.0})
    assert len(client.ledger(url).batches[vendor]) == 2
    assert client.ledger(url).repeated == 0
    assert "found at its provider" in view.paths.run_log.read_text()


@pytest.mark.parametrize("kind", STRANGE_REPLIES)
def test_strange_reply_is_judged_as_in_realtime(kind, make_mill, root, url):
    """To the byte, and the run goes on."""
    rule = {"contains": "u0003", "do": "text", "text": STRANGE_REPLIES[kind]}
    ends = []
    for lane in ("batch", "realtime"):
        client.reset(root)
        client.script(url, [rule])
        view = finished(make_mill("openai", units=10, config={"max_retries": 0}), lane=lane)
        ends.append(derived(view.paths.dir))
    assert ends[0] == ends[1]
    assert runs.totals(view.state).failed == (kind not in FINE)


class Twice:
    """Does every part of the work twice, as an orchestrator may that retries a task."""

    def __init__(self, lane) -> None:
        self.lane = lane

    async def advance(self, step: str, chunk: str) -> object:
        return await self.lane.advance(step, chunk)

    async def post(self, step: str, chunk: str, verb) -> int:
        await self.lane.post(step, chunk, verb)
        return await self.lane.post(step, chunk, verb)

    async def look(self) -> bool:
        return await self.lane.look() | await self.lane.look()


@pytest.mark.parametrize("vendor", VENDORS)
def test_part_of_the_work_that_is_done_twice_is_done_once(vendor, make_mill, url):
    """Each body finds out first how far things are: no batch is there twice."""
    client.script(url, [{"contains": "u000", "do": "text", "text": "no JSON", "nth": [3]}])
    run_dir = make_mill(vendor)

    async def done_twice() -> None:
        async with opened(run_dir, interval=0.02) as session:
            lane = lane_of(session)
            lane.works = Twice(lane)
            await in_batches(lane, session.rest)
            await session.end()

    asyncio.run(done_twice())
    assert runs.read(run_dir).state.status is Status.COMPLETE
    ledger = client.ledger(url)
    assert (len(ledger.batches[vendor]), ledger.calls, ledger.repeated) == (7, 61, 0)
