"""Whole runs in batches, without Prefect: every unit accounted for, nothing paid twice."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

import runs
from providers.batches import End
from providers.emulator import client
from runs import BatchState, RunView, Status
from tasks.batch_lane import bring_in, in_batches
from tasks.giving_up import give_up
from tasks.opening import opened
from tasks.order import in_order
from tests.providers.asking import SDK_WARNINGS
from tests.tasks.mill import STEPS, VENDORS, derived, finished, lane_of, through

pytestmark = SDK_WARNINGS


def lanes(view: RunView, step: str) -> Counter[str]:
    """Return how many answers came by each lane."""
    return Counter(
        attempt.lane
        for chunk in view.state.chunks
        for history in runs.attempts(view.paths.chunk(chunk).results(step)).values()
        for attempt in history
        if not attempt.lost
    )


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_run_in_batches_ends_as_one_in_realtime(vendor, make_mill, root, url):
    """With the same bytes, at half the price; each unit is asked once."""
    batch = finished(make_mill(vendor))
    ledger = client.ledger(url)
    assert ledger.repeated == 0
    assert len(ledger.batches[vendor]) == 6
    assert sum(found["calls"] for found in ledger.batch_models.values()) == 60
    client.reset(root)
    realtime = finished(make_mill(vendor), lane="realtime")
    assert derived(batch.paths.dir) == derived(realtime.paths.dir)
    half, whole = (runs.totals(view.state).cost_usd for view in (batch, realtime))
    assert half is not None
    assert whole is not None
    assert abs(2 * half - whole) < whole / 1000


@pytest.mark.parametrize("vendor", VENDORS)
def test_bad_replies_and_failed_lines_travel_again_together(vendor, make_mill, url):
    """Each unit once plus its retries; the retries of many chunks are few batches."""
    client.script(
        url,
        [
            {"match": "BATCH ", "contains": "u000", "do": "text", "text": "no JSON", "nth": [2, 5]},
            {"match": "BATCH ", "contains": "u001", "do": "status", "status": 500, "nth": [3]},
        ],
    )
    view = finished(make_mill(vendor, units=40))
    totals = runs.totals(view.state)
    assert (totals.valid, totals.failed, totals.attempts) == (40, 0, 82)
    ledger = client.ledger(url)
    assert ledger.calls == 82
    assert len(ledger.batches[vendor]) == 9


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "fault",
    [
        {"do": "drop", "count": 3},
        {"do": "duplicate", "count": 3, "different": True},
        {"do": "unknown", "count": 2},
        {"do": "bad_lines", "count": 2},
        {"do": "reorder"},
        {"do": "cut_download", "body_bytes": 200, "times": 1},
        {"do": "error_lines", "count": 2, "status": 500},
        {"do": "expire", "share": 0.5},
        {"do": "cancel", "share": 0.5},
        {"do": "hang_up"},
        {"do": "fail"},
    ],
    ids=lambda fault: fault["do"],
)
def test_whatever_happens_to_a_batch_every_unit_has_its_verdict(vendor, fault, make_mill, url):
    """And the results are those of a run to which nothing happened."""
    if (vendor, fault["do"]) == ("anthropic", "fail"):
        fault = {"do": "queue_limit"}  # there a batch never fails as a whole
    undisturbed = derived(finished(make_mill(vendor)).paths.dir)
    client.batches(url, rules=[{"vendor": vendor, "nth": [7, 8], **fault}])
    view = finished(make_mill(vendor))
    assert derived(view.paths.dir) == undisturbed
    charged = Counter(client.ledger(url).requests)
    # Gemini keeps nothing of a batch that did not end well.
    lost = fault["do"] == "drop" or (vendor == "gemini" and fault["do"] in {"expire", "cancel"})
    assert max(charged.values()) <= 2 + lost  # in two runs
    possible = runs.totals(view.state).possible_usd
    assert possible is not None
    assert bool(possible) == lost


@pytest.mark.parametrize("vendor", ["openai", "gemini"])
def test_a_batch_that_fails_travels_once_more_as_another(vendor, make_mill, url):
    """With the same requests, under a name of its own: what it brings is not taken for old."""
    client.batches(url, rules=[{"vendor": vendor, "nth": [1], "do": "fail"}])
    view = finished(make_mill(vendor, units=10))
    assert runs.totals(view.state).valid == 10
    assert len(view.state.batches) == len(client.ledger(url).batches[vendor]) == 3
    assert client.ledger(url).repeated == 0


@pytest.mark.parametrize("vendor", VENDORS)
def test_accepted_and_hung_up_is_found_and_adopted(vendor, make_mill, url):
    """One batch, not two."""
    client.batches(url, rules=[{"vendor": vendor, "nth": [1, 3], "do": "hang_up"}])
    view = finished(make_mill(vendor))
    assert len(client.ledger(url).batches[vendor]) == 6
    assert client.ledger(url).repeated == 0
    states = Counter(batch.state for batch in view.state.batches.values())
    assert states == {BatchState.COLLECTED: 6}


def test_a_batch_that_bears_no_name_is_waited_for(make_mill, url):
    """Anthropic's says whose it is by its first result: until then nothing is sent again."""
    client.batches(url, seconds=1, rules=[{"vendor": "anthropic", "nth": [1], "do": "hang_up"}])
    view = finished(make_mill("anthropic", units=10))
    assert len(client.ledger(url).batches["anthropic"]) == 2
    assert client.ledger(url).repeated == 0
    assert "batch_may_be" in view.paths.run_log.read_text()


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_refused_key_pauses_the_run_and_fails_nothing(vendor, make_mill, url):
    client.script(url, [{"match": "POST", "do": "status", "status": 401}])
    run_dir = make_mill(vendor)
    asyncio.run(through(run_dir))
    view = runs.read(run_dir)
    assert view.state.status is Status.PAUSED
    assert (view.state.paused_reason or "").startswith(f"provider: {vendor}: ")
    client.script(url, [])
    finished(run_dir)
    assert client.ledger(url).repeated == 0


