"""Questions on their way to a batch and back: written down, named, joined by name."""

import errno
import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import orjson
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.batches import Line, LineEnd
from providers.neutral import Reply, Stop, Usage
from providers.prices import Rate
from runs import Attempt, Batch, RunPaths, attempts
from tasks.harvest import harvest, reject
from tasks.parcels import (
    FRAME_BYTES,
    Most,
    Parcels,
    Pool,
    Takes,
    addressed,
    custom_id,
    sequence,
)
from tasks.work import Asking

AT = datetime(2026, 11, 22, tzinfo=UTC)
RATE = Rate(input=Decimal(1), cached=Decimal(1), cache_write=Decimal(1), output=Decimal(1))
MOST = Takes(tokens=7, most_usd=Decimal("0.001"))


def asking(unit_id: str, attempt: int = 1) -> Asking:
    return Asking({"unit_id": unit_id}, 1, attempt, (), 0)


def request_line(name: str, wire: bytes) -> bytes:
    return b'{"custom_id":%s,"body":%s}' % (orjson.dumps(name), wire)


def read_line(line: bytes) -> Line:
    """Read a line of a vendor whose lines are as simple as that."""
    row = orjson.loads(line)
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise ValueError("not a line")  # noqa: TRY004  as a vendor does
    body, end = row.get("body"), LineEnd(row.get("end", "answered"))
    raw = orjson.dumps(body) if body is not None else None
    return Line(row["id"], end, raw, message=row.get("message"), body=body)


def read_reply(body) -> Reply:
    return Reply(body.get("text", ""), Stop.DONE, Usage(10, 0, 0, 5, 0), None, None)


@pytest.fixture
def paths(tmp_path):
    run = RunPaths(tmp_path / "run")
    for chunk in ("chunk_000", "chunk_001"):
        run.chunk(chunk).dir.mkdir(parents=True)
    return run


def make_parcels(paths: RunPaths) -> Parcels:
    return Parcels(paths, "tell", "openai", "gpt-6-luna")


def make_pool(paths: RunPaths, most: Most) -> Pool:
    return Pool(
        lambda: make_parcels(paths), lambda parcels: parcels.seal("run", request_line, AT), most
    )


@pytest.fixture
def seal(paths):
    def seal(units=("a", "b", "c"), chunk="chunk_000"):
        parcels = make_parcels(paths)
        for unit in units:
            parcels.add(chunk, asking(unit), b'{"say":"%s"}' % unit.encode(), MOST)
        return parcels.seal("run", request_line, AT)

    return seal


def brought(paths: RunPaths, batch: Batch, lines: list[object], **how):
    text = b"\n".join(x if isinstance(x, bytes) else orjson.dumps(x) for x in lines)
    paths.downloaded(batch.short).write_bytes(text + b"\n")
    return harvest(batch, paths, read_line=read_line, read_reply=read_reply, rate=RATE, **how)


def answer(batch: Batch, number: int, text: str = "hi") -> dict[str, object]:
    return {"id": custom_id(batch.key, number), "body": {"text": text}}


def text_of(attempt: Attempt) -> str:
    return json.loads(attempt.raw or b"{}")["text"]


def history(paths: RunPaths, chunk: str = "chunk_000"):
    return attempts(paths.chunk(chunk).results("tell"))


def test_requests_are_called_by_the_key_of_their_batch(seal, paths):
    batch, intent = seal()
    rows = [json.loads(line) for line in intent.file.read_bytes().splitlines()]
    assert [row["custom_id"] for row in rows] == [f"{batch.key[:8]}-{n:06d}" for n in range(3)]
    assert [row["body"]["say"] for row in rows] == ["a", "b", "c"]
    assert [row.unit_id for row in addressed(paths.index(batch.short))] == ["a", "b", "c"]
    assert (batch.requests, intent.requests, batch.most_usd) == (3, 3, 0.003)
    assert batch.size_bytes == intent.file.stat().st_size
    assert {path.suffix for path in paths.batches.iterdir()} == {".jsonl"}


def test_what_travels_once_more_has_another_key(paths):
    """Its results are its own."""
    keys: set[str] = set()
    for _ in range(3):
        parcels = make_parcels(paths)
        parcels.add("chunk_000", asking("a"), b"{}", MOST)
        keys.add(parcels.seal("run", request_line, AT, taken=frozenset(keys)).batch.key)
    assert len({key[:8] for key in keys}) == 3


