"""One batch lane, three vendors: what each of them promises, against the emulator."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import orjson
import pytest

from providers import connect, registry
from providers.batches import End, Found, LineEnd
from providers.connect import codec
from providers.emulator import client
from providers.errors import Gone, Misconfigured, Retryable, UnknownOutcome
from providers.keys import Key
from providers.protocol import Limits
from tests.providers.asking import SDK_WARNINGS
from tests.providers.batching import KEY, OTHER, emulated_lane, key, lines_of, make_intent, wired

pytestmark = SDK_WARNINGS


@pytest.fixture
async def lane(contract, emulator):
    async with emulated_lane(contract, emulator) as made:
        yield made


@pytest.fixture
def make(lane, contract, tmp_path):
    def made(count=5, **fields):
        return make_intent(lane, contract, tmp_path, count, **fields)

    return made


@pytest.fixture
def plays(emulator):
    def play(*rules, **batching):
        client.batches(emulator, rules=list(rules), **batching)

    return play


async def standing_of(lane, batch_id):
    return (await lane.check([batch_id]))[batch_id]


async def brought(lane, batch_id, into):
    await lane.collect(await standing_of(lane, batch_id), into)
    return lines_of(lane, into)


def created(emulator, contract):
    return list(client.ledger(emulator).batches.get(contract.name, []))


# Submit, check, collect


async def test_batch_is_submitted_checked_and_collected(lane, contract, make, tmp_path, emulator):
    batch_id = await lane.submit(make())
    said = await standing_of(lane, batch_id)
    assert (said.id, said.end, said.requests, said.answered, said.failed) == (
        batch_id,
        End.COMPLETED,
        5,
        5,
        0,
    )
    lines = await brought(lane, batch_id, tmp_path / "results")
    assert [line.custom_id for line in lines] == [f"{KEY[:8]}-{n:06}" for n in range(5)]
    assert {(line.end, line.status) for line in lines} == {(LineEnd.ANSWERED, 200)}
    for line in lines:
        reply = codec(contract.name).from_wire(orjson.loads(line.raw or b""))
        assert reply.text
        assert reply.usage is not None
    ledger = client.ledger(emulator)
    assert (ledger.calls, ledger.repeated) == (5, 0)
    assert created(emulator, contract) == [batch_id]


async def test_requests_are_the_ones_of_realtime(lane, contract, make, emulator, tmp_path):
    """Both lanes get the same reply, since they send the same bytes."""
    await brought(lane, await lane.submit(make()), tmp_path / "results")
    sent = {sha256(wired(contract, number)).hexdigest() for number in range(5)}
    assert client.ledger(emulator).requests.keys() == sent


async def test_file_may_end_without_a_newline(lane, make, tmp_path):
    intent = make()
    whole = intent.file.read_bytes()[:-1]
    intent.file.write_bytes(whole)
    batch_id = await lane.submit(replace(intent, size_bytes=len(whole)))
    assert len(await brought(lane, batch_id, tmp_path / "results")) == 5


async def test_batch_at_work_has_no_end_and_no_results(lane, make, plays, emulator):
    plays(seconds=1000)
    batch_id = await lane.submit(make())
    client.clock(emulator, step=500)
    said = await standing_of(lane, batch_id)
    assert (said.end, said.results, said.requests) == (None, (), 5)
    assert said.answered is None or 0 < said.answered < 5


async def test_unknown_batch_is_missing(lane, make):
    batch_id = await lane.submit(make())
    unknown = f"{batch_id[:-4]}0000"
    assert set(await lane.check([batch_id, unknown])) == {batch_id}
    assert not await lane.check([unknown])


async def test_checking_nothing_asks_nobody(lane):
    assert not await lane.check([])


async def test_many_batches_are_checked_page_by_page(lane, make, monkeypatch, contract):
    """Eleven on pages of four: three lists, and no single one."""
    made = [await lane.submit(make(1, key=key(str(number)))) for number in range(11)]
    asked = small_pages(lane, monkeypatch)
    assert set(await lane.check(made)) == set(made)
    assert len(asked) == 3
    asked.clear()
    assert set(await lane.check([made[0], made[-1]])) == {made[0], made[-1]}
    assert len(asked) == 2


def small_pages(lane, monkeypatch, size=4):
    """Make the vendor's pages small; return the addresses that are asked for."""
    asked = []
    send = lane._connection.send

    async def smaller(method, path, **sent):
        for usual in ("limit=1000", "limit=100", "pageSize=100"):
            name = usual.partition("=")[0]
            path = path.replace(usual, f"{name}={size}") if f"{usual}0" not in path else path
        asked.append(path)
        return await send(method, path, **sent)

    monkeypatch.setattr(lane._connection, "send", smaller)
    return asked


# Ends


