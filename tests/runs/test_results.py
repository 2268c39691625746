"""The history of a chunk-step: written at once, synced in groups, read back as it was."""

import asyncio
import errno
import json
import os
from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import Attempt, NotDurable, Results, attempts, files
from runs.attempts import decode, encode


def make_attempt(unit_id="u1", attempt=1, raw: bytes | None = b'{"a": 1}', **fields):
    return Attempt(
        unit_id=unit_id,
        round=1,
        attempt=attempt,
        lane="realtime",
        provider="openai",
        model="gpt-6-luna",
        at=datetime(2026, 11, 22, 18, 0, 0, 123_000, tzinfo=UTC),
        seconds=0.812,
        raw=raw,
        **fields,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "generate_results.jsonl"


@pytest.fixture
def syncs(monkeypatch):
    """Count the syncs."""
    calls, real = [], os.fdatasync
    monkeypatch.setattr(files.os, "fdatasync", lambda fd: (calls.append(fd), real(fd)))
    return calls


async def test_history_comes_back_by_unit_oldest_first(path):
    """With usage, price and error as they were."""
    told = [
        make_attempt("u1", usage={"input": 3, "output": 4}, cost_usd=Decimal("0.00012")),
        make_attempt("u2", raw=None, error={"class": "template", "status": None, "message": "?"}),
        make_attempt("u1", attempt=2),
    ]
    async with Results(path) as results:
        for attempt in told:
            results.keep(attempt)
    assert attempts(path) == {"u1": [told[0], told[2]], "u2": [told[1]]}


def test_no_file_is_no_history(path):
    """A chunk-step that nobody has asked yet."""
    assert attempts(path) == {}


async def test_a_reply_is_on_file_the_moment_it_is_kept(path):
    """Another process would read it, though no sync has happened yet."""
    async with Results(path) as results:
        results.keep(make_attempt())
        assert len(attempts(path)["u1"]) == 1


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=9))
def test_a_body_comes_back_untouched(value):
    """Its bytes, but for newlines between tokens, which become spaces."""
    for body in (json.dumps(value).encode(), json.dumps(value, indent=1).encode()):
        line = encode(make_attempt(raw=body))
        assert line.count(b"\n") == 1
        assert decode(line).raw == body.replace(b"\n", b" ")


@given(st.binary())
def test_any_bytes_come_back(body):
    """A body that is not JSON is kept as text, to the byte."""
    kept = decode(encode(make_attempt(raw=body))).raw
    assert kept is not None
    assert kept == body or orjson.loads(kept) == orjson.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"text": "\\ud800"}',
        b'{"n": 123456789012345678901234567890}',
        b'{"n": NaN}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"nul": "\\u0000"}',
        b"<html>502</html>\n",
        b'{"a": "x\ny"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a":\n1}'.encode("utf-16-le"),
        b"\xff\xfe",
        b"",
        b'{"a": 1},"raw":{"b": 2}',
    ],
)
def test_hostile_bodies_come_back(body):
    """What a strict reader refuses is kept all the same, and the next line is a line."""
    lines = encode(make_attempt(raw=body)) + encode(make_attempt("u2"))
    first, second, rest = lines.split(b"\n")
    assert decode(first + b"\n").raw == body
    assert decode(second).unit_id == "u2"
    assert rest == b""


@pytest.mark.parametrize("unit_id", ["", ',"raw":', '"', "\n", "\x00", "\ud800", "🙂" * 1000])
def test_any_unit_id_comes_back(unit_id):
    """An id is data; it cannot pass for structure."""
    attempt = make_attempt(unit_id, error={"class": ',"raw":{', "status": 1, "message": "\ud800"})
    assert decode(encode(attempt)) == attempt


async def test_a_torn_last_line_does_not_count_and_is_cut_off(path):
    """At every length: what kill -9 interrupted is asked again, and the next line is whole."""
    whole = encode(make_attempt("u1")) + encode(make_attempt("u2"))
    first = whole.index(b"\n") + 1
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        kept = int(length >= first)
        assert sum(map(len, attempts(path).values())) == kept
        async with Results(path) as results:
            results.keep(make_attempt("u3"))
        assert list(attempts(path)) == ["u1"] * kept + ["u3"]