def test_no_two_batches_are_called_alike(seal, paths):
    """Of ten thousand, two keys begin alike in one run of a hundred: one's files would be lost."""
    batch, _ = seal(("a",))
    parcels = make_parcels(paths)
    parcels.add("chunk_000", asking("a"), b'{"say":"a"}', MOST)
    again, _ = parcels.seal("run", request_line, AT, taken=(batch.short + "0" * 56,))
    assert again.short != batch.short


def test_the_same_asking_has_the_same_key(seal):
    assert seal().batch.key == seal().batch.key
    assert seal().batch.key != seal(("a", "b")).batch.key
    assert seal().batch.key != seal(chunk="chunk_001").batch.key


@given(st.integers(0, 999_999), st.text())
def test_only_own_names_are_understood(number, other):
    key = "3f9a1c2b" + "0" * 56
    assert sequence(key, custom_id(key, number)) == number
    found = sequence(key, other)
    assert found is None or other.startswith("3f9a1c2b-")


def test_a_pool_begins_a_new_batch_where_the_next_would_not_fit(paths):
    """By number, by size and by tokens; nothing is left out, and nothing is too large."""
    sealed = []
    many = 10**9
    for most in (Most(2, many), Most(many, 2 * (11 + FRAME_BYTES)), Most(many, many, 15)):
        pool = make_pool(paths, most)
        for n in range(5):
            pool.add("chunk_000", asking(f"{most.requests}-{n}"), b'{"say":%03d}' % n, MOST)
        sealed.append([one.batch.requests for one in pool.finish()])
        assert pool.finish() == []
    assert sealed == [[2, 2, 1]] * 3


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 100)), max_size=30),
    st.builds(Most, st.integers(1, 9), st.integers(1, 2000), st.none() | st.integers(1, 200)),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_every_request_is_in_exactly_one_batch(paths, sizes, most):
    """None holds more than it may, but one that no batch could hold travels alone."""
    pool = make_pool(paths, most)
    for number, (size, tokens) in enumerate(sizes):
        takes = Takes(tokens, Decimal(0))
        pool.add("chunk_000", asking(str(number)), b'"%s"' % (b"x" * size), takes)
    batches = [batch for batch, _ in pool.finish()]
    told = [int(row.unit_id) for one in batches for row in addressed(paths.index(one.short))]
    assert told == [*range(len(sizes))]
    assert sum(batch.tokens for batch in batches) == sum(tokens for _, tokens in sizes)
    for batch in batches:
        fits = batch.size_bytes <= most.size_bytes and batch.tokens <= (most.tokens or batch.tokens)
        assert batch.requests == 1 or (fits and batch.requests <= most.requests)


def test_answers_are_joined_by_name_in_any_order(seal, paths):
    batch, _ = seal()
    found = brought(paths, batch, [answer(batch, n, f"to {n}") for n in (2, 0, 1)])
    assert (found.answered, found.missing, found.strays) == (3, 0, 0)
    told = {unit: text_of(rows[0]) for unit, rows in history(paths).items()}
    assert told == {"a": "to 0", "b": "to 1", "c": "to 2"}
    costs = [rows[0].cost_usd or 0 for rows in history(paths).values()]
    assert found.spent_usd == sum(costs) > 0
    assert {rows[0].lane for rows in history(paths).values()} == {"batch"}


def test_fetching_twice_is_fetching_once(seal, paths):
    """A killed process may have written a part of it."""
    batch, _ = seal()
    brought(paths, batch, [answer(batch, 0)], complete=False)
    path = paths.chunk("chunk_000").results("tell")
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0] + b'{"torn": ')
    brought(paths, batch, [answer(batch, n) for n in range(3)])
    assert [len(rows) for rows in history(paths).values()] == [1, 1, 1]


def test_what_a_killed_process_wrote_is_synced_before_the_batch_is_over(seal, paths, monkeypatch):
    """Nobody knows whether the dead had come to that; behind it stands the journal's line."""
    batch, _ = seal()
    lines: list[object] = [answer(batch, number) for number in range(3)]
    brought(paths, batch, lines)
    synced: list[tuple[int, int]] = []
    monkeypatch.setattr("tasks.harvest.sync", lambda fd: synced.append(os.fstat(fd)[1:3]))
    brought(paths, batch, lines)
    assert synced == [paths.chunk("chunk_000").results("tell").stat()[1:3]]