async def test_expired_batch_gives_what_there_is(lane, contract, make, plays, tmp_path):
    plays({"do": "expire", "share": 0.4})
    batch_id = await lane.submit(make())
    said = await standing_of(lane, batch_id)
    assert said.end is End.EXPIRED
    ends = Counter(line.end for line in await brought(lane, batch_id, tmp_path / "results"))
    if contract.name == "gemini":
        assert not ends
    else:
        assert ends == {LineEnd.ANSWERED: 2, LineEnd.UNSERVED: 3}


async def test_cancelled_batch_gives_what_there_is(lane, contract, make, plays, tmp_path):
    plays({"do": "cancel", "share": 0.4}, {"do": "partial"})
    batch_id = await lane.submit(make())
    assert (await standing_of(lane, batch_id)).end is End.CANCELLED
    ends = Counter(line.end for line in await brought(lane, batch_id, tmp_path / "results"))
    assert ends[LineEnd.ANSWERED] == 2
    assert ends[LineEnd.UNSERVED] == (0 if contract.name == "gemini" else 3)


async def test_batch_is_cancelled(lane, make, plays, emulator):
    plays(seconds=1000)
    batch_id = await lane.submit(make())
    await lane.cancel(batch_id)
    await lane.cancel(batch_id)
    client.clock(emulator, step=1)
    assert (await standing_of(lane, batch_id)).end is End.CANCELLED


async def test_batch_at_its_end_and_one_that_is_not_there_need_no_cancelling(lane, make):
    batch_id = await lane.submit(make())
    assert (await standing_of(lane, batch_id)).end is End.COMPLETED
    await lane.cancel(batch_id)
    await lane.cancel(f"{batch_id[:-4]}0000")


async def test_failed_batch_says_why(lane, contract, make, plays, tmp_path):
    """With Anthropic all of its lines say it: the whole never fails."""
    plays({"do": "fail", "code": "invalid_json_line", "message": "Line 3 is not JSON."})
    batch_id = await lane.submit(make())
    said = await standing_of(lane, batch_id)
    lines = await brought(lane, batch_id, tmp_path / "results")
    if contract.name == "anthropic":
        assert said.end is End.COMPLETED
        assert {(line.end, line.message) for line in lines} == {
            (LineEnd.REJECTED, "Line 3 is not JSON.")
        }
    else:
        assert said.end is End.FAILED
        assert "Line 3 is not JSON." in (said.message or "")
        assert lines == []


# Lines


@pytest.mark.parametrize(
    "told",
    [
        (400, LineEnd.REJECTED),
        (401, LineEnd.UNSERVED),
        (429, LineEnd.UNSERVED),
        (500, LineEnd.UNSERVED),
    ],
)
async def test_error_lines_tell_whose_fault_it_is(lane, make, plays, tmp_path, told):
    status, end = told
    plays({"do": "error_lines", "lines": [1], "status": status, "message": "So it is."})
    lines = await brought(lane, await lane.submit(make()), tmp_path / "results")
    (failed,) = [line for line in lines if line.end is not LineEnd.ANSWERED]
    assert (failed.custom_id, failed.end, failed.raw) == (f"{KEY[:8]}-000001", end, None)
    assert failed.message == "So it is."


async def test_bad_lines_are_told_apart(lane, make, plays, tmp_path):
    plays({"do": "bad_lines", "lines": [0, 3]})
    batch_id, into = await lane.submit(make()), tmp_path / "results"
    await lane.collect(await standing_of(lane, batch_id), into)
    read = []
    for line in into.read_bytes().splitlines():
        try:
            read.append(lane.read_line(line).custom_id)
        except ValueError:
            read.append(None)
    assert len([one for one in read if one is None]) >= 2
    assert [one for one in read if one] == [f"{KEY[:8]}-{n:06}" for n in range(5)]


# Downloads that go wrong


async def test_download_that_breaks_off_leaves_nothing_and_can_be_repeated(
    lane, make, plays, tmp_path
):
    plays({"do": "cut_download", "body_bytes": 200, "times": 1})
    said = await standing_of(lane, batch_id := await lane.submit(make()))
    into = tmp_path / "batches" / "results"
    into.parent.mkdir()
    with pytest.raises(UnknownOutcome):
        await lane.collect(said, into)
    assert list(into.parent.iterdir()) == []
    assert len(await brought(lane, batch_id, into)) == 5
    assert list(into.parent.iterdir()) == [into]


async def test_results_that_are_gone_are_gone(lane, make, plays, tmp_path):
    plays({"do": "no_results"})
    said = await standing_of(lane, await lane.submit(make()))
    with pytest.raises(Gone):
        await lane.collect(said, tmp_path / "results")
    assert not (tmp_path / "results").exists()


async def test_results_that_were_deleted_long_ago_are_gone(lane, make, emulator, tmp_path):
    batch_id = await lane.submit(make())
    assert (await standing_of(lane, batch_id)).end is End.COMPLETED
    client.clock(emulator, step=60 * 24 * 3600)
    with pytest.raises(Gone):
        await lane.collect(await standing_of(lane, batch_id), tmp_path / "results")