def test_a_cap_holds_in_batches_too(make_mill, url):
    """Each batch is set aside whole before it is handed in."""
    run_dir = make_mill("openai", max_cost=0.0015)
    asyncio.run(through(run_dir))
    view = runs.read(run_dir)
    assert (view.state.paused_reason or "").startswith("cap: ")
    assert client.ledger(url).calls == 0
    assert list(view.paths.batches.glob("*.tmp")) == []


def test_a_run_in_realtime_is_finished_in_batches(make_mill, url):
    """Each attempt knows its lane; what is answered is not asked again."""
    run_dir = make_mill("openai")
    refused = {"match": "POST", "do": "status", "status": 401, "nth": list(range(9, 99))}
    client.script(url, [refused])
    asyncio.run(through(run_dir, lane="realtime"))
    assert runs.read(run_dir).state.status is Status.PAUSED
    client.script(url, [])
    view = finished(run_dir, lane="batch")
    assert view.state.spec.mode == "batch"
    assert client.ledger(url).repeated == 0
    assert lanes(view, "write") == {"realtime": 8, "batch": 22}


def test_a_run_in_batches_is_finished_in_realtime(make_mill, url):
    """What the vendor has done is fetched, the rest is cancelled there and asked one by one."""
    run_dir = make_mill("openai")
    client.batches(url, rules=[{"do": "stuck", "share": 0.4}])

    async def pause_at_once() -> None:
        async with opened(run_dir, interval=0.02) as session:
            lane = lane_of(session)
            await lane.settle()
            session.interrupt()
            await session.end()

    asyncio.run(pause_at_once())
    assert len(runs.read(run_dir).state.batches.open) == 3

    async def in_realtime() -> None:
        async with opened(run_dir, lane="realtime", interval=0.02) as session:
            await bring_in(lane_of(session), session.rest)
            await in_order(session, session.advance)
            await session.end()

    asyncio.run(in_realtime())
    view = runs.read(run_dir)
    assert view.state.status is Status.COMPLETE
    assert runs.totals(view.state).valid == 30
    assert client.ledger(url).repeated == 0
    assert {batch.end for batch in view.state.batches.values()} == {"cancelled"}