async def test_a_long_torn_line_is_cut_off(path):
    """Longer than what is read at a time."""
    path.write_bytes(encode(make_attempt("u1")) + b"x" * 200_000)
    async with Results(path):
        pass
    assert path.read_bytes() == encode(make_attempt("u1"))


def test_a_bad_line_is_left_aside_and_reported(path):
    """With file and line; the units around it keep their history."""
    good = encode(make_attempt("u1"))
    path.write_bytes(good + b"\xef\xbb\xbfnonsense\n[]\n{}\n\n" + good)
    reports = []
    assert list(attempts(path, reports.append)) == ["u1"]
    assert [report.split(": ")[0] for report in reports] == [f"{path}:{n}" for n in (2, 3, 4, 5)]


async def test_a_hundred_replies_are_synced_together(path, syncs):
    """The disk is told in groups, not reply by reply."""
    async with Results(path) as results:
        for _ in range(100):
            results.keep(make_attempt())
        await results.synced()
        assert len(syncs) == 1


class Disk:
    """A disk whose syncs are seen to begin, and last until they are let go."""

    def __init__(self, monkeypatch):
        self.loop = asyncio.get_running_loop()
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.syncs = 0
        monkeypatch.setattr(files.os, "fdatasync", self.sync)

    def sync(self, fd):
        self.syncs += 1
        self.loop.call_soon_threadsafe(self.begun.set)
        asyncio.run_coroutine_threadsafe(self.go.wait(), self.loop).result(timeout=10)


async def test_a_quiet_tail_is_synced_too(path, monkeypatch):
    """The timer does it, though no more replies come and nobody asks."""
    monkeypatch.setattr("runs.results.SYNC_SECONDS", 0.0)
    disk = Disk(monkeypatch)
    async with Results(path) as results:
        results.keep(make_attempt())
        await disk.begun.wait()
        disk.go.set()


async def test_keeping_never_waits_for_the_disk(path, monkeypatch):
    """A sync that takes long holds nobody up, and what came meanwhile is synced after it."""
    disk = Disk(monkeypatch)
    async with Results(path) as results:
        for _ in range(100):
            results.keep(make_attempt())
        await disk.begun.wait()
        results.keep(make_attempt("late"))
        assert "late" in attempts(path)
        disk.go.set()
        await results.synced()
        assert disk.syncs == 2


async def test_a_waiter_that_is_cancelled_takes_nobody_with_it(path):
    """The sync is everybody's."""
    async with Results(path) as results:
        results.keep(make_attempt())
        first, second = (asyncio.create_task(results.synced()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await second
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_a_failed_sync_is_fatal(path, monkeypatch):
    """Whoever waits, keeps more or closes hears of it; it is never tried again."""

    def failing(_):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(files.os, "fdatasync", failing)
    results = Results(path)
    results.keep(make_attempt())
    with pytest.raises(NotDurable):
        await results.synced()
    monkeypatch.undo()
    with pytest.raises(NotDurable):
        results.keep(make_attempt())
    with pytest.raises(NotDurable):
        await results.close()


async def test_a_full_disk_leaves_no_half_line(path, monkeypatch):
    """The reply is lost, and said to be; those before it are not."""
    real, calls = os.write, []

    def filling(fd, data):
        calls.append(fd)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "no space left")
        return real(fd, data[:10])

    async with Results(path) as results:
        results.keep(make_attempt("u1"))
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "write", filling)
            with pytest.raises(OSError, match="no space left"):
                results.keep(make_attempt("u2"))
        results.keep(make_attempt("u3"))
    assert list(attempts(path)) == ["u1", "u3"]


async def test_what_a_killed_process_left_is_synced_before_it_is_counted(path, syncs):
    """It may be in the kernel's memory only, and a round that counts it is about to be closed."""
    path.write_bytes(encode(make_attempt()))
    async with Results(path):
        pass
    assert len(syncs) == 1