# Finding what may have been created


async def test_batch_is_found_after_its_vendor_hung_up(lane, contract, make, plays, emulator):
    plays({"do": "hang_up"}, seconds=1000)
    intent = make()
    with pytest.raises(UnknownOutcome):
        await lane.submit(intent)
    (batch_id,) = created(emulator, contract)
    proven = contract.name != "anthropic"
    assert await lane.find(intent, known=()) == (Found(batch_id, proven),)
    client.clock(emulator, step=2000)
    await lane.check([batch_id])
    assert await lane.find(intent, known=()) == (Found(batch_id, proven=True),)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_error_of_the_server_may_hide_a_batch(lane, make, plays, status):
    plays({"do": "hang_up", "status": status})
    intent = make()
    with pytest.raises(UnknownOutcome):
        await lane.submit(intent)
    (found,) = await lane.find(intent, known=())
    assert found.batch_id in await lane.check([found.batch_id])


async def test_nothing_is_found_where_nothing_is(lane, make):
    assert await lane.find(make(), known=()) == ()


async def test_batches_of_others_are_not_found(lane, make, contract):
    """With Anthropic, as soon as they are at their end."""
    other = await lane.submit(make(key=OTHER))
    await lane.check([other])
    assert await lane.find(make(), known=()) == ()


async def test_batch_at_work_of_another_size_is_not_found(lane, make, plays):
    plays(seconds=1000)
    await lane.submit(make(4, key=OTHER))
    assert await lane.find(make(), known=()) == ()


async def test_known_batches_belong_to_others(lane, make):
    batch_id = await lane.submit(intent := make())
    assert await lane.find(intent, known={batch_id}) == ()


async def test_list_that_lags_behind_shows_it_later(lane, contract, make, plays, emulator):
    plays({"do": "hang_up"}, {"do": "hide", "seconds": 120})
    intent = make()
    with pytest.raises(UnknownOutcome):
        await lane.submit(intent)
    assert await lane.find(intent, known=()) == ()
    client.clock(emulator, step=121)
    (found,) = await lane.find(intent, known=())
    assert [found.batch_id] == created(emulator, contract)


async def test_two_of_the_same_are_found_the_oldest_first(lane, contract, make, emulator):
    first = await lane.submit(intent := make())
    client.clock(emulator, step=10)
    second = await lane.submit(intent)
    assert created(emulator, contract) == [first, second]
    await lane.check([first, second])
    found = await lane.find(intent, known=())
    assert found == (Found(first, proven=True), Found(second, proven=True))


async def test_batch_is_found_though_our_clock_was_wrong(lane, make):
    intent = make(at=make().at + timedelta(hours=1))
    batch_id = await lane.submit(intent)
    assert [one.batch_id for one in await lane.find(intent, known=())] == [batch_id]


async def test_batch_is_found_behind_many_others(lane, make, monkeypatch):
    batch_id = await lane.submit(intent := make())
    for number in range(9):
        await lane.submit(make(2, key=key(str(number))))
    await lane.check([batch_id])
    asked = small_pages(lane, monkeypatch)
    found = await lane.find(intent, known=())
    assert [one.batch_id for one in found] == [batch_id]
    assert len(asked) == 3


# What is refused


async def test_batch_beyond_the_hourly_number_is_for_later(lane, contract, make, plays, emulator):
    plays(limits={contract.name: {"created_per_hour": 1}})
    await lane.submit(make())
    with pytest.raises(Retryable):
        await lane.submit(make(key=OTHER))
    assert len(created(emulator, contract)) == 1


async def test_unknown_key_is_for_a_person(contract, emulator, tmp_path):
    url = emulator + registry.vendor(contract.name).emulator_path
    connection = contract.adapter.connect(
        Key("sk-real"), url, name=contract.name, limits=Limits(1, 1)
    )
    lane = connect.batches(contract.name, connection)
    batch_id = "batches/1" if contract.name == "gemini" else "batch_1"
    for call in (
        lane.submit(make_intent(lane, contract, tmp_path)),
        lane.check([batch_id]),
        lane.find(make_intent(lane, contract, tmp_path), known=()),
        lane.cancel(batch_id),
    ):
        with pytest.raises(Misconfigured, match="the key is not accepted"):
            await call
    await connection.close()


async def test_many_are_submitted_at_once(lane, contract, make, emulator):
    intents = [make(2, key=key(str(number))) for number in range(10)]
    ids = await asyncio.gather(*map(lane.submit, intents))
    assert sorted(created(emulator, contract)) == sorted(ids)


def test_local_server_has_no_batch_lane(contract):
    with pytest.raises(Misconfigured, match="no batch lane"):
        connect.batches("local", contract)