def test_a_run_that_is_given_up_is_given_up_at_its_vendor(make_mill, url):
    """And does not go on."""
    run_dir = make_mill("anthropic")
    client.batches(url, seconds=1000)

    async def give_up() -> None:
        async with opened(run_dir, interval=0.02) as session:
            lane = lane_of(session)
            await lane.settle()
            session.cancel()
            await session.end()
            ids = [str(batch.batch_id) for batch in session.run.state.batches.open]
            standings = await session.desk.counter("write").batches.check(ids)
            assert all(standing.end is End.CANCELLED for standing in standings.values())

    asyncio.run(give_up())
    assert runs.read(run_dir).state.status is Status.CANCELLED


@pytest.mark.parametrize(("seconds", "handed_in"), [(0, 1), (30, 3)])
def test_what_is_done_is_fetched_while_more_is_handed_in(
    make_mill, url, monkeypatch, seconds, handed_in
):
    """Where handing in takes long, and there is much of it."""
    monkeypatch.setattr("tasks.batch_lane.HANDING_IN", timedelta(seconds=seconds))
    run_dir = make_mill("openai")
    client.batches(url, seconds=0)
    asyncio.run(through(run_dir))
    log = runs.RunPaths(run_dir).run_log.read_text().splitlines()
    words = [line.split()[1] for line in log]
    assert words[: words.index("batch_brought")].count("batch_submitted") == handed_in
    finished(run_dir)


def test_what_a_vendor_had_done_of_a_run_that_is_given_up_is_kept(make_mill, url):
    """And counted, for it is paid; as soon as the vendor has stopped, which takes its time."""
    run_dir = make_mill("anthropic")
    client.batches(url, seconds=1000, cancel_seconds=60)

    async def hand_in() -> None:
        async with opened(run_dir, interval=0.02) as session:
            lane = lane_of(session)
            await lane.settle()
            session.interrupt()
            await session.end()

    asyncio.run(hand_in())
    client.clock(url, step=500)
    asyncio.run(give_up(run_dir))
    left = runs.read(run_dir).state
    assert left.status is Status.CANCELLED
    assert {batch.state for batch in left.batches.values()} == {BatchState.SUBMITTED}

    client.clock(url, step=100)
    asyncio.run(give_up(run_dir))
    view = runs.read(run_dir)
    assert view.state.batches.open == ()
    assert view.state.status is Status.CANCELLED
    charged = client.ledger(url).calls
    assert 0 < charged < 30
    assert runs.totals(view.state).attempts == charged


def test_a_run_without_batches_is_given_up_without_a_key(make_mill, monkeypatch):
    run_dir = make_mill("openai")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    asyncio.run(give_up(run_dir))
    assert runs.read(run_dir).state.status is Status.CANCELLED


def test_what_was_never_sent_is_not_sent_to_be_stopped(make_mill, url):
    """A lane that is left sends nothing more, not even what its vendor had turned away."""
    run_dir = make_mill("openai", units=10)
    client.script(url, [{"match": "POST /openai/v1/batches", "do": "status", "status": 500}])

    async def leave() -> None:
        async with opened(run_dir, interval=0.02) as session:
            lane = lane_of(session)
            await lane.settle()
            client.script(url, [])
            await bring_in(lane, session.rest)
            session.interrupt()
            await session.end()

    asyncio.run(leave())
    [batch] = runs.read(run_dir).state.batches.values()
    assert batch.state is BatchState.REFUSED
    assert client.ledger(url).batches == {}


def test_a_batch_that_nobody_can_find_out_about_waits_for_a_person(make_mill, url):
    """The run pauses and says so; told to, it asks once more."""
    run_dir = make_mill("openai", units=10)
    client.batches(url, rules=[{"do": "no_results", "nth": [1]}])
    asyncio.run(through(run_dir))
    view = runs.read(run_dir)
    assert view.state.status is Status.PAUSED
    assert "--ask-again" in (view.state.paused_reason or "")
    finished(run_dir, ask_again=True)