def test_a_full_disk_leaves_no_file_open(seal, paths, monkeypatch):
    batch, _ = seal()
    before = psutil.Process().num_fds()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr("tasks.harvest.append", full)
    with pytest.raises(OSError, match="no space left"):
        brought(paths, batch, [answer(batch, 0)])
    assert psutil.Process().num_fds() == before


def test_what_is_missing_is_lost_and_may_have_been_paid(seal, paths):
    batch, _ = seal()
    found = brought(paths, batch, [answer(batch, 0)])
    assert (found.answered, found.missing) == (1, 2)
    lost = history(paths)["b"][0]
    assert lost.lost
    assert lost.possible_usd == MOST.most_usd


def test_what_was_not_served_cost_nothing(seal, paths):
    """Expired, cancelled, or not among the results of a batch that broke off."""
    batch, _ = seal()
    expired = {"id": custom_id(batch.key, 1), "end": "unserved", "message": "expired"}
    found = brought(paths, batch, [answer(batch, 0), expired], complete=False)
    assert (found.answered, found.unserved, found.missing) == (1, 2, 0)
    assert [history(paths)[unit][0].possible_usd for unit in "bc"] == [0, 0]


def test_a_rejected_request_is_an_attempt(seal, paths):
    batch, _ = seal(("a",))
    line = {"id": custom_id(batch.key, 0), "end": "rejected", "message": "too long"}
    brought(paths, batch, [line])
    (attempt,) = history(paths)["a"]
    assert attempt.error == {"class": "rejected", "status": None, "message": "too long"}
    assert not attempt.lost


def test_a_batch_that_is_not_taken_rejects_all_of_it(seal, paths):
    batch, _ = seal()
    reject(batch, paths, "no such endpoint")
    errors = [rows[0].error or {} for rows in history(paths).values()]
    assert [error["class"] for error in errors] == ["rejected"] * 3


def test_strays_are_kept_aside_and_never_joined(seal, paths):
    """Unknown and double names, blank and bad lines, byte order marks, other people's answers."""
    batch, _ = seal()
    own = [answer(batch, n, "own") for n in range(3)]
    strays = [
        answer(batch, 1, "another"),
        {"id": custom_id(batch.key, 3), "body": {}},
        {"id": "00000000-000000", "body": {}},
        b"\xef\xbb\xbf{}",
        b"not json",
        b'{"id": 7}',
    ]
    found = brought(paths, batch, [*own, b"", *strays])
    assert (found.answered, found.strays) == (3, len(strays))
    assert {text_of(rows[0]) for rows in history(paths).values()} == {"own"}
    assert b"another" in paths.strays(batch.short).read_bytes()


def test_an_endless_line_is_a_stray(seal, paths, monkeypatch):
    """It does not sit in memory, and does not hide the line behind it."""
    monkeypatch.setattr("tasks.harvest.MOST_LINE_BYTES", 300)
    batch, _ = seal(("a",))
    found = brought(paths, batch, [b"x" * 1000, answer(batch, 0)])
    assert (found.answered, found.strays) == (1, 1)


def test_one_batch_serves_many_chunks(paths, monkeypatch):
    """Each gets its own, with few files open at a time."""
    monkeypatch.setattr("tasks.harvest.FILES_OPEN", 1)
    parcels = make_parcels(paths)
    for n in range(6):
        parcels.add(f"chunk_00{n % 2}", asking(f"u{n}", attempt=2 + n % 3), b"{}", Takes(1, None))
    batch, _ = parcels.seal("run", request_line, AT)
    assert [(p.chunk, p.units, p.attempt) for p in batch.parcels] == [
        ("chunk_000", 3, 2),
        ("chunk_001", 3, 2),
    ]
    assert batch.most_usd is None
    brought(paths, batch, [answer(batch, n) for n in range(6)])
    assert sorted(history(paths)) == ["u0", "u2", "u4"]
    assert sorted(history(paths, "chunk_001")) == ["u1", "u3", "u5"]


def test_an_empty_index_is_an_empty_batch(tmp_path: Path):
    (tmp_path / "i").write_bytes(b"")
    assert list(addressed(tmp_path / "i")) == []
