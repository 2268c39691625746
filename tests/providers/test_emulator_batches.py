"""The parts that batches are made of: the clock, a batch's life, its mischief, what comes in."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.emulator.clock import Clock, Pace
from providers.emulator.engine import Engine
from providers.emulator.home import Home
from providers.emulator.jobs import End, Job, Stage, due, fate, has_work, stage
from providers.emulator.ledger import entries
from providers.emulator.mischief import BatchRule, mischief
from providers.emulator.splitting import elements
from providers.emulator.uploads import received
from providers.emulator.vendors import BadRequest
from providers.emulator.works import LINES_AT_ONCE


def make_job(**fields):
    usual = {
        "id": "msgbatch_0123456789ab",
        "vendor": "anthropic",
        "nth": 1,
        "key": "emulated",
        "model": "",
        "endpoint": "/anthropic/v1/messages",
        "created_wall": 1000.0,
        "created": 0.0,
        "seconds": 100.0,
        "window_seconds": 86400.0,
        "size_bytes": 1,
        "total": 100,
        "checked": True,
    }
    return Job.model_validate({**usual, **fields})


def rules(*given):
    return tuple(BatchRule.model_validate(rule) for rule in given)


# The clock.


class Wall:
    seconds = 1000.0

    def __call__(self):
        return self.seconds


def test_clock_runs_with_the_wall_and_is_stepped_and_made_fast():
    wall = Wall()
    clock = Clock(wall, Pace())
    assert clock.now() == 1000
    clock.move(step=500)
    wall.seconds += 10
    assert clock.now() == 1510
    clock.move(rate=60)
    wall.seconds += 10
    assert clock.now() == 2110


def test_clock_goes_on_from_what_was_kept_and_never_back():
    wall, kept = Wall(), []
    Clock(wall, Pace(), kept.append).move(step=500, rate=2)
    wall.seconds += 10
    assert Clock(wall, kept[-1]).now() == 1520
    wall.seconds -= 500
    assert Clock(wall, kept[-1]).now() == 1500


# The life of a batch.


def test_lines_are_due_as_time_goes_by():
    job = make_job()
    assert [due(job, now) for now in (0, 5, 50, 95, 100, 1000)] == [0, 0, 50, 100, 100, 100]
    assert due(make_job(seconds=0), 0) == 100


def test_batch_that_takes_no_time_is_over_at_once():
    assert fate(make_job(seconds=0)) == (End.COMPLETED, 0, 1)


def test_batch_that_takes_longer_than_its_window_expires_with_a_part():
    job = make_job(seconds=200, window_seconds=100)
    assert fate(job) == (End.EXPIRED, 100, 1)
    assert due(job, 1000) == 50


def test_batch_is_answered_no_further_once_it_is_cancelled():
    job = make_job(cancel_asked=50, cancel_seconds=20)
    assert fate(job)[:2] == (End.CANCELLED, 70)
    assert due(job, 1000) == 50


@pytest.mark.parametrize("do", ["expire", "cancel", "stuck"])
def test_fate_by_script_leaves_a_part_answered(do):
    job = make_job(rules=rules({"do": do, "share": 0.29}))
    assert due(job, 10**9) == 29


def test_stages_follow_one_another():
    assert stage(make_job(checked=False), 0) is Stage.VALIDATING
    assert stage(make_job(), 50) is Stage.RUNNING
    assert stage(make_job(), 96) is Stage.FINALIZING
    assert stage(make_job(cancel_asked=1), 96) is Stage.CANCELLING


def test_batch_that_is_cancelled_before_it_is_validated_ends_in_time():
    job = make_job(checked=False, cancel_asked=1.0)
    assert not has_work(job, 0.5)
    assert has_work(job, 1.0)


@given(st.integers(0, 500), st.floats(0, 1), st.integers(0, 3000))
def test_no_more_lines_are_due_than_there_are(total, share, now):
    job = make_job(total=total, rules=rules({"do": "expire", "share": share}))
    assert 0 <= due(job, now) <= due(job, now + 1) <= total


# Mischief.


def test_mischief_is_the_same_for_the_same_seed():
    faults = rules({"do": "drop", "share": 0.1}, {"do": "unknown"})
    assert mischief(faults, 100, "a") == mischief(faults, 100, "a")
    assert mischief(faults, 100, "a") != mischief(faults, 100, "b")
    assert len(mischief(faults, 100, "a").dropped) == 10
    assert len(mischief(faults, 100, "a").unknown) == 1


def test_rule_befalls_batches_of_its_vendor_and_number():
    rule = BatchRule.model_validate({"vendor": "gemini", "nth": [2], "do": "reorder"})
    every = BatchRule.model_validate({"every": 3, "model": "luna", "do": "reorder"})
    assert [rule.befalls("gemini", "m", nth) for nth in (1, 2)] == [False, True]
    assert not rule.befalls("openai", "m", 2)
    assert [every.befalls("openai", "gpt-6-luna", nth) for nth in (2, 3, 6)] == [False, True, True]
    assert not every.befalls("openai", "gpt-6-sol", 3)


# A body of Anthropic's.


def split(tmp_path, text):
    path = tmp_path / "body"
    path.write_bytes(text)
    return list(elements(path, "requests"))


VALUES = st.recursive(st.none() | st.text() | st.integers(-(2**63), 2**63 - 1), st.lists)


@given(st.lists(VALUES), st.sampled_from([0, orjson.OPT_INDENT_2]))
def test_elements_are_those_of_the_array(tmp_path_factory, values, option):
    folder = tmp_path_factory.mktemp("split")
    assert split(folder, orjson.dumps({"requests": values}, option=option)) == values


def test_elements_longer_than_what_is_read_at_once_come_whole(tmp_path):
    values = ["é" * 3_000_000, {"a": "b"}, "c" * 1_500_000, *range(500_000)]
    assert split(tmp_path, orjson.dumps({"requests": values})) == values


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'{"requests"',
        b'{"requests": {}}',
        b'{"requests": [1',
        b'{"requests": [1,]}',
        b'{"requests": [1] "a"}',
        b'{"requests": [1], "other": 1}',
        b'{"other": []}',
        b'{"requests": []} x',
        b'{"requests": ["\xff"]}',
    ],
)
def test_body_that_is_not_in_order_is_refused(tmp_path, text):
    with pytest.raises(ValueError, match=r"\w"):
        split(tmp_path, text)


# A form of OpenAI's.

CONTENT = b'{"a": 1}\r\n--not the boundary\r\n--B\r--\r\n' * 50


def form(content=CONTENT):
    return (
        b'--BB\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--BB\r\ncontent-disposition: form-data; name="file"; filename="in.jsonl"\r\n'
        b"content-type: application/octet-stream\r\n\r\n" + content + b"\r\n--BB--\r\n"
    )


async def in_blocks(text, size):
    for start in range(0, len(text), size):
        yield text[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize("content", [CONTENT, b"", b"\r\n"])
async def test_form_arrives_in_blocks_of_any_size(tmp_path, size, content):
    into = tmp_path / "file"
    came = await received("multipart/form-data; boundary=BB", in_blocks(form(content), size), into)
    assert came.fields == {"purpose": "batch"}
    assert (came.filename, came.size_bytes, into.read_bytes()) == (
        "in.jsonl",
        len(content),
        content,
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", form()),
        ("multipart/form-data; boundary=BB", form()[:-20]),
        ("multipart/form-data; boundary=BB", b""),
    ],
)
async def test_form_that_is_none_is_refused(tmp_path, kind, text):
    with pytest.raises(BadRequest):
        await received(kind, in_blocks(text, 100), tmp_path / "file")


# The works.


def engine_at(home, wall):
    return Engine(home, clock=lambda: datetime.fromtimestamp(wall(), UTC))


class Customs:
    def check(self, job, requests):
        raise AssertionError

    def ended(self, job):
        pass


async def test_lines_that_were_charged_before_a_crash_are_not_charged_again(tmp_path):
    """Between the ledger and the note of how far it is, the process may die."""
    home, wall = Home.under(tmp_path), Wall()
    count = 2 * LINES_AT_ONCE + 50
    job = make_job(total=count, created=wall.seconds, created_wall=wall.seconds)
    engine = engine_at(home, wall)
    folder = engine.shelf.folder(job.id)
    folder.mkdir(parents=True)
    messages = [{"role": "user", "content": "Hello."}]
    params = {"model": "claude-haiku-5-5", "max_tokens": 9, "messages": messages}
    line = orjson.dumps({"custom_id": "a", "params": params}) + b"\n"
    (folder / "requests.jsonl").write_bytes(line * count)
    engine.shelf.add(job)
    wall.seconds += 50
    before = await engine.works.catch_up(job)
    assert before.written == count // 2
    behind = {"written": 10, "read_bytes": 10 * len(line), "output_bytes": 0, "answered": 10}
    engine.shelf.change(job.id, lambda job: job.model_copy(update=behind))
    engine.close()

    again = engine_at(home, wall)
    again.works.customs["anthropic"] = Customs()
    wall.seconds += 50
    (begun,) = again.shelf.at_work()
    done = await again.works.catch_up(begun)
    again.close()
    assert (done.ended, done.answered) == (End.COMPLETED, count)
    assert [entry["line"] for entry in entries(home.ledger)] == list(range(count))