def test_a_request_is_heeded_by_who_holds_the_run(make_mill, url):
    """From another process, or another thread."""
    run_dir = make_mill("openai")
    client.batches(url, seconds=1000)
    paths = runs.RunPaths(run_dir)

    async def asked() -> None:
        running = asyncio.create_task(through(run_dir))
        while not runs.read(run_dir).state.batches.open:  # noqa: ASYNC110  files have no event
            await asyncio.sleep(0.01)
        assert await asyncio.to_thread(runs.request, paths, runs.Verb.PAUSE)
        await running

    asyncio.run(asked())
    assert runs.read(run_dir).state.status is Status.PAUSED
    # Before it stood still, it said that it would.
    told = (runs.loads(line.partition(b" ")[2]) for line in paths.journal.read_bytes().splitlines())
    stands = [line for line in told if line["event"] == "status"]
    assert [(line["status"], line["reason"]) for line in stands[-2:]] == [
        ("running", "interrupted"),
        ("paused", "interrupted"),
    ]


def test_a_request_that_nobody_hears_is_taken_back(make_mill):
    paths = runs.RunPaths(make_mill("openai"))
    assert not runs.request(paths, runs.Verb.PAUSE, patience_seconds=0.05)
    assert list(paths.control.iterdir()) == []
    (paths.control / "bad.json").write_text("{")
    assert runs.requests(paths) == []


def test_a_tick_is_one_look_and_says_until_when_nothing_is_to_do(make_mill, url):
    """Between ticks the run waits for nobody in particular; enough of them finish it."""
    run_dir = make_mill("openai")
    client.batches(url, seconds=1000)
    asyncio.run(through(run_dir, tick=True, interval=60))
    waiting = runs.read(run_dir)
    assert waiting.state.status is Status.RUNNING
    assert waiting.state.waiting is not None
    assert waiting.state.waiting.reason == "3 batches at openai, 0 s"
    assert (waiting.state.waiting.until - waiting.state.updated).total_seconds() > 55
    assert waiting.liveness is runs.Liveness.DEFERRED
    client.batches(url, seconds=0)
    client.clock(url, step=2000)
    ticks = 0
    while runs.read(run_dir).state.status is Status.RUNNING:
        asyncio.run(through(run_dir, tick=True))
        ticks += 1
    assert ticks <= 4
    assert runs.totals(runs.read(run_dir).state).valid == 30
    assert client.ledger(url).repeated == 0


@pytest.mark.parametrize("vendor", VENDORS)
def test_past_its_deadline_a_run_is_finished_in_realtime(vendor, make_mill, url):
    """Batches are stopped, what they brought is kept, and the rest is asked one by one."""
    run_dir = make_mill(vendor, deadline=0.3)
    client.batches(url, rules=[{"do": "stuck", "share": 0.4}])
    view = finished(run_dir)
    assert view.state.spec.mode == "realtime"
    assert runs.totals(view.state).valid == 30
    assert lanes(view, "write")["realtime"] > 0
    assert lanes(view, "grade") == {"realtime": 30}


def test_a_deadline_counts_from_the_first_start(make_mill):
    """It is kept when the run goes on; said once more it begins anew."""
    run_dir = make_mill("openai", deadline=3600)
    assert runs.read(run_dir).state.deadline is None

    async def start(**said) -> None:
        async with opened(run_dir, **said) as session:
            session.interrupt()
            await session.end()

    asyncio.run(start())
    first = runs.read(run_dir).state.deadline
    assert first is not None
    asyncio.run(start())
    assert runs.read(run_dir).state.deadline == first
    asyncio.run(start(deadline=7200.0))
    second = runs.read(run_dir).state.deadline
    assert second is not None
    assert 3500 < (second - first).total_seconds() < 3700


def test_a_run_is_worked_on_for_so_long_at_most(make_mill, url):
    """Its batches go on at the vendor, and it goes on with them."""
    run_dir = make_mill("openai")
    client.batches(url, rules=[{"do": "stuck", "nth": [1]}])
    asyncio.run(through(run_dir, timeout=0.5))
    view = runs.read(run_dir)
    assert view.state.status is Status.PAUSED
    assert view.state.paused_reason == "time: the 0 s of this start are over"
    assert [batch.state for batch in view.state.batches.open] == [BatchState.SUBMITTED]


def test_what_is_in_batches_when_a_holder_dies_is_not_in_doubt(make_mill, url):
    """It is written down with them; only calls under way may be on the bill unseen."""
    run_dir = make_mill("openai")
    client.batches(url, rules=[{"do": "stuck", "nth": [1]}])

    async def die() -> None:
        async with opened(run_dir) as session:
            await lane_of(session).settle()
            session.hint(force=True)

    asyncio.run(die())
    assert len(runs.read(run_dir).state.batches.open) == 3

    async def go_on() -> None:
        async with opened(run_dir) as session:
            held = sum(batch.reserved_usd for batch in session.run.state.batches.open)
            assert session.desk.purse.reserved_usd == held > 0
            assert session.run.state.in_doubt_usd == 0

    asyncio.run(go_on())


def test_what_a_tick_has_brought_is_counted_before_a_step_is_at_its_end(make_mill, url):
    """And what it cost: replies that are here are paid."""
    run_dir = make_mill("openai", units=20, chunk_size=20, config={"said": SHORT, **with_rules()})
    client.batches(url, seconds=0)
    asyncio.run(through(run_dir, tick=True))
    view = runs.read(run_dir)
    assert view.liveness is runs.Liveness.DEFERRED
    assert view.state.batches.open
    assert runs.step_counts(view.state)["write"].attempts == 20
    assert runs.totals(view.state).cost_usd


SHORT = "{{ unit_id if attempt > 1 or unit_id not in ('u0003', 'u0017') else 'x' * 99 }}"
LONG_WORDS = {"rules": [{"name": "short", "expr": "len(word) < 20", "error": "a long word"}]}


def with_rules(**keys: object) -> dict[str, object]:
    """Return the pipeline with a rule, and these keys, at its first step."""
    return {"pipeline": [{**STEPS[0], **LONG_WORDS, **keys}, *STEPS[1:]]}


def test_the_last_few_of_a_step_are_asked_at_once_where_that_is_wanted(make_mill, url):
    """They do not wait for a batch of their own; the bytes are the same."""
    config = {"said": SHORT, **with_rules()}
    slow = finished(make_mill("openai", units=120, chunk_size=20, config=config))
    batches = len(client.ledger(url).batches["openai"])
    config = {"said": SHORT, **with_rules(stragglers="realtime")}
    quick = finished(make_mill("openai", units=120, chunk_size=20, config=config))
    assert derived(quick.paths.dir) == derived(slow.paths.dir)
    assert lanes(quick, "write") == {"batch": 120, "realtime": 2}
    assert lanes(quick, "grade") == {"batch": 120}
    assert len(client.ledger(url).batches["openai"]) - batches == batches - 1


def test_many_are_no_stragglers(make_mill, url):
    """A tenth of a step travels in a batch again."""
    config = {"said": SHORT, **with_rules(stragglers="realtime")}
    view = finished(make_mill("openai", units=20, chunk_size=20, config=config))
    assert lanes(view, "write") == {"batch": 22}


def test_a_batch_that_grows_too_old_is_stopped_and_the_rest_asked_again(make_mill, url):
    """What it brought is kept."""
    client.batches(url, rules=[{"do": "stuck", "nth": [1], "share": 0.4}])
    view = finished(make_mill("openai", config=with_rules(max_batch_age=0.2)))
    ends = Counter(batch.end for batch in view.state.batches.values())
    assert ends["cancelled"] == 1
    assert runs.totals(view.state).valid == 30
    assert client.ledger(url).repeated == 0


def test_a_batch_that_its_vendor_cannot_even_stop_waits_for_a_person(make_mill, url):
    run_dir = make_mill("openai", units=10, config=with_rules(max_batch_age=1))
    client.batches(url, rules=[{"do": "stuck", "nth": [1]}])

    async def hours_later() -> None:
        async with opened(run_dir, interval=0.02) as session:
            lane = lane_of(session)
            await lane.settle()
            lane.sensor.clock = lambda: datetime.now(UTC) + timedelta(hours=2)
            await in_batches(lane, session.rest)
            await session.end()

    asyncio.run(hours_later())
    view = runs.read(run_dir)
    assert view.state.status is Status.PAUSED
    assert "it was to be stopped after 1 s and does not end" in (view.state.paused_reason or "")


def test_three_units_go_ahead_of_many(make_mill, url):
    """One by one, through all steps; what they are answered is not asked again."""
    view = finished(make_mill("openai", units=1001, chunk_size=500))
    assert lanes(view, "write") == {"realtime": 3, "batch": 998}
    assert lanes(view, "grade") == {"realtime": 3, "batch": 998}
    assert client.ledger(url).repeated == 0


def test_a_mistake_costs_three_calls(make_mill, url):
    """And the run says what is wrong; who goes on with it all the same has read it."""
    config = {"said": "x" * 99, **with_rules()}
    run_dir = make_mill("openai", units=1001, chunk_size=500, config=config, min_pass_rate=0)
    asyncio.run(through(run_dir))
    view = runs.read(run_dir)
    assert view.state.status is Status.PAUSED
    assert view.state.paused_reason == (
        "canary: none of 3 units that went ahead passes write: 3 x short; for example: a long word"
    )
    assert client.ledger(url).calls == 3
    assert view.state.batches == {}
    client.batches(url, seconds=1000)
    asyncio.run(through(run_dir, tick=True))
    view = runs.read(run_dir)
    assert len(view.state.batches.open) == 3


def test_who_wants_no_canary_has_none(make_mill, url):
    client.batches(url, seconds=1000)
    run_dir = make_mill("openai", units=1001, chunk_size=1001, skip_canary=True)
    asyncio.run(through(run_dir, tick=True))
    assert client.ledger(url).calls == 0
    assert len(runs.read(run_dir).state.batches.open) == 1


@pytest.mark.parametrize("lane", ["batch", "realtime"])
def test_a_run_that_mostly_fails_stops_after_its_first_wave(lane, make_mill, url):
    """It says why; gone on with it goes on to the end."""
    said = "{{ 'x' * 99 if attempt == 1 and unit_id[-1] in '0123456' else 'w-' ~ unit_id }}"
    run_dir = make_mill("openai", units=100, chunk_size=50, config={"said": said, **with_rules()})
    asyncio.run(through(run_dir, lane=lane))
    view = runs.read(run_dir)
    assert view.state.status is Status.PAUSED
    reason = view.state.paused_reason or ""
    assert reason.startswith("pass rate: ")
    assert "replies of write pass, at least 50% should: " in reason
    assert reason.endswith(" x short; for example: a long word")
    view = finished(run_dir)
    assert runs.totals(view.state).valid == 100
    assert client.ledger(url).repeated == 0


def test_how_many_must_pass_is_for_the_pipeline_to_say(make_mill, url):
    said = "{{ 'x' * 99 if attempt == 1 and unit_id[-1] in '0123456' else 'w-' ~ unit_id }}"
    config = {"said": said, "min_pass_rate": 0.2, **with_rules()}
    assert finished(make_mill("openai", units=100, chunk_size=50, config=config))


def test_each_step_may_be_at_another_vendor(make_mill, url):
    """And wait for its own batches; the expressions in between wait for nobody."""
    config = {
        "api": {"provider": "gemini"},
        "pipeline": [{**STEPS[0], "provider": "openai"}, STEPS[1], STEPS[2]],
    }
    view = finished(make_mill(None, config=config))
    assert {batch.provider for batch in view.state.batches.values()} == {"openai", "gemini"}
    ledger = client.ledger(url)
    assert (len(ledger.batches["openai"]), len(ledger.batches["gemini"])) == (3, 3)
    assert runs.totals(view.state).valid == 30


def test_a_vendor_that_is_asked_too_often_says_when_to_look_again(make_mill, url):
    """It is heeded, and only until the next look."""
    run_dir = make_mill("openai")
    client.batches(url, seconds=1000)

    async def looked() -> list[float]:
        async with opened(run_dir, interval=0.02) as session:
            lane = lane_of(session)
            await lane.settle()
            before = lane.next_look()
            headers = {"retry-after": "77"}
            client.script(
                url, [{"match": "GET", "do": "status", "status": 429, "headers": headers}]
            )
            await lane.look()
            client.script(url, [])
            told = lane.next_look()
            await lane.look()
            return [before, told, lane.next_look()]

    assert asyncio.run(looked()) == [0.02, 77.0, 0.02]
